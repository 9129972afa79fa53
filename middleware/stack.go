package middleware

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A Stack has all links in their order, and the state that they share: limits, the ledger, and what is remembered. It is a
// RoundTripper, safe for concurrent use. A program makes one with [New], and uses it for all of its clients. The zero Stack, and
// a nil one, refuse every call with [ErrPolicy].
type Stack struct {
	engine   *engine
	rules    *ruling
	members  []member
	base     http.RoundTripper
	form     ErrorForm
	chain    http.RoundTripper // over base
	inner    http.RoundTripper // over the func that an SDK gives to Middleware
	store    ledger.Store
	watchers *watchers
}

// New returns a Stack. It fails if an option is invalid. For an invalid policy, and for one with a rule or a limit that can
// match nothing because no dialect knows its provider or its operation, the error is a [*policy.FieldError]. What of the
// policy has no effect for another reason is logged: see [policy.Policy.Ineffective].
func New(options ...Option) (*Stack, error) {
	c := config{base: transport.Base(), book: new(price.Book), store: ledger.NewMemory(0)}
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(&c); err != nil {
			return nil, err
		}
	}
	router, err := wire.NewRouter(c.wire)
	if err != nil {
		return nil, fmt.Errorf("skinflint: %w", err)
	}
	if c.catalog != nil {
		c.book.SetBase(c.catalog)
	}
	if c.prices != nil {
		c.book.SetUser(c.prices)
	}
	e := newEngine()
	e.router, e.book, e.log = router, c.book, c.log
	e.reloads, e.limiter, e.limitSalt = true, c.limiter, cmp.Or(c.limitSalt, e.limitSalt)
	if c.counts != nil {
		e.counts = c.counts
	}
	s := &Stack{engine: e, rules: new(ruling), store: c.store, base: c.base}
	if err := s.rules.set(c.policy, e); err != nil {
		return nil, err
	}
	s.rules.warn(e)
	s.rules.warnOfLimiter(e)
	if err := s.rules.reload(context.Background(), c.store, e); err != nil {
		return nil, err
	}
	rows := new(ledgerLink)
	rows.serve(c.store, e.logger())
	if c.log != nil {
		c.onRow = append(c.onRow, logRow(c.log))
	}
	s.watchers = &watchers{funcs: c.onRow, log: c.log}
	if len(c.onRow) > 0 {
		rows.sinks = append(rows.sinks, s.watchers.add)
	}
	e.hidden.on = c.refuseRepeats
	e.caching.registry, e.caching.owner, e.caching.salt = c.registry, rand.Text(), c.salt
	s.members = []member{
		{link: noLink{}, rank: identifyRank},
		{link: rows, rank: ledgerRank},
		{link: new(retryLink), rank: retryRank, enforces: policy.RetryPart},
		{link: tierLink{}, rank: tierRank, enforces: policy.TierPart},
		{link: cacheLink{}, rank: cacheRank, enforces: policy.CachePart},
		{link: new(budgetLink), rank: budgetRank, enforces: policy.BudgetPart},
		{link: new(limitLink), rank: limitRank, enforces: policy.LimitPart | policy.ClassPart},
	}
	s.build()
	return s, nil
}

// ready reports whether New made the stack.
func (s *Stack) ready() bool { return s != nil && s.engine != nil }

// errNotReady is the error of a stack that New did not make.
func errNotReady() *Error {
	return &Error{Kind: ErrPolicy, Detail: "the Stack is nil or zero", Hint: "make it with middleware.New"}
}

// refusing is the RoundTripper of a stack that New did not make.
func refusing(req *http.Request) (*http.Response, error) {
	closeBody(req)
	return nil, errNotReady()
}

func (s *Stack) build() { s.chain, s.inner = s.Chain(s.base), s.Chain(contextBase{}) }

// ErrorsAs returns the same stack, with the same limits and ledger, for a client that needs refusals and failed attempts in
// another form. Adapters choose the form that does not make their SDK send again; the default is [AsHeadersSay].
func (s *Stack) ErrorsAs(form ErrorForm) *Stack {
	if !s.ready() {
		return new(Stack)
	}
	other := *s
	other.form = form
	other.build()
	return &other
}

// Chain puts the stack around base; nil is [http.DefaultTransport]. All RoundTrippers of one Stack share its limits and its
// ledger.
func (s *Stack) Chain(base http.RoundTripper) http.RoundTripper {
	if !s.ready() {
		return transport.RoundTripperFunc(refusing)
	}
	if base == nil {
		base = http.DefaultTransport
	}
	c := newChain(s.engine, s.members, base)
	c.rules, c.form = s.rules, s.form
	return c
}

// RoundTrip sends a request through the stack and its base.
func (s *Stack) RoundTrip(req *http.Request) (*http.Response, error) {
	if !s.ready() {
		return refusing(req)
	}
	return s.chain.RoundTrip(req)
}

// CloseIdleConnections closes the base's idle connections.
func (s *Stack) CloseIdleConnections() {
	if s.ready() {
		transport.CloseIdleConnections(s.chain)
	}
}

// Client returns a new client over the stack. It has no timeout: use a context's deadline, which also bounds the waits.
func (s *Stack) Client() *http.Client { return &http.Client{Transport: s} }

// Wrap returns a copy of hc whose transport is the stack around hc's own, or around the stack's base if hc has none. Its
// cookie jar, redirect policy and timeout stay. A nil hc is [Stack.Client].
func (s *Stack) Wrap(hc *http.Client) *http.Client {
	if hc == nil {
		return s.Client()
	}
	wrapped := *hc
	wrapped.Transport = s
	if hc.Transport != nil {
		wrapped.Transport = s.Chain(hc.Transport)
	}
	return &wrapped
}

// Middleware sends a request through the stack and then through next, for SDKs that take middleware as a func of this
// type. It fits option.WithMiddleware of openai-go and of anthropic-sdk-go as it is:
//
//	client := openai.NewClient(option.WithMiddleware(stack.Middleware))
//
// The SDK's own http.Client, with its timeout, then stands below the stack, and its retries above it; the stack keeps them
// from repeating what may have been billed.
func (s *Stack) Middleware(req *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	if next == nil {
		closeBody(req)
		return nil, badPolicy(errors.New("Stack.Middleware: next is nil"))
	}
	if !s.ready() {
		return refusing(req)
	}
	return s.inner.RoundTrip(withNext(req, next))
}

// SetPolicy puts another policy in force, for calls that begin from now on. An invalid policy is a [*policy.FieldError], and
// changes nothing.
//
// What is used up stays used up. A limit of which only figures change keeps what was taken from it, and who holds its permits. A
// budget of the same name keeps what was spent and is held; its match, its cap and its percents may change. Its Window, Every,
// Zone and Per cannot: that is an error, and the former policy stays in force.
//
// A limit with another name, match, tier, zone, Per or Learn begins anew, and does not count the attempts that are under way. A
// budget of a new name counts what the store has of its window. Until that is read, its calls wait, as for money that others
// hold. If the store returns an error, SetPolicy returns it; the policy is in force already, and refuses the calls of its new
// budgets.
//
// With [WithLimiter], all of this is up to the limiter.
func (s *Stack) SetPolicy(p policy.Policy) error {
	if !s.ready() {
		return errNotReady()
	}
	if err := s.rules.set(p, s.engine); err != nil {
		return err
	}
	s.rules.warn(s.engine)
	s.rules.warnOfLimiter(s.engine)
	return s.rules.reload(context.Background(), s.store, s.engine)
}

// Limits returns how the limits of the policy in force stand: how many calls they hold back, and which calls have held their
// permits for longest.
func (s *Stack) Limits() []limit.State {
	if !s.ready() {
		return nil
	}
	return s.rules.Load().states()
}

// Budgets returns how the budgets of the policy in force stand. It leaves out those of which that is not known: of a limiter of
// [WithLimiter] that cannot say it. For one that cannot count what was spent before it was made, [budget.State.Unread] is set.
func (s *Stack) Budgets() []budget.State {
	if !s.ready() {
		return nil
	}
	return s.rules.Load().budgets()
}

// Prices returns the book of prices that the stack uses. Its catalogs can be replaced while calls run.
func (s *Stack) Prices() *price.Book {
	if !s.ready() {
		return new(price.Book)
	}
	return s.engine.book
}

// Resolve replaces the exposure of an attempt, which it may have cost, by what a bill says that it cost: 0 if it was not
// billed. Call and attempt are those of its row. An error says that the store does not know the attempt, that its cost is fully
// known, or that the store has no Resolve.
func (s *Stack) Resolve(call string, attempt int, cost price.Pico) error {
	if !s.ready() {
		return errNotReady()
	}
	r, ok := s.store.(ledger.Resolver)
	if !ok {
		return fmt.Errorf("skinflint: the store, a %T, cannot resolve what an attempt has cost", s.store)
	}
	if err := r.Resolve(call, attempt, cost); err != nil {
		return err
	}
	s.engine.pending.resolved(call, attempt)
	if l := s.rules.Load().spender; l != nil {
		l.Spend(&ledger.Row{Call: call, Attempt: attempt, Cost: ledger.Known(cost), PriceID: ledger.BillPriceID})
	}
	return nil
}

// Totals returns the totals of all rows; none if a store of the program's own has no such method.
func (s *Stack) Totals() ledger.Totals {
	if s.ready() {
		if t, ok := s.store.(interface{ Totals() ledger.Totals }); ok {
			return t.Totals()
		}
	}
	return ledger.Totals{}
}

// Rows returns the latest rows, oldest first; none if a store of the program's own has no such method.
func (s *Stack) Rows() []ledger.Row {
	if s.ready() {
		if t, ok := s.store.(interface{ Rows() []ledger.Row }); ok {
			return t.Rows()
		}
	}
	return nil
}

// Close deletes the context caches that the stack has made, waits until the watchers have seen every row of the calls that have
// ended, and the store, if it is a [ledger.Flusher], has them safe, or until ctx is done; if ctx is done already, the deletion still gets 10 seconds. It closes idle connections. The stack
// can still be used, but makes no context caches any more. Close does not close the store, which is the program's: a
// [ledger.Writer] has a Close of its own.
func (s *Stack) Close(ctx context.Context) error {
	if !s.ready() {
		return nil
	}
	err := errors.Join(s.engine.caching.close(ctx), s.watchers.flush(ctx))
	if f, ok := s.store.(ledger.Flusher); ok {
		err = errors.Join(err, f.Flush(ctx))
	}
	s.CloseIdleConnections()
	return err
}
