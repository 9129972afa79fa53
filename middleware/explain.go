package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
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
	Cache      string      // the registered context cache that it would use, or why it uses none; "" if none is registered
	Limits     []string    // those that match: "500 requests per minute, 32 at once", and who holds all permits of one
	Budgets    []string    // those that match, and how they stand: "nightly: $4.20 spent and $0.35 held of $25 in 24h"
	Worst      *price.Pico // the most that the call can cost; nil if that is not known
}

// Explain says what is in force for a request, and why; and if the call would be refused, why. It sends nothing, and leaves
// the request's body unread: the request must have a GetBody, as those of [http.NewRequest] do. It considers what is
// remembered of earlier calls, such as a tier that the model has rejected, but not how long a limit would hold the call back.
func (s *Stack) Explain(req *http.Request) (Explanation, error) {
	if !s.ready() {
		return Explanation{}, errNotReady()
	}
	return s.explain(req)
}

func (s *Stack) explain(req *http.Request) (Explanation, error) {
	d, facts, ok := s.engine.router.Recognise(req.Method, req.URL)
	if !ok {
		return Explanation{}, nil
	}
	e := Explanation{Recognised: true, Provider: facts.Provider, Operation: facts.Operation, Model: facts.Model}
	c := &call{ // of a context that may be done already
		Context: context.WithoutCancel(req.Context()), engine: s.engine, rules: s.rules.Load(), dialect: d, wire: facts,
		options: policy.From(req.Context()), explained: true, caches: true,
	}
	if err := c.options.Err(); err != nil {
		return e, err
	}
	for _, f := range c.rules.ineffective {
		e.NotDone = append(e.NotDone, f.Error())
	}
	if facts.Kind != wire.Billable {
		e.Skipped = "it is sent as it is, and observed"
		c.request, c.input.body, c.start = req, &c.body, time.Now()
		c.headers = c.body.Inspect(req.Header)
		if err := c.explainHolding(); err != nil {
			return e, fmt.Errorf("skinflint: explain: %w", err)
		}
		e.Model = c.wire.Model
		c.settings = c.rules.resolver.Resolve(c.options, c.subject())
		if err := new(budgetLink).begin(c); err != nil {
			e.Refused = err.Error()
		}
		if unasked := c.settings.Unasked; unasked != "" && c.options.AsksForTier() {
			e.NotDone = append(e.NotDone, unasked)
		}
		if c.costs() {
			e.explainLimits(c)
		}
		return e, nil
	}
	var err error
	if c.request, err = again(req); err != nil {
		return e, fmt.Errorf("skinflint: explain: %w", err)
	}
	if err = c.open(); err == nil {
		c.noteUnasked()
	}
	c.deadline = deadlineOf(req.Context(), c.options)
	if err == nil {
		err = new(budgetLink).begin(c)
	}
	defer c.body.Close()
	switch {
	case err != nil && c.refusal == nil, errors.Is(err, ErrBody):
		return e, fmt.Errorf("skinflint: explain: %w", err)
	case err != nil:
		e.Refused = err.Error()
	}
	e.explain(c)
	return e, nil
}

// again returns a copy of a request whose body can be read without reading that of the request.
func again(req *http.Request) (*http.Request, error) {
	copied := *req
	switch {
	case req.GetBody != nil:
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		copied.Body = body
	case req.Body != nil && req.Body != http.NoBody:
		return nil, errors.New("the request has a body but no GetBody")
	}
	return &copied, nil
}

// explain says what is in force for a call that was opened.
func (e *Explanation) explain(c *call) {
	subject := c.subject()
	settings, list := c.rules.resolver.Explain(c.options, subject)
	c.settings = &settings
	e.Model, e.Stream, e.Skipped, e.Plan, e.Settings = c.wire.Model, c.wire.Stream, c.body.Skipped(), settings.Plan, list
	if worst, err := c.account(c.start).worst(settings.Plan); err == nil && c.wire.Fees == wire.NoTools {
		e.Worst = &worst
	}
	e.explainTier(c)
	e.explainLimits(c)
	e.Cache = c.explainCache()
	for _, setting := range e.Settings {
		if setting.Unused != "" {
			e.NotDone = append(e.NotDone, fmt.Sprintf("%s %s: %s", setting.Name, setting.Value, setting.Unused))
		}
	}
}

// explainLimits says which limits and budgets the call matches, and whether a budget would refuse it.
func (e *Explanation) explainLimits(c *call) {
	subject := c.subject()
	for _, l := range c.rules.resolver.Limits() {
		if l.Selects(&subject, c.settings.Plan.First(), c.options.Tags()) {
			e.Limits = append(e.Limits, describe(c.stateOf(l, &subject)))
		}
	}
	c.reserved = new(reservation)
	c.prepare(limit.Needs{Cost: true})
	states, err := c.budgetStates()
	for _, b := range c.rules.resolver.Budgets() {
		if b.Match.Matches(&subject, c.options.Tags()) {
			e.Budgets = append(e.Budgets, c.describeBudget(&b, &subject, states, err))
		}
	}
	l, ok := c.rules.limiter.(limit.Refuser)
	if !ok || e.Refused != "" {
		return
	}
	switch err := l.Refuses(&c.reserved.request); {
	case err == nil:
	case err.OnlyCheapest && c.onlyCheapest(err):
		e.NotDone = append(e.NotDone, c.skipped)
	default:
		refusal := budgetError(c, err)
		refusal.Provider, refusal.Model = c.wire.Provider, c.wire.Model
		e.Refused = refusal.Error()
	}
}

// explainTier says which tier is asked for first, if that is not the first of the plan, and why.
func (e *Explanation) explainTier(c *call) {
	tierLink{}.before(c)
	if c.skipped != "" {
		e.NotDone = append(e.NotDone, c.skipped)
	}
	first := cmp.Or(string(c.step.Tier), "the provider's default")
	switch {
	case c.step.Tier == c.settings.Plan.First():
	case c.step.Tier == c.settings.FirstTier(c.left(0)):
		e.Settings[0] = policy.Setting{Name: "tier", Value: first, From: "too little time for flex"}
	default:
		e.Settings[0] = policy.Setting{Name: "tier", Value: first, From: "the model has rejected the tier"}
	}
}

// budgetStates returns how budgets stand: at least those of the call of which something is spent or held. An error says why that
// is not known.
func (c *call) budgetStates() ([]budget.State, error) {
	if l, ok := c.rules.limiter.(interface {
		BudgetStates(*limit.Request) ([]budget.State, error)
	}); ok {
		return l.BudgetStates(&c.reserved.request)
	}
	return c.rules.budgets(), nil
}

// describeBudget returns how a budget of the call stands.
func (c *call) describeBudget(b *policy.Budget, s *policy.Subject, states []budget.State, unknown error) string {
	state := budget.State{Budget: *b, Key: policy.KeyText(b.Per, policy.KeyOf(b.Per, s, c.settings.Plan.First(), "", c.options.Tags()))}
	if unknown != nil {
		return fmt.Sprintf("%s: it is not known what is left of $%s %s: %v", state.Name(), b.Cap, budget.WindowText(b), unknown)
	}
	keys := 0
	for _, known := range states {
		if known.Budget.Name != b.Name {
			continue
		}
		keys++
		if known.Key == state.Key {
			return known.String()
		}
		state.Unread = state.Unread || known.Unread
	}
	// A limiter that says how the budget stands for some keys leaves out those of which nothing is spent. It may also leave out
	// keys beyond the 100 fullest.
	if keys == 0 || keys >= 100 {
		return state.Name() + ": how it stands is not known"
	}
	return state.String()
}

// stateOf returns how a limit of the call stands.
func (c *call) stateOf(l policy.Limit, s *policy.Subject) limit.State {
	per := l.Dimensions()
	state := limit.State{Limit: l, Key: policy.KeyText(per, policy.KeyOf(per, s, c.settings.Plan.First(), c.keyName(), c.options.Tags()))}
	for _, known := range c.rules.states() {
		if known.Key == state.Key && reflect.DeepEqual(known.Limit, l) {
			state = known
		}
	}
	return state
}

// describe returns the text of a limit and, if all its permits are held, of those who hold them.
func describe(s limit.State) string {
	text := limit.Describe(s.Limit)
	if s.Limit.Name != "" {
		text = s.Limit.Name + ": " + text
	}
	if s.Key != "" {
		text += " (" + s.Key + ")"
	}
	if s.Limit.Concurrency == 0 || s.Busy < s.Limit.Concurrency {
		return text
	}
	text += fmt.Sprintf("; all are held, and %d wait", s.Waiting)
	for _, h := range s.Holders {
		text += "; " + h.String()
	}
	return text
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
	for _, n := range e.NotDone {
		fmt.Fprintf(w, "not done\t%s\n", n)
	}
	if e.Cache != "" {
		fmt.Fprintf(w, "context cache\t%s\n", e.Cache)
	}
	for _, l := range e.Limits {
		fmt.Fprintf(w, "limit\t%s\n", l)
	}
	for _, b := range e.Budgets {
		fmt.Fprintf(w, "budget\t%s\n", b)
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
