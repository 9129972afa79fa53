package middleware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// engine is what the links of one chain share.
type engine struct {
	router   *wire.Router
	rules    atomic.Pointer[rules]
	governs  bool // the engine was given a policy
	book     *price.Book
	sinks    []func(*ledger.Row)
	openers  []func(*ledger.Row)
	log      *slog.Logger
	bodies   transport.Watcher
	refused  recent[refusal]
	tries    recent[try] // that may have been billed
	answered recent[try] // that were
	running  running
	quotas   quotas
	told     sync.Once // about the http.Client's timeout
	pending  pendings
	stored   stores
	err      error // the policy makes no sense: every call is refused with this
}

func newEngine(p policy.Policy) *engine {
	e := &engine{router: new(wire.Router), book: new(price.Book), governs: true}
	e.err = e.rule(p)
	return e
}

// A record is what is known of one call. The outermost link of ours opens it; the links below are handed that one, and
// behind a foreign link find it as the request's context. Its fields belong to the goroutine that runs the call.
type record struct {
	context.Context
	engine   *engine
	dialect  wire.Dialect
	call     wire.Call
	options  *policy.Options
	body     transport.Body
	headers  *transport.Headers // of body
	cache    string             // the context cache to put into the request
	method   string
	path     string
	returned atomic.Bool // the outermost link has returned: nothing may be sent any more

	settings  *policy.Settings
	settler   *policy.Resolver // whose settings these are
	rules     *rules           // of engine, as they were when the call began
	governor  *engine          // whose policy rules what no link decides, and with Identify everything
	fixed     bool             // it rules everything
	accounted []*engine        // whose sinks are among sinks
	accounts  [2]*engine       // room for accounted

	id       string
	start    time.Time
	deadline time.Time
	sdkRetry int
	repeater repeater
	holds    atomic.Int32 // see hold
	holding  bool         // the next attempt is to release one
	sinks    []func(*ledger.Row)
	openers  []func(*ledger.Row) // of attempts that are about to be sent

	step      policy.Step // of the next attempt
	tiers     bool        // a tier link edits the attempt
	governed  bool        // a retry link answers for what is sent again
	attempts  int         // sent, or tried to
	results   []policy.Result
	room      [1]policy.Result
	waited    time.Duration     // before the next attempt
	maxBilled int               // see policy.History
	exhausted int               // the retry quota that kept the call from being sent again
	sending   bool              // an attempt link is at work
	atEnd     []func()          // what the links above want done when the next attempt has ended
	refusal   error             // ours, of this call
	withdrawn *ledger.Row       // of the attempt that was refused by us, if the ledger knows of it
	attempt   *attempt          // the latest
	held      map[*queue]func() // permits of an attempt that began above a foreign link
	first     attempt           // most calls have only one
	most      price.Pico        // what the call may cost, if limited
	limited   bool

	inputOnce sync.Once
	input     int64 // see maxInput
}

type recordKey struct{}

// Value finds the record itself.
func (r *record) Value(key any) any {
	if key == (recordKey{}) {
		return r
	}
	return r.Context.Value(key)
}

// recordOf returns the record of the call that the request belongs to; nil if it belongs to none. A request made under
// the context of another, such as one that a base makes for itself, is a call of its own; it is told by its path, as a
// foreign link may have given the request another host.
func recordOf(req *http.Request) *record {
	r, _ := req.Context().Value(recordKey{}).(*record)
	if r == nil || r.returned.Load() || req.Method != r.method || req.URL.Path != r.path {
		return nil
	}
	return r
}

// within returns the request's context, with the record in it.
func (r *record) within(req *http.Request) context.Context {
	if recordOf(req) == r {
		return req.Context()
	}
	return r
}

// open opens the record of a call; nil for a request that is no call we recognise. On an error the request has been
// dealt with, its body closed.
func (e *engine) open(req *http.Request) (*record, error) {
	d, call, ok := e.router.Recognise(req.Method, req.URL)
	if !ok {
		return nil, nil
	}
	if redirected(req) {
		call.Kind = max(call.Kind, wire.Observed) // what was asked of one host is not to be asked of another
	}
	ctx := req.Context()
	r := &record{
		Context: ctx, engine: e, dialect: d, call: call, options: policy.From(ctx), start: time.Now(),
		method: req.Method, path: req.URL.Path, rules: e.rules.Load(),
	}
	r.id = newID(r.start)
	r.results, r.accounted = r.room[:0], r.accounts[:0]
	r.headers = r.body.Inspect(req.Header)
	r.sdkRetry, r.repeater = retryCount(r.headers.RetryCount), repeaterOf(req, r.headers)
	e.tellTimeout(req)
	r.deadline = deadlineOf(ctx, r.options)
	if err := r.check(req); err != nil {
		return r, err
	}
	if r.call.Kind != wire.Billable && (r.call.Operation != wire.Unknown || r.call.Kind == wire.Submission) {
		return r, nil // what only manages or counts does without a context cache
	}
	d.Request(&r.call, req.Header, r.body.Fields())
	c := &r.call
	if c.Fees = max(c.Fees, c.Tools); c.Fees == wire.MaybeTools && !r.body.Contains(paidTools...) {
		c.Fees = wire.NoTools
		c.Tools = wire.NoTools
	}
	if err := r.checkCache(); err != nil {
		r.body.Close()
		return r, err
	}
	return r, nil
}

// redirected reports whether the request follows a redirect, as http.Client notes it, to another host than the program's
// own request went to.
func redirected(req *http.Request) bool {
	host := req.URL.Host
	for r := req; r.Response != nil && r.Response.Request != nil; {
		r = r.Response.Request
		if r.URL.Host != host {
			return true
		}
	}
	return false
}

// paidTools are what tools that are charged for are called in a request whose list of tools is too long to be read.
var paidTools = [][]byte{
	[]byte(`"web_search`), []byte(`"file_search"`), []byte(`"code_interpreter"`), []byte(`"image_generation"`), []byte(`"mcp"`),
	[]byte(`"computer`), []byte(`"shell"`), []byte(`oogleSearch`), []byte(`"google_`), []byte(`oogleMaps`), []byte(`rlContext`),
	[]byte(`"url_context"`), []byte(`odeExecution`), []byte(`"code_execution`),
}

// check refuses what cannot be sent, and reads the body.
func (r *record) check(req *http.Request) error {
	bad := r.engine.err
	if bad == nil {
		bad = r.options.Err()
	}
	if bad != nil {
		closeBody(req)
		return r.refuse(badPolicy(bad))
	}
	if err := req.Context().Err(); err != nil {
		closeBody(req)
		return err
	}
	if by, ok := r.options.FinishBy(); ok && !by.After(r.start) {
		closeBody(req)
		return r.refuse(&Error{Kind: ErrDeadline, Detail: fmt.Sprintf("it was to finish %v ago", r.start.Sub(by).Round(time.Millisecond))})
	}
	if name := r.options.CachedContent(); name != "" && redirected(req) {
		closeBody(req)
		return r.refuse(&Error{Kind: ErrPolicy, Detail: fmt.Sprintf("a redirect leads it to another host, where there is no context cache %q", name)})
	}
	if r.call.Kind != wire.Billable {
		return r.body.Pass(req)
	}
	if err := r.load(req); err != nil {
		return r.refuse(&Error{Kind: ErrBody, Err: err})
	}
	return nil
}

// checkCache refuses a call that is to use a context cache and cannot: an answer without it would be wrong. A cache that
// the request itself names stands.
func (r *record) checkCache() error {
	name, c := r.options.CachedContent(), &r.call
	switch {
	case name == "" || c.Cache != "":
		return nil
	case !c.Caches:
		return r.refuse(&Error{Kind: ErrPolicy, Detail: fmt.Sprintf("%s %s has no context caches, so it cannot use %q", c.Provider, c.Operation, name)})
	case r.body.Skipped() != "":
		return r.refuse(&Error{Kind: ErrBody, Detail: fmt.Sprintf("it is to use the context cache %q, and its body cannot be changed: %s", name, r.body.Skipped())})
	}
	var e wire.Edits
	if r.dialect.Edit(c, r.body.Fields(), wire.Want{Tier: c.Tier, Cache: name}, &e); e.Problem != "" {
		return r.refuse(&Error{Kind: ErrPolicy, Detail: e.Problem})
	}
	r.cache = name
	return nil
}

// tellTimeout says once that the http.Client above has a timeout. It shows in a request's Cancel, which http.Client sets
// for transports that are not net/http's own.
func (e *engine) tellTimeout(req *http.Request) {
	//lint:ignore SA1019 it is how the timeout of http.Client shows
	if req.Cancel == nil {
		return
	}
	e.told.Do(func() {
		log := e.log
		if log == nil {
			log = slog.Default()
		}
		attrs := []any{}
		if deadline, ok := req.Context().Deadline(); ok {
			attrs = append(attrs, "timeout", time.Until(deadline).Round(time.Millisecond))
		}
		log.Warn("skinflint: the http.Client has a Timeout, which ends attempts and streams that are billed all the same; give calls a context with a deadline instead", attrs...)
	})
}

func badPolicy(err error) *Error {
	return &Error{Kind: ErrPolicy, Err: err, Hint: "mend the policy, or the context option"}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

// refuse notes that the call is refused by us, and returns the error to return for it.
func (r *record) refuse(e *Error) error {
	e.Provider, e.Model, e.Attempts = r.call.Provider, r.call.Model, r.attempts
	r.refusal = e
	r.body.Close()
	return e
}

// govern notes that the policy of e rules what no link decides by its own; the outermost policy counts.
func (r *record) govern(e *engine) {
	if r.governor == nil && e.governs {
		r.governor = e
	}
}

// settle returns the call's settings for a link of the given engine.
func (r *record) settle(e *engine) *policy.Settings {
	if r.fixed {
		e = r.governor
	}
	resolver := r.rulesOf(e).resolver
	if r.settler != resolver { // links of several policies may share a chain
		r.settings, r.settler = resolver.Resolve(r.options, r.subject()), resolver
	}
	return r.settings
}

func (r *record) subject() policy.Subject {
	return policy.Subject{
		Provider: r.call.Provider, Operation: r.call.Operation, Model: r.call.Model,
		BodyTier: r.call.Tier, Tiers: r.tiersOpen(),
	}
}

// tiersOpen returns the tiers that the call can be sent on.
func (r *record) tiersOpen() []policy.Tier {
	if r.body.Skipped() != "" {
		return nil
	}
	return r.call.Tiers
}

// left returns how long the call still has, at a time since its start; negative if it has no deadline.
func (r *record) left(elapsed time.Duration) time.Duration {
	if r.deadline.IsZero() {
		return -1
	}
	return max(0, r.deadline.Sub(r.start)-elapsed)
}

// elapsed returns how long ago the call began, as far as that matters: nothing takes time before the first wait.
func (r *record) elapsed() time.Duration {
	if r.attempts == 0 && r.waited == 0 {
		return 0
	}
	return time.Since(r.start)
}

func deadlineOf(ctx context.Context, o *policy.Options) time.Time {
	deadline, _ := ctx.Deadline()
	if t, ok := o.FinishBy(); ok && (deadline.IsZero() || t.Before(deadline)) {
		return t
	}
	return deadline
}

// account adds the engine's sinks to those that the call's rows go to.
func (r *record) account(e *engine) {
	if slices.Contains(r.accounted, e) {
		return
	}
	if r.sinks == nil {
		r.sinks = e.sinks[:len(e.sinks):len(e.sinks)]
	} else {
		r.sinks = append(r.sinks, e.sinks...)
	}
	r.openers = append(r.openers, e.openers...)
	r.accounted = append(r.accounted, e)
}

// emit gives a row to everyone who asked for it.
func (r *record) emit(row *ledger.Row) {
	for _, sink := range r.sinks {
		sink(row)
	}
}

// serve has the engine's rows go to the store.
func (e *engine) serve(s ledger.Store, log *slog.Logger) {
	add := func(row *ledger.Row) { s.Add(*row) }
	if p, ok := s.(ledger.Adder); ok {
		add = p.AddRow
	}
	e.sinks = append(e.sinks, guarded(add, log))
	if o, ok := s.(ledger.Opener); ok {
		e.openers = append(e.openers, guarded(func(row *ledger.Row) { o.Open(*row) }, log))
	}
}

// guarded returns a func that hands rows to a store. It runs on the way of the call, and sometimes on a timer's
// goroutine, where a panic would end the program: it is logged instead.
func guarded(take func(*ledger.Row), log *slog.Logger) func(*ledger.Row) {
	return func(row *ledger.Row) {
		defer func() {
			if p := recover(); p != nil {
				log.Error("skinflint: the store panicked, and has lost a row", "panic", p, "call", row.Call)
			}
		}()
		take(row)
	}
}

// emitRefusal emits the row of a call that we refused.
func (r *record) emitRefusal() {
	var row ledger.Row
	r.fill(&row)
	if r.attempts > 0 {
		row.Attempt = r.attempts + 1
	}
	row.At, row.AskedTier, row.WaitMS = time.Now().UTC(), r.step.Tier, r.waited.Milliseconds()
	if r.withdrawn != nil {
		row.Attempt, row.At = r.withdrawn.Attempt, r.withdrawn.At
	}
	row.Outcome, row.UsageSource, row.Cost = policy.Refused, ledger.None, ledger.Known(0)
	row.ErrorCode = refusalCode(r.refusal)
	r.emit(&row)
	r.options.Tracked().Report(policy.Report{Priced: true, Err: r.refusal, Refused: true})
}

// fill writes what is known of the call into a row.
func (r *record) fill(row *ledger.Row) {
	row.Call, row.Provider, row.Operation, row.Model = r.id, r.call.Provider, r.call.Operation, r.call.Model
	row.Stream, row.Skipped, row.SDKRetry, row.Tags = r.call.Stream, r.body.Skipped(), r.sdkRetry, r.options.Tags()
}

// retryCount returns the retry that a Stainless SDK (OpenAI's, Anthropic's) says this request is.
func retryCount(v string) int {
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 1000 {
		return 0
	}
	return n
}

// newID returns a call's id: 48 bits of time in milliseconds and 80 random ones, in 26 digits of base 32 that sort by
// time.
func newID(now time.Time) string {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz"
	ms := uint64(now.UnixMilli())
	hi, lo := ms<<16|rand.Uint64()>>48, rand.Uint64()
	var b [26]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(b[:])
}

// errNoAnswer is a RoundTripper that broke its contract.
var errNoAnswer = errors.New("skinflint: the RoundTripper beneath returned neither a response nor an error")
