package middleware

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A call is what is known about one call. It is the context of its attempts, so that a second chain beneath finds it there.
// Its fields belong to the goroutine that runs the call, and are grouped by what writes them.
type call struct {
	context.Context // the request's

	// Written when the call begins, before any link sees it.
	engine   *engine
	again    http.RoundTripper // the chain, for what it asks for itself
	rules    *rules
	request  *http.Request // the program's; not changed
	dialect  wire.Dialect
	wire     wire.Call // what the request says
	options  *policy.Options
	settings *policy.Settings
	body     transport.Body
	headers  *transport.Headers // of body
	input    input
	repeat   repeatable
	awaited  *awaited      // nil: its client is not known to repeat it in secret
	prefix   *prefixUse    // nil: it is not read
	errand   *errand       // nil: the call is the program's
	holding  *wire.Holding // of a context cache; nil: it is no request for one, or was not read
	id       string
	start    time.Time
	deadline time.Time

	// Written by links in begin.
	sinks   []func(*ledger.Row) // that rows go to
	openers []func(*ledger.Row) // that are shown a row before its attempt is sent
	retries decider             // has the call sent again; nil: there is one attempt
	cache   string              // the context cache to put into the request
	// what to ask of the provider's prompt cache, where its writes cost money
	promptCache wire.PromptCache

	reserved *reservation // what it asks of limits and budgets; nil: there are none

	// Written by links in before, for the next attempt; the chain sets the step to what the decider decided.
	step    policy.Step
	skipped string // the tiers that it does not ask for, the limit that does not hold, and why
	waited  time.Duration
	atEnd   []func(*ledger.Row) // called when it has ended; with nil if it was never sent

	// Written by the chain and its attempts.
	attempts  int // sent, or tried to
	results   []policy.Result
	room      [1]policy.Result // for results
	exposure  ledger.Amount    // of the last attempt
	storage   *ledger.Row      // of what the last attempt has added to the storage of a context cache; nil if nothing
	refusal   *Error           // ours, of this call
	withdrawn *ledger.Row      // of an attempt that a ledger was shown, and that was refused

	nested atomic.Pointer[Error] // the refusal of a chain beneath, which may run on other goroutines
	// More of the above, beside each other because they take less room so:
	exposed   bool        // written by its attempt: budgets have the cost of storage already
	needs     limit.Needs // written when it begins: of the limiters of its links
	explained bool        // written when it begins: it is only explained, so nothing is logged
	caches    bool        // written when it begins: a link chooses context caches
	tiers     bool        // written in begin: a link decides the tier of each attempt
	paid      bool        // written in before: it was taken from the retry quota
	sdkRetry  int32
	maxBilled int32 // written in begin: see policy.History
	exhausted int32 // written by the chain: the retry quota that kept the call from being sent again

	returned atomic.Bool  // the chain has returned: nothing may be sent any more
	running  atomic.Int32 // how many still run, of the call and its attempts: see hold
}

// A decider decides whether and how a call is sent again. It decides before each attempt, the first one included.
type decider interface{ next(*call) policy.Decision }

type callKey struct{}

// Value returns the call itself for callKey.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// callOf returns the call that a request belongs to; nil if it belongs to none. A request that is made under the context of
// another, such as one that a base makes for itself, is a call of its own. It differs in its path; beneath, the host may have
// been changed, and a prefix of the path.
func callOf(req *http.Request) *call {
	c, _ := req.Context().Value(callKey{}).(*call)
	if c == nil || c.returned.Load() || req.Method != c.request.Method {
		return nil
	}
	if p, own := req.URL.Path, c.request.URL.Path; p == "" || !strings.HasSuffix(p, own) && !strings.HasSuffix(own, p) {
		return nil
	}
	return c
}

// open reads what a request says, and refuses a call that cannot be sent. After an error, the request's body is closed.
func (c *call) open() error {
	req := c.request
	c.start = time.Now()
	c.results = c.room[:0]
	c.input.body = &c.body
	c.headers = c.body.Inspect(req.Header)
	c.sdkRetry, c.repeat = retryCount(c.headers.RetryCount), repeatableOf(req, c.headers, c.engine.hidden.on)
	c.deadline, c.errand = deadlineOf(c.Context, c.options), errandOf(c)
	if c.errand != nil {
		c.wire.Model = c.errand.model
	}
	crossHost := redirected(req)
	if crossHost {
		c.wire.Kind = max(c.wire.Kind, wire.Observed) // edits are meant for the first host only
	}
	if err := c.check(crossHost); err != nil {
		closeBody(req)
		return err
	}
	if err := c.load(); err != nil {
		return c.refuse(&Error{Kind: ErrBody, Err: err})
	}
	c.readHolding()
	if c.wire.Kind == wire.Billable || c.wire.Kind == wire.Observed && c.wire.Operation == wire.Unknown {
		c.dialect.Request(&c.wire, req.Header, c.body.Fields())
		if skipped := c.body.Skipped(); skipped == transport.SkippedEncoding || skipped == transport.SkippedOnce {
			c.wire.Unread()
		}
		c.readFees()
		if err := c.useCache(); err != nil {
			c.body.Close()
			return err
		}
	}
	c.settings = c.rules.resolver.Resolve(c.options, c.subject())
	return nil
}

// check refuses a call that cannot be sent with any body.
func (c *call) check(crossHost bool) error {
	if err := c.options.Err(); err != nil {
		return c.refuse(badPolicy(err))
	}
	if err := c.Context.Err(); err != nil {
		return err
	}
	if by, ok := c.options.FinishBy(); ok && !by.After(c.start) {
		return c.refuse(&Error{Kind: ErrDeadline, Detail: fmt.Sprintf("it was to finish %v ago", c.start.Sub(by).Round(time.Millisecond))})
	}
	if name := c.options.CachedContent(); name != "" && crossHost {
		return c.refuse(&Error{Kind: ErrPolicy, Detail: fmt.Sprintf("a redirect leads it to another host, where there is no context cache %q", name)})
	}
	return nil
}

// badPolicy is the error for a policy, or a context option, that cannot be followed.
func badPolicy(err error) *Error {
	return &Error{Kind: ErrPolicy, Err: err, Hint: "correct the policy, or the context option"}
}

// load reads the body of a call that may be edited, and takes over that of any other. On the way the body is hashed if the
// client may repeat the call.
func (c *call) load() error {
	counts := c.countsTokens()
	if counts {
		c.reserved = &reservation{counter: c.engine.counts.Counter()}
	}
	switch {
	case !c.repeat.known && counts:
		return c.read(c.reserved.counter)
	case !c.repeat.known:
		return c.read()
	}
	h := hashes.Get().(*maphash.Hash)
	defer hashes.Put(h)
	h.SetSeed(hashSeed)
	var err error
	if counts {
		err = c.read(c.reserved.counter, h)
	} else {
		err = c.read(h) // a list of its own would be an allocation
	}
	sum := uint64(0) // all bodies that cannot be hashed count as one
	if c.body.Written() {
		sum = h.Sum64()
	}
	c.repeat.complete(c.options.Tracked(), c.wire.Provider, c.request.URL.Path, sum, c.body.Written())
	return err
}

// countsTokens reports whether a limit needs to know the tokens of the request.
func (c *call) countsTokens() bool {
	return (c.needs.Tokens || c.rules.needs.Tokens) && c.costs()
}

func (c *call) read(also ...io.Writer) error {
	switch {
	case c.readsHolding():
		return c.body.Load(c.request, wire.HoldingPaths(), also...)
	case c.wire.Kind != wire.Billable:
		return c.body.Pass(c.request, also...)
	case c.readsPrefix():
		var err error
		c.prefix, err = loadPrefix(&c.body, c.request, c.wire.Prefix, also...)
		return err
	}
	return c.body.Load(c.request, c.wire.RequestPaths, also...)
}

// readsPrefix reports whether the prefix of the request is to be read, for context caches.
func (c *call) readsPrefix() bool {
	return c.wire.Prefix != nil && c.caches && (c.rules.caches || c.engine.caching.registered.Load() > 0) && !c.options.NoCache()
}

// errandOf returns the errand that a call is; nil if it is the program's.
func errandOf(c *call) *errand {
	switch c.wire.Operation {
	case wire.CreateCache, wire.UpdateCache, wire.DeleteCache:
		e, _ := c.Context.Value(errandKey{}).(*errand)
		return e
	}
	return nil
}

// readFees settles whether the request lets the model use tools that are charged for.
func (c *call) readFees() {
	w := &c.wire
	if w.Tools == wire.UnknownTools {
		w.Tools = wire.MaybeTools
	}
	if w.Fees = max(w.Fees, w.Tools); w.Fees == wire.MaybeTools && c.hasOwnTools() {
		w.Fees, w.Tools = wire.NoTools, wire.NoTools
	}
}

// hasOwnTools reports whether all tools of the request are the program's own.
func (c *call) hasOwnTools() bool {
	if c.wire.OwnTools == nil {
		return !c.body.Contains(paidTools...)
	}
	extent, ok := c.wire.OwnTools.Compare(&c.body)
	return ok && extent.Unlisted == ""
}

// useCache notes the context cache that the call is to use, or refuses a call that cannot use it: an answer without it
// would be wrong. A cache that the request itself names stays.
func (c *call) useCache() error {
	name, w := c.options.CachedContent(), &c.wire
	switch {
	case name == "" || w.Cache != "":
		return nil
	case !w.Caches:
		return c.refuse(&Error{Kind: ErrPolicy, Detail: fmt.Sprintf("%s %s has no context caches, so it cannot use %q", w.Provider, w.Operation, name)})
	case c.body.Skipped() != "":
		return c.refuse(&Error{Kind: ErrBody, Detail: fmt.Sprintf("it is to use the context cache %q, and its body cannot be changed: %s", name, c.body.Skipped())})
	}
	var e wire.Edits
	if c.dialect.Edit(w, c.body.Fields(), wire.Want{Tier: w.Tier, Cache: name}, &e); e.Problem != "" {
		return c.refuse(&Error{Kind: ErrPolicy, Detail: e.Problem})
	}
	c.cache = name
	return nil
}

// holds reports whether the call creates a context cache, or changes until when one is held.
func (c *call) holds() bool {
	return c.wire.Operation == wire.CreateCache || c.wire.Operation == wire.UpdateCache
}

// readsHolding reports whether the body of a request for a context cache is to be read before it is sent: if a limit, a budget or
// MaxCost needs to know what it asks for. Any other is passed on as it arrives.
func (c *call) readsHolding() bool {
	_, limited := c.options.MaxCost()
	return c.holds() && (limited || c.rules.limiter != nil || c.needs != limit.Needs{})
}

// readHolding reads for which model a context cache is, and until when it is to be held.
func (c *call) readHolding() {
	if !c.holds() || !c.readsHolding() && !c.explained {
		return
	}
	switch c.body.Skipped() {
	case "", transport.SkippedSigned, transport.SkippedType:
		c.holding = wire.ReadHolding(&c.wire, c.body.Fields())
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// refuse notes that the call is refused by us, and returns the error to return for it.
func (c *call) refuse(e *Error) error {
	e.Provider, e.Model, e.Attempts = c.wire.Provider, c.wire.Model, c.attempts
	c.refusal = e
	c.body.Close()
	return e
}

// subject is what rules and limits match.
func (c *call) subject() policy.Subject {
	return policy.Subject{
		Provider: c.wire.Provider, Operation: c.wire.Operation, Model: c.wire.Model,
		BodyTier: c.wire.Tier, Tiers: c.tiersOpen(),
	}
}

// tiersOpen returns the tiers that the call can be sent on.
func (c *call) tiersOpen() []policy.Tier {
	if c.wire.Kind != wire.Billable || c.wire.TierFixed || c.body.Skipped() != "" {
		return nil
	}
	return c.wire.Tiers
}

// left returns how long the call still has, at a time since its start; negative if it has no deadline.
func (c *call) left(elapsed time.Duration) time.Duration {
	if c.deadline.IsZero() {
		return -1
	}
	return max(0, c.deadline.Sub(c.start)-elapsed)
}

// elapsed returns how long ago the call began. Before the first wait that is hardly any time, and the clock is not read.
func (c *call) elapsed() time.Duration {
	if c.attempts == 0 && c.waited == 0 {
		return 0
	}
	return time.Since(c.start)
}

func deadlineOf(ctx context.Context, o *policy.Options) time.Time {
	deadline, _ := ctx.Deadline()
	if t, ok := o.FinishBy(); ok && (deadline.IsZero() || t.Before(deadline)) {
		return t
	}
	return deadline
}

// last returns the result of the last attempt; nil if there was none.
func (c *call) last() *policy.Result {
	if len(c.results) == 0 {
		return nil
	}
	return &c.results[len(c.results)-1]
}

// costs reports whether the call may be charged for, now or later.
func (c *call) costs() bool { return c.wire.Kind != wire.Free && c.wire.Kind != wire.Poll }

// unbilled reports whether the last attempt is known to be free.
func (c *call) unbilled() bool {
	last := c.last()
	return last != nil && (last.Outcome == policy.NotSent || last.Outcome == policy.Rejected)
}

// account returns what works out the cost of an attempt that starts at the given time.
func (c *call) account(at time.Time) account {
	a := account{
		call: &c.wire, cache: c.cache, input: &c.input, prices: c.engine.book.Catalog(), at: at, errand: c.errand, marked: len(c.promptCache.Writes) > 0,
		longWrites: c.wire.LongWrites(c.promptCache.Writes),
	}
	if c.wire.Operation == wire.UpdateCache {
		a.adds = c.engine.stored.adds
	}
	a.holding = c.holding
	if c.prefix != nil && c.prefix.held != nil {
		a.cache = "" // what the cache holds is in the request that the bound is of
	}
	return a
}

// rejects reports whether the model is remembered to reject something for the call's key.
func (c *call) rejects(what string) bool {
	if c.engine.rejected.empty() {
		return false
	}
	known, _ := c.engine.rejected.has(c.rejection(what))
	return known
}

func (c *call) rejection(what string) rejection {
	return rejection{c.wire.Provider, c.wire.Model, what, credentialsOf(c.request, c.headers).fingerprint()}
}

// hold notes that a part of the call runs: the call itself or an attempt. Until there were as many releases, repetitions of
// the call by the SDK above are refused.
func (c *call) hold() {
	if c.repeat.known && c.running.Add(1) == 1 {
		c.engine.repeats.running.add(c.repeat.try)
		c.await()
	}
}

// release ends what hold began.
func (c *call) release() {
	if c.repeat.known && c.running.Add(-1) == 0 {
		c.engine.repeats.running.remove(c.repeat.try)
		if c.awaited != nil {
			c.awaited.ended()
		}
	}
}

// noteRepeatable remembers the outcome of an attempt of a call that the client may repeat.
func (c *call) noteRepeatable(o policy.Outcome) {
	c.engine.repeats.note(c.repeat.try, o)
	if c.awaited != nil {
		c.awaited.note(o)
	}
}

// emit gives a row to all sinks, and to the limiter if the row is money for which no permit stands.
func (c *call) emit(row *ledger.Row) {
	if c.rules != nil && c.rules.spender != nil && !c.counts(row, c.rules.spender) {
		c.engine.spend(c.rules.spender, c.wire.Kind, row)
	}
	for _, sink := range c.sinks {
		sink(row)
	}
}

// counts reports whether a row is of storage that budgets have already, or that a permit of the limiter counts.
func (c *call) counts(row *ledger.Row, by limit.Spender) bool {
	if row.Outcome != policy.Storage || row != c.storage {
		return false
	}
	return c.exposed || c.reserved != nil && slices.Contains(c.reserved.storage, by)
}

// identify gives the call an id, if it is to have rows.
func (c *call) identify() {
	if c.id == "" && (len(c.sinks) > 0 || c.reserved != nil) {
		c.id = newID(c.start)
	}
}

// fill writes what is known of the call into a row.
func (c *call) fill(row *ledger.Row) {
	c.identify()
	row.Call, row.Provider, row.Operation, row.Model = c.id, c.wire.Provider, c.wire.Operation, c.wire.Model
	row.Stream, row.SDKRetry, row.Tags = c.wire.Stream, int(c.sdkRetry), c.options.Tags()
	row.Skipped = both(c.body.Skipped(), c.skipped)
	if c.errand != nil {
		row.Parent = c.errand.parent
	}
}

// emitRefusal emits the row of a call that we refused.
func (c *call) emitRefusal() {
	var row ledger.Row
	c.fill(&row)
	if c.attempts > 0 {
		row.Attempt = c.attempts + 1
	}
	row.At, row.AskedTier, row.WaitMS = time.Now().UTC(), c.step.Tier, c.waited.Milliseconds()
	if c.withdrawn != nil {
		row.Attempt, row.At = c.withdrawn.Attempt, c.withdrawn.At
	}
	row.Outcome, row.ErrorCode = policy.Refused, refusalCode(c.refusal)
	free(&row)
	c.emit(&row)
	c.options.Tracked().Report(policy.Report{Priced: true, Err: c.refusal, Refused: true})
}

// retryCount returns the number of the retry that an SDK made by Stainless (OpenAI's, Anthropic's) says a request is.
func retryCount(v string) int32 {
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 1000 {
		return 0
	}
	return int32(n)
}

// abandon does what was to be done at the end of an attempt that is not sent.
func (c *call) abandon() {
	end(c.atEnd, nil)
	c.atEnd = nil
}

// end calls the funcs, the last one first, also if one panics.
func end(funcs []func(*ledger.Row), row *ledger.Row) {
	for _, f := range funcs {
		defer f(row)
	}
}

// wait waits, unless the request is given up first. The error is then that of its context, and its cause.
func (c *call) wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	start := time.Now()
	defer func() { c.waited += time.Since(start) }()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.Context.Done():
		return contextError(c.Context)
	case <-c.request.Cancel: //lint:ignore SA1019 http.Client sets it for a transport that is not net/http's own
		return context.Canceled
	}
}

// givenUp reports whether the caller has given up the request.
func (c *call) givenUp() bool {
	select {
	case <-c.request.Cancel: //lint:ignore SA1019 http.Client sets it for a transport that is not net/http's own
		return true
	default:
		return c.Context.Err() != nil
	}
}

// contextError returns the error of a context that is done, together with its cause if that is another.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return errors.Join(err, cause)
}

// unenforced returns an error if the program asked for something that no link of the chain does.
func (c *call) unenforced(parts policy.Parts) error {
	switch c.wire.Kind {
	case wire.Free, wire.Poll:
		if c.wire.Operation != wire.UpdateCache {
			return nil // it is sent as it is, and costs nothing
		}
		parts |= ^policy.BudgetPart
	case wire.Observed, wire.Submission:
		parts |= policy.TierPart | policy.RetryPart // it is sent once, as it is, whatever links there are
	}
	if names := c.options.Unenforced(parts); names != nil {
		return c.refuse(&Error{Kind: ErrPolicy, Detail: fmt.Sprintf("no link of the chain does what the context asks for: %v", names),
			Hint: "add the link (Budget for MaxCost, Tier for OnTier and FallBackTo, Retry for MaxAttempts and AllowDoubleBilling), or use a Stack"})
	}
	return nil
}
