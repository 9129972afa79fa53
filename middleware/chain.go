package middleware

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A link takes part in a call. A chain calls its methods one at a time for each call, and concurrently for different calls.
// A link embeds noLink for the methods that it does not need.
type link interface {
	// begin is called once for a call, outermost link first. An error ends the call before anything is sent.
	begin(*call) error

	// before is called before each attempt, outermost link first. It waits, or decides what the attempt asks for. An error
	// keeps the attempt from being sent, and ends the call. Funcs that it appends to the call's atEnd are called once, when
	// the attempt has ended in any way, even if it was never sent.
	before(*call) error

	// after is called when the outcome and the headers of an attempt are known, innermost link first.
	after(*call)
}

// noLink does nothing.
type noLink struct{}

func (noLink) begin(*call) error  { return nil }
func (noLink) before(*call) error { return nil }
func (noLink) after(*call)        {}

// A member is a link in a chain.
type member struct {
	link     link
	rank     rank
	enforces policy.Parts  // the settings that it enforces
	policy   policy.Policy // the one that it was given
	needs    limit.Needs   // of a limiter of its own
}

// A rank is a link's place in a chain, outermost first. The order in which links were given does not count. The budget comes
// after the tier and the cache, on which the cost depends. The limit is last, so that what waits for it is otherwise ready to be
// sent. Only the money of budgets that a link alone has is held after that: during the wait for a limit, the tier or the price
// may change.
type rank uint8

const (
	identifyRank rank = iota
	ledgerRank
	retryRank
	tierRank
	cacheRank
	budgetRank
	limitRank
	fundRank
)

// A chain is links of ours that stand next to each other, and what stands beneath them.
type chain struct {
	engine  *engine
	alone   bool // its links are no Stack's
	members []member
	rules   *ruling
	parts   policy.Parts // the settings that its links enforce
	needs   limit.Needs  // of the limiters that its links have of their own
	err     error        // why the links cannot work together; every call is refused with it
	sender  sender
	form    ErrorForm
}

// alone returns the middleware of one link that is used outside of a Stack, with its parts. Around another such link, both are
// one chain.
func alone(parts ...member) transport.Middleware {
	e := newEngine()
	return func(next http.RoundTripper) http.RoundTripper {
		if next == nil {
			next = http.DefaultTransport
		}
		members := slices.Clone(parts)
		beneath := chainOf(next)
		if beneath != nil && beneath.alone {
			members, next = append(members, beneath.members...), beneath.sender.base
		}
		c := newChain(e, members, next)
		c.alone, c.rules = true, new(ruling)
		if c.err = c.govern(); c.err == nil && !c.saysAs(beneath) {
			c.rules.warn(e)
		}
		return c
	}
}

// govern puts the policies that the links of the chain were given in force, taken together. It fails if they contradict each
// other, if one is invalid, or if it has a setting that no link enforces.
func (ch *chain) govern() error {
	var given []policy.Policy
	for _, m := range ch.members {
		given = append(given, m.policy)
	}
	p, err := policy.Merge(given...)
	if err != nil {
		return err
	}
	if err := ch.rules.set(p, ch.engine); err != nil {
		return err
	}
	if names := p.Unenforced(ch.parts); len(names) > 0 {
		return fmt.Errorf("no link of the chain enforces %s of the policies that its links were given", strings.Join(names, ", "))
	}
	return nil
}

// saysAs reports whether the chain beneath has warned of the same already. It was a chain until this one took its links over.
func (ch *chain) saysAs(beneath *chain) bool {
	return beneath != nil && beneath.alone && beneath.err == nil &&
		reflect.DeepEqual(ch.rules.Load().ineffective, beneath.rules.Load().ineffective)
}

// chainOf returns the chain that a RoundTripper is, or that [transport.Chain] made; nil if it is another RoundTripper.
func chainOf(rt http.RoundTripper) *chain {
	if wrapped, ok := rt.(interface{ Unwrap() http.RoundTripper }); ok {
		rt = wrapped.Unwrap()
	}
	c, _ := rt.(*chain)
	return c
}

// newChain returns a chain of links, in the order of their ranks, over a base.
func newChain(e *engine, members []member, base http.RoundTripper) *chain {
	c := &chain{engine: e, members: slices.Clone(members), parts: policy.AttemptPart, sender: newSender(base)}
	slices.SortStableFunc(c.members, func(a, b member) int { return cmp.Compare(a.rank, b.rank) })
	for _, m := range c.members {
		c.parts |= m.enforces
		c.needs = c.needs.With(m.needs)
	}
	return c
}

// RoundTrip runs a call, and sends a request that is no call as it is.
func (ch *chain) RoundTrip(req *http.Request) (*http.Response, error) {
	if outer := callOf(req); outer != nil {
		return ch.nested(outer, req)
	}
	dialect, facts, ok := ch.engine.router.Recognise(req.Method, req.URL)
	if !ok {
		return ch.sender.base.RoundTrip(ch.untouched(req))
	}
	r := &run{call: call{engine: ch.engine, again: ch, caches: ch.parts&policy.CachePart != 0, rules: ch.rules.Load(), needs: ch.needs, dialect: dialect, wire: facts}, chain: ch}
	resp, err := r.do(req)
	c := &r.call
	c.returned.Store(true)
	if c.prefix != nil && (err != nil || resp.StatusCode < 200 || resp.StatusCode > 299) {
		c.prefix.failed()
	}
	if c.refusal != nil && errors.Is(err, c.refusal) {
		c.emitRefusal()
	}
	return r.deliver(resp, err)
}

// nested handles a request that belongs to a call of another chain above. The same Stack lets it pass, because a client of
// a Stack may have been wrapped in it once more. Any other chain refuses it: two policies would decide, and two budgets
// count.
func (ch *chain) nested(outer *call, req *http.Request) (*http.Response, error) {
	if outer.engine == ch.engine {
		return ch.sender.base.RoundTrip(withoutIdempotencyKeys(req))
	}
	closeBody(req)
	e := &Error{Kind: ErrPolicy, Provider: outer.wire.Provider, Model: outer.wire.Model,
		Detail: "a chain of skinflint stands beneath another one: two policies would decide, and two ledgers count",
		Hint:   "put the links next to each other, or use one Stack"}
	outer.nested.Store(e)
	return nil, e
}

// untouched returns a request that is no call as it is. Only an idempotency key of a POST to a provider is removed, as it
// lets http.Transport send the request again, which may submit work twice.
func (ch *chain) untouched(req *http.Request) *http.Request {
	if req.Method != http.MethodPost || !ch.engine.router.Provides(req.URL) {
		return req
	}
	return withoutIdempotencyKeys(req)
}

// CloseIdleConnections forwards the call.
func (ch *chain) CloseIdleConnections() { transport.CloseIdleConnections(ch.sender.base) }

// A run is a call under way, with its first attempt, as most calls have only one.
type run struct {
	call    call
	first   attempt
	attempt *attempt // the latest
	chain   *chain
}

// do makes the call: one attempt or, if a link decides so, several.
func (r *run) do(req *http.Request) (*http.Response, error) {
	c := &r.call
	if err := r.begin(req); err != nil {
		return nil, err
	}
	c.hold()
	defer c.release()
	if c.retries == nil || c.wire.Kind != wire.Billable {
		return r.send()
	}
	return r.sendAgain()
}

// begin reads the request, and lets the links begin. A ledger begins in any case, because a refusal has a row.
func (r *run) begin(req *http.Request) (err error) {
	c, ch := &r.call, r.chain
	c.request, c.Context = req, req.Context()
	c.options = policy.From(c.Context)
	if ch.err != nil {
		closeBody(req)
		err = c.refuse(badPolicy(ch.err))
	} else {
		ch.engine.warnOfTimeout(req)
		if err = c.open(); err == nil {
			c.noteUnasked()
			err = c.unenforced(ch.parts)
		}
	}
	for i := range ch.members {
		m := &ch.members[i]
		if err == nil || m.rank == ledgerRank {
			err = cmp.Or(err, m.link.begin(c))
		}
	}
	return err
}

// sendAgain makes attempts until the decider wants no more.
func (r *run) sendAgain() (resp *http.Response, err error) {
	c := &r.call
	defer c.abandon()
	for {
		d := c.retries.next(c)
		if !d.Send && c.attempts == 0 {
			return nil, c.refuse(&Error{Kind: ErrDeadline, Detail: "no time is left"})
		}
		if !d.Send {
			return resp, err
		}
		if resp != nil {
			resp.Body.Close() // attempt.rejected has read it to its end if it could, so the connection can be reused
		}
		if err := c.wait(d.Wait); err != nil {
			return nil, c.refuse(&Error{Kind: ErrWait, Err: err, Wait: d.Wait,
				Detail: fmt.Sprintf("it was to wait %v before it is sent again (%s)", d.Wait, d.Why)})
		}
		c.step = d.Step
		before := c.attempts
		resp, err = r.send()
		if c.refusal != nil || c.attempts == before || c.Context.Err() != nil {
			return resp, err
		}
	}
}

// send makes one attempt, and another one without a context cache that we chose and that the provider rejects.
func (r *run) send() (*http.Response, error) {
	resp, err := r.sendOnce()
	if r.call.prefix == nil || err != nil || !r.call.cacheRejected(resp) {
		return resp, err
	}
	resp.Body.Close()
	blame := r.call.dropCache()
	resp, err = r.sendOnce()
	if blame != nil && err == nil && resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		blame()
	}
	return resp, err
}

// sendOnce makes one attempt.
func (r *run) sendOnce() (*http.Response, error) {
	c, members := &r.call, r.chain.members
	defer c.abandon()
	for i := range members {
		if err := members[i].link.before(c); err != nil {
			return nil, err
		}
	}
	a := &r.first
	if c.attempts > 0 {
		a = new(attempt)
	}
	r.attempt = a
	resp, err := a.run(c, &r.chain.sender)
	for i := len(members) - 1; i >= 0; i-- {
		members[i].link.after(c)
	}
	return resp, err
}

// deliver returns the result of a call to the caller: an answer, which says not to send the call again, or the error, in the
// form that the client understands.
func (r *run) deliver(resp *http.Response, err error) (*http.Response, error) {
	c := &r.call
	if err == nil {
		return r.answer(resp), nil
	}
	if c.givenUp() {
		return nil, err // it stays the context's error
	}
	e := r.explain(err)
	if e == nil {
		return nil, err
	}
	c.options.Tracked().Fail(e)
	switch {
	case r.chain.form.response(c.request):
		return r.chain.form.respond(c, e, ""), nil
	case errors.Is(err, e):
		return nil, err
	}
	return nil, e
}

// answer returns the provider's answer as the caller gets it.
func (r *run) answer(resp *http.Response) *http.Response {
	c, form := &r.call, r.chain.form
	if c.retries == nil || r.attempt == nil || resp.StatusCode == http.StatusSwitchingProtocols || r.mayRepeat() {
		return resp
	}
	if form == AsFinalResponse && c.costs() && c.last().Outcome == policy.Ambiguous {
		e := r.ambiguous()
		e.Detail = fmt.Sprintf("the provider answered %d, and it %s", resp.StatusCode, e.Detail)
		c.options.Tracked().Fail(e)
		return form.finish(c, e, resp)
	}
	forbidRetry(resp, !r.chain.sender.bare)
	return resp
}

// mayRepeat reports whether the SDK above may send the call again: it was free, and we never send calls of its kind again.
func (r *run) mayRepeat() bool { return r.call.wire.Kind != wire.Billable && r.call.unbilled() }

// explain returns the error of a failed call; nil if err stays as it is, because no link decides what is sent again.
func (r *run) explain(err error) *Error {
	c := &r.call
	var e *Error
	if errors.As(err, &e) {
		if e.Kind != ErrTimeout || !c.unbilled() {
			return e
		}
		err = e.Err // it was never sent, so nothing was billed
	}
	if c.retries == nil || c.last() == nil || r.mayRepeat() {
		return nil
	}
	e = r.ambiguous()
	e.Err, e.Detail = withoutSecrets(err, c.headers.Credentials), "it was sent, and "+e.Detail
	if c.unbilled() {
		e.Kind, e.Detail, e.Hint = ErrNotSent, "the provider was not reached, and nothing was billed", ""
		if c.last().Reason == policy.Permanent {
			e.Hint = remedies[r.attempt.row.ErrorCode]
		}
	}
	if c.exhausted > 0 {
		e.Hint = fmt.Sprintf("it is not sent again because our own retry quota is used up: %d retries have failed", c.exhausted)
	}
	return e
}

// ambiguous returns the error for a call that may have been billed. Its detail lacks what happened.
func (r *run) ambiguous() *Error {
	c := &r.call
	e := &Error{Kind: ErrAmbiguous, Provider: c.wire.Provider, Model: c.wire.Model, Attempts: c.attempts,
		Detail: "may have been billed", Hint: "it is not sent again unless policy.AllowDoubleBilling says so"}
	if c.exposure.Known {
		e.Detail = fmt.Sprintf("may have been billed, for $%s at most", c.exposure.Pico)
	}
	return e
}
