package middleware

import (
	"github.com/skinflint-go/skinflint/transport/wire"

	"errors"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// An Explanation says what the stack would do with a request.
type Explanation struct {
	Recognised bool // it is a call that costs money or may do so; any other request passes through as it is
	Provider   string
	Operation  string
	Model      string
	Stream     bool
	Skipped    string // why the body would be left as it is
	Plan       policy.Plan
	Settings   []policy.Setting
	Limits     []string    // those that match: "500 requests per minute, 32 at once"
	Worst      *price.Pico // the most that the call can cost; nil if that is not known
}

// Explain says what is in force for a request, and why. It sends nothing, and leaves the request's body unread: the request
// must have a GetBody, as those of [http.NewRequest] do. It does not consider which tiers the model has rejected before.
// Bad context options are an error.
func (s *Stack) Explain(req *http.Request) (Explanation, error) {
	d, facts, ok := s.engine.router.Recognise(req.Method, req.URL)
	if !ok {
		return Explanation{}, nil
	}
	if facts.Kind != wire.Billable {
		return Explanation{Recognised: true, Provider: facts.Provider, Operation: facts.Operation, Model: facts.Model, Skipped: "only observed"}, nil
	}
	c := &call{
		Context: req.Context(), engine: s.engine, rules: s.rules.Load(), request: req, dialect: d, wire: facts,
		options: policy.From(req.Context()), start: time.Now(),
	}
	c.input.body = &c.body
	c.deadline = deadlineOf(req.Context(), c.options)
	if err := c.options.Err(); err != nil {
		return Explanation{}, err
	}
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return Explanation{}, fmt.Errorf("skinflint: explain: %w", err)
		}
		copied := *req
		copied.Body = body
		if err := c.body.Load(&copied, c.wire.RequestPaths); err != nil {
			return Explanation{}, fmt.Errorf("skinflint: explain: %w", err)
		}
		defer c.body.Close()
		d.Request(&c.wire, req.Header, c.body.Fields())
	} else if req.Body != nil && req.Body != http.NoBody {
		return Explanation{}, errors.New("skinflint: explain: the request has a body but no GetBody")
	}
	subject := c.subject()
	settings, list := c.rules.resolver.Explain(c.options, subject)
	e := Explanation{
		Recognised: true, Provider: c.wire.Provider, Operation: c.wire.Operation, Model: c.wire.Model,
		Stream: c.wire.Stream, Skipped: c.body.Skipped(), Plan: settings.Plan, Settings: list,
	}
	for _, l := range c.rules.resolver.Limits() {
		if l.Match.Matches(&subject, c.options.Tags()) {
			e.Limits = append(e.Limits, limit.Describe(l))
		}
	}
	if worst, err := c.account(c.start).worst(settings.Plan); err == nil {
		e.Worst = &worst
	}
	if first := settings.FirstTier(c.left(0)); first != settings.Plan.First() {
		e.Settings[0] = policy.Setting{Name: "tier", Value: string(first), From: "too little time for flex"}
	}
	return e, nil
}

// String returns the explanation as a table.
func (e Explanation) String() string {
	if !e.Recognised {
		return "no call that skinflint recognises: it passes through as it is\n"
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "call\t%s %s of %s\n", e.Provider, e.Operation, e.Model)
	for _, s := range e.Settings {
		fmt.Fprintf(w, "%s\t%s\t(%s)\n", s.Name, s.Value, s.From)
	}
	for _, l := range e.Limits {
		fmt.Fprintf(w, "limit\t%s\n", l)
	}
	if e.Worst != nil {
		fmt.Fprintf(w, "costs at most\t$%s\n", *e.Worst)
	}
	if e.Skipped != "" {
		fmt.Fprintf(w, "body left as it is\t%s\n", e.Skipped)
	}
	w.Flush()
	return b.String()
}
