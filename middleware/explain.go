package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// An Explanation says what the stack would do with a request.
type Explanation struct {
	Recognised bool // it is a call that costs money or may do so; any other request passes through as it is
	Provider   string
	Operation  string
	Model      string
	Stream     bool
	Skipped    string // why the body would be left as it is
	Refused    string // why the call would be refused, such as a limit on its cost; "" if it would be sent
	Plan       policy.Plan
	Settings   []policy.Setting
	NotDone    []string    // what is set and will not be done, with the reason: "flex: 45s left, it needs 1m0s"
	Limits     []string    // those that match: "500 requests per minute, 32 at once"
	Worst      *price.Pico // the most that the call can cost; nil if that is not known
}

// Explain says what is in force for a request, and why; and if the call would be refused, why. It sends nothing, and leaves
// the request's body unread: the request must have a GetBody, as those of [http.NewRequest] do. It does not consider what
// earlier calls have changed, such as a tier that the model has rejected, or a limit that is in use.
func (s *Stack) Explain(req *http.Request) (Explanation, error) {
	d, facts, ok := s.engine.router.Recognise(req.Method, req.URL)
	if !ok {
		return Explanation{}, nil
	}
	e := Explanation{Recognised: true, Provider: facts.Provider, Operation: facts.Operation, Model: facts.Model}
	if facts.Kind != wire.Billable {
		e.Skipped = "it is sent as it is, and observed"
		return e, nil
	}
	copied := *req
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return e, fmt.Errorf("skinflint: explain: %w", err)
		}
		copied.Body = body
	} else if req.Body != nil && req.Body != http.NoBody {
		return e, errors.New("skinflint: explain: the request has a body but no GetBody")
	}
	c := &call{ // of a context that may be done already
		Context: context.WithoutCancel(req.Context()), engine: s.engine, rules: s.rules.Load(), request: &copied, dialect: d, wire: facts,
		options: policy.From(req.Context()),
	}
	err := c.open()
	c.deadline = deadlineOf(req.Context(), c.options)
	if err == nil {
		err = budgetLink{}.begin(c)
	}
	defer c.body.Close()
	switch {
	case c.options.Err() != nil:
		return e, c.options.Err()
	case err != nil && c.refusal == nil, errors.Is(err, ErrBody):
		return e, fmt.Errorf("skinflint: explain: %w", err)
	case err != nil:
		e.Refused = err.Error()
	}
	subject := c.subject()
	settings, list := c.rules.resolver.Explain(c.options, subject)
	e.Model, e.Stream, e.Skipped, e.Plan, e.Settings = c.wire.Model, c.wire.Stream, c.body.Skipped(), settings.Plan, list
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
	if e.Refused != "" {
		fmt.Fprintf(w, "it would be refused\t%s\n", e.Refused)
	}
	if e.Skipped != "" {
		fmt.Fprintf(w, "body left as it is\t%s\n", e.Skipped)
	}
	w.Flush()
	return b.String()
}
