package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// How much of a failed answer is read to learn what it means, and for how long.
const (
	peekSize = 64 << 10
	peekTime = time.Second
)

// A sender is the innermost link: what really goes on the wire. It sends the request with the edits that the links
// above decided on, reads the answer for them, and closes the attempt's row when the answer has ended.
type sender struct {
	engine *engine
	bare   bool // what stands beneath is net/http's own transport
	client bool // what stands beneath is an http.Client, which follows redirects
	spoken *protocols
}

func newSender(e *engine, next http.RoundTripper) *sender {
	s := &sender{engine: e}
	t, bare := next.(*http.Transport)
	if s.bare = bare; bare {
		s.spoken = protocolsOf(t)
	} else {
		s.spoken = new(protocols)
	}
	_, s.client = next.(handed)
	return s
}

func (s *sender) send(r *record, req *http.Request, next hop) (*http.Response, error) {
	if r.sending {
		// A foreign link parts two of ours, and the upper one has the attempt. It may have added a key, though.
		req = req.WithContext(req.Context())
		stripIdempotencyKeys(req)
		r.attempt.reached = true
		return next.rt.RoundTrip(req)
	}
	a := newAttempt(s.engine, r)
	a.sender = s
	r.sending = true
	returned := false
	defer func() {
		r.sending = false
		switch { // the panic goes on to the caller; the row and the permits must not be lost over it
		case returned || a.closed:
		case a.entered:
			a.fail(wire.Refusal{Outcome: policy.Ambiguous, Reason: policy.TransportLost}, errPanicked)
		default:
			a.fail(wire.Refusal{Outcome: policy.NotSent, Reason: policy.TransportLost}, errPanicked)
		}
	}()
	resp, err := a.send(req, next)
	returned = true
	return resp, err
}

var errPanicked = errors.New("skinflint: the RoundTripper beneath panicked")

// An attempt is one HTTP exchange of a call. It observes the body of its answer.
type attempt struct {
	r      *record
	sender *sender
	s      *policy.Settings
	trace  transport.Trace
	reader answerReader
	cancel context.CancelFunc // of the attempt's own context, if it has one
	body   io.ReadCloser      // that was sent

	entered bool // the RoundTripper beneath was asked
	reached bool // and a link of ours behind it has passed the request on
	closed  bool // the row has gone out
	final   bool // the server said not to send the request again
	counts  bool // an answer to a poll is the first to tell what a call of before has used

	atEnd  []func()
	start  time.Time
	status int
	void   int // how often it was written, and the server said that it did not process it
	row    ledger.Row
	edits  wire.Edits
	room   [2]transport.Edit             // for edits
	again  func() (io.ReadCloser, error) // gives the body that is sent once more
}

func newAttempt(e *engine, r *record) *attempt {
	if r.governor != nil {
		e = r.governor
	}
	s := r.settle(e)
	elapsed := r.elapsed()
	now := r.start.Add(elapsed)
	if r.tiers {
		// A limiter may have taken the time that flex needs.
		r.step.Tier = s.InTime(r.step.Tier, r.left(elapsed))
	} else {
		r.step.Tier = r.call.Tier
	}
	r.attempts++
	a := &r.first
	if r.attempts > 1 {
		a = new(attempt)
	}
	a.r, a.s, a.start, a.atEnd = r, s, now, r.atEnd
	r.atEnd, r.attempt = nil, a
	r.fill(&a.row)
	a.row.Attempt, a.row.At = r.attempts, now.UTC()
	a.row.WaitMS = r.waited.Milliseconds()
	r.waited = 0
	return a
}

func (a *attempt) send(req *http.Request, next hop) (*http.Response, error) {
	r := a.r
	if err := a.affordable(); err != nil {
		return nil, a.withdraw(err)
	}
	ctx := r.within(req)
	if a.s.AttemptTimeout > 0 {
		ctx, a.cancel = context.WithTimeoutCause(ctx, a.s.AttemptTimeout, &Error{
			Kind: ErrTimeout, Err: context.DeadlineExceeded, Provider: r.call.Provider, Model: r.call.Model, Attempts: r.attempts,
			Detail: fmt.Sprintf("it ran for more than attempt_timeout, %v, and may have been billed", a.s.AttemptTimeout),
		})
	}
	ctx = a.watch(ctx, req)
	out := req.WithContext(transport.WithTrace(ctx, &a.trace))
	stripIdempotencyKeys(out)
	if err := a.attach(out); err != nil {
		return nil, a.withdraw(r.refuse(&Error{Kind: ErrBody, Err: err}))
	}
	a.entered = true
	resp, err := next.rt.RoundTrip(out)
	if again := a.unprocessed(out, err); again != nil {
		resp, err = next.rt.RoundTrip(again)
	}
	refusal := r.refusal // of a link of ours behind a foreign one
	switch {
	case refusal == nil:
	case err != nil && errors.Is(err, refusal) && !a.reached:
		return nil, a.withdraw(err)
	default:
		r.refusal = nil // the foreign link has made do without
	}
	switch {
	case err != nil:
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		return nil, a.fail(a.lost(err), err)
	case resp == nil:
		return nil, a.fail(wire.Refusal{Outcome: policy.Ambiguous, Reason: policy.TransportLost}, errNoAnswer)
	}
	a.sender.spoken.note(out.URL.Host, resp.ProtoMajor)
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	a.status = resp.StatusCode
	r.dialect.Headers(&r.call, resp.Header, &a.reader.answer)
	switch {
	case resp.StatusCode == http.StatusSwitchingProtocols:
		a.upgraded()
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		a.refused(out, resp)
		if e := a.astray(out, resp); e != nil {
			resp.Body.Close()
			return nil, e
		}
	default:
		a.answered(ctx, resp)
	}
	return resp, nil
}

// attach gives the request the call's body with the attempt's edits.
func (a *attempt) attach(out *http.Request) error {
	r := a.r
	a.edits = wire.Edits{Body: a.room[:0]}
	if r.body.Skipped() == "" {
		want := wire.Want{Tier: r.step.Tier, Usage: a.wantsUsage(out), Cache: r.cache}
		if deadline, ok := out.Context().Deadline(); ok {
			want.Left = max(1, time.Until(deadline))
		}
		r.dialect.Edit(&r.call, r.body.Fields(), want, &a.edits)
		editHeader(out, a.edits.Header)
	}
	a.row.Cache = cmp.Or(r.call.Cache, r.cache)
	a.row.AskedTier = r.step.Tier
	if r.tiersOpen() == nil {
		a.row.AskedTier = r.call.Tier // whatever the step says, it cannot be changed
	}
	if err := r.body.Attach(out, a.edits.Body...); err != nil {
		return err
	}
	a.again = out.GetBody
	a.guard(out)
	a.body = out.Body
	return nil
}

// guard decides what of the request stands beneath may send again of itself.
func (a *attempt) guard(out *http.Request) {
	s := a.sender
	switch {
	case !s.bare && !s.client, s.spoken.of(out.URL.Host) == 1:
		out.GetBody = a.trace.Guard(out.GetBody)
	case a.r.call.Free:
	default:
		// Over HTTP/2 only the error of a request without GetBody says whether the server has processed it. On
		// HTTP/1, net/http needs it only for connections that were used before; by then the host has answered.
		out.GetBody = nil
	}
}

// watch has the trace of the attempt end it where something beneath would send it once more that may not: an http.Client
// that follows a redirect, and net/http a POST without a body, which it sends again on HTTP/2 whatever the server says.
func (a *attempt) watch(ctx context.Context, req *http.Request) context.Context {
	s := a.sender
	empty := req.Method == http.MethodPost && (req.Body == nil || req.Body == http.NoBody) && !a.r.call.Free
	a.trace.Foreign = !s.bare || empty
	if !s.client && !empty {
		return ctx
	}
	ctx, end := context.WithCancelCause(ctx)
	timeout := a.cancel
	a.cancel = func() {
		end(nil)
		if timeout != nil {
			timeout()
		}
	}
	a.trace.Again = func(where string, answered bool) {
		switch {
		case s.client && answered:
			end(a.strayed("the http.Client beneath is redirected, and", where))
		case empty && !answered && a.trace.HTTP2():
			end(transport.ErrReplay)
		}
	}
	return ctx
}

// editHeader makes the edits in a copy of the request's header, where a key may stand in any case.
func editHeader(out *http.Request, edits []wire.HeaderEdit) {
	if len(edits) == 0 {
		return
	}
	out.Header = out.Header.Clone()
	for _, e := range edits {
		for k := range out.Header {
			if strings.EqualFold(k, e.Key) {
				delete(out.Header, k)
			}
		}
		if e.Value != "" {
			out.Header.Set(e.Key, e.Value)
		}
	}
}

// affordable refuses an attempt on a tier that the call's plan does not have, and that its cost limit does not cover.
func (a *attempt) affordable() error {
	r := a.r
	if !r.limited || slices.Contains(a.s.Plan, r.step.Tier) {
		return nil
	}
	return r.afford(r.bound(r.step.Tier, a.start))
}

// withdraw takes back an attempt that was refused by us and never sent: it leaves no row of its own.
func (a *attempt) withdraw(err error) error {
	a.closed = true
	a.r.attempts--
	if refusal, ok := a.r.refusal.(*Error); ok {
		refusal.Attempts = a.r.attempts
	}
	a.r.waited = time.Duration(a.row.WaitMS) * time.Millisecond
	if a.cancel != nil {
		a.cancel()
	}
	a.done()
	return err
}

// upgraded closes the attempt whose connection has become another protocol's, to be left alone.
func (a *attempt) upgraded() {
	a.row.Outcome = policy.Ambiguous
	a.result(wire.Refusal{Outcome: policy.Ambiguous})
	a.expose("the connection was upgraded to another protocol")
	a.close(nil)
}

// answered watches the body of a 2xx answer, and closes the attempt when that ends.
func (a *attempt) answered(ctx context.Context, resp *http.Response) {
	r := a.r
	r.results = append(r.results, policy.Result{Step: r.step, Outcome: policy.Billed, Ended: time.Since(r.start)})
	a.reader.begin(r, resp, a.edits.HideUsage)
	w := transport.Watcher{Observer: a, Idle: &r.engine.idle, IdleTime: a.s.StreamIdle, Hide: a.edits.HideUsage && a.reader.stream && a.reader.packed == nil}
	w.Watch(ctx, resp)
	a.tieTimeout(resp)
}

// wantsUsage reports whether a stream's usage is to be asked for. Where the caller asked for an encoding itself, the
// stream may come compressed, and the answer to our question could not be hidden.
func (a *attempt) wantsUsage(req *http.Request) bool {
	if a.s.LeaveStreams || a.r.step.WithoutUsage || !a.r.call.Stream {
		return false
	}
	if transport.HeaderValue(req.Header, "Accept-Encoding") != "" {
		return false
	}
	return !a.r.refuses(req, usageRefusal)
}

// stripIdempotencyKeys takes idempotency keys off the wire: no provider honours one, and it makes http.Transport send a
// POST again by itself when a reused connection dies (net/http, isReplayable), which is billed twice.
func stripIdempotencyKeys(out *http.Request) {
	cloned := false
	for k := range out.Header {
		if !isIdempotencyKey(k) {
			continue
		}
		if !cloned {
			out.Header, cloned = out.Header.Clone(), true
		}
		delete(out.Header, k)
	}
}

func isIdempotencyKey(key string) bool {
	return (len(key) == len("Idempotency-Key") || len(key) == len("X-Idempotency-Key")) &&
		(strings.EqualFold(key, "Idempotency-Key") || strings.EqualFold(key, "X-Idempotency-Key"))
}

// unprocessed returns the request once more if err says that the server did not process it, as net/http would have sent
// it again of itself; nil if it cannot be sent again, or has been already: then it is for a retry link.
func (a *attempt) unprocessed(out *http.Request, err error) *http.Request {
	if !transport.Unprocessed(err) {
		return nil
	}
	a.void = a.trace.Writes()
	if a.again == nil || out.Context().Err() != nil {
		return nil
	}
	body, err := a.again()
	if err != nil {
		return nil
	}
	again := out.WithContext(out.Context())
	again.Body = body
	a.body = body
	return again
}

// lost says what an attempt without an answer did to the bill.
func (a *attempt) lost(err error) wire.Refusal {
	var op *net.OpError
	dialed := errors.As(err, &op) && op.Op == "dial"
	switch written := a.trace.Writes() - a.void; {
	case errors.Is(err, ErrRedirect):
		return wire.Refusal{Outcome: policy.Rejected, Evidence: policy.Inferred, Reason: policy.Redirected}
	case transport.Unprocessed(err):
		return wire.Refusal{Outcome: policy.Rejected, Evidence: policy.Documented, Reason: policy.Unprocessed}
	case written <= 0 && (a.trace.Reported() || dialed):
		return wire.Refusal{Outcome: policy.NotSent, Reason: policy.TransportLost}
	}
	return wire.Refusal{Outcome: policy.Ambiguous, Reason: policy.TransportLost}
}

// fail closes the attempt that had no answer, and returns err.
func (a *attempt) fail(f wire.Refusal, err error) error {
	a.row.Outcome, a.row.Evidence, a.row.Reason = f.Outcome, f.Evidence, f.Reason
	a.result(f)
	if f.Outcome != policy.Ambiguous {
		a.row.UsageSource = ledger.None
		a.row.Cost = ledger.Known(0)
	} else {
		a.expose("it may have been billed: the connection failed after the request was written")
	}
	if a.cancel != nil {
		a.cancel()
	}
	a.close(err)
	return err
}

// astray returns the error for an answer that sends the call to another host: to follow would replay the prompt, and
// show the new host the key, unless it stands in a header that http.Client knows.
func (a *attempt) astray(out *http.Request, resp *http.Response) error {
	r := a.r
	if !slices.Contains(redirects, resp.StatusCode) || r.call.Free || r.call.Poll {
		return nil
	}
	where, err := out.URL.Parse(resp.Header.Get("Location"))
	if err != nil || sameHost(out.URL, where) {
		return nil // without a Location, http.Client does not follow it
	}
	return a.strayed(fmt.Sprintf("%s answers %d, and", out.URL.Host, resp.StatusCode), where.Host)
}

// redirects are the statuses that http.Client follows.
var redirects = []int{301, 302, 303, 307, 308}

func (a *attempt) strayed(who, where string) *Error {
	return &Error{
		Kind: ErrRedirect, Provider: a.r.call.Provider, Model: a.r.call.Model, Attempts: a.r.attempts,
		Detail: fmt.Sprintf("%s sends it to %s", who, where),
		Hint:   "if that place is to be trusted, make it the base URL",
	}
}

// sameHost reports whether a request may go from one URL to another: to the same host and port, and not from TLS to none.
func sameHost(from, to *url.URL) bool {
	port := func(u *url.URL) string {
		if p := u.Port(); p != "" {
			return p
		}
		return map[string]string{"https": "443", "http": "80"}[strings.ToLower(u.Scheme)]
	}
	if !strings.EqualFold(from.Hostname(), to.Hostname()) || strings.EqualFold(from.Scheme, "https") && !strings.EqualFold(to.Scheme, "https") {
		return false
	}
	return port(from) == port(to) || strings.EqualFold(from.Scheme, "http") && port(from) == "80" && port(to) == "443"
}

func (a *attempt) result(f wire.Refusal) {
	r := a.r
	r.results = append(r.results, policy.Result{
		Step: r.step, Outcome: f.Outcome, Evidence: f.Evidence, Reason: f.Reason, RetryAfter: f.RetryAfter,
		Ended: time.Since(r.start), AskedUsage: a.edits.HideUsage, Final: a.final,
	})
}

// refused closes the attempt that was answered outside of 2xx. The answer's body is still whole for the caller.
func (a *attempt) refused(req *http.Request, resp *http.Response) {
	r := a.r
	body, err := transport.Peek(resp, peekSize, peekTime)
	body = unpacked(resp.Header, body)
	f := r.dialect.Refusal(&r.call, &wire.Response{
		Status: resp.StatusCode, Header: resp.Header, Body: body, Asked: a.row.AskedTier, At: time.Now(),
	})
	if f.Outcome == policy.Rejected && !errors.Is(err, io.EOF) && !complete(body) {
		// Only a complete refusal counts as one: what has not come could say that it is of another kind.
		f.Outcome, f.Evidence = policy.Ambiguous, ""
	}
	if f.Reason == policy.UsageRefused && a.edits.HideUsage {
		r.engine.refused.add(refusalOf(r, req, usageRefusal))
	}
	if f.Outcome == policy.Rejected && resp.StatusCode >= 300 && resp.StatusCode <= 399 {
		f.Reason = policy.Redirected
	}
	a.final = strings.EqualFold(strings.TrimSpace(resp.Header.Get(shouldRetry)), "false")
	a.row.Outcome, a.row.Evidence, a.row.Reason, a.row.ErrorCode = f.Outcome, f.Evidence, f.Reason, f.Code
	a.result(f)
	if f.Outcome == policy.Rejected {
		a.row.UsageSource = ledger.None
		a.row.Cost = ledger.Known(0)
	} else {
		a.expose("it may have been billed: nobody documents what this failure costs")
	}
	a.tieTimeout(resp)
	a.close(nil)
}

// tieTimeout lets the attempt's timeout, if it has one, run until the body has been read or closed. The answer may be
// complete, and its row closed, a few bytes before that.
func (a *attempt) tieTimeout(resp *http.Response) {
	if a.cancel != nil && resp.Body != nil && resp.Body != http.NoBody {
		resp.Body = &timed{resp.Body, a.cancel}
	} else if a.cancel != nil {
		a.cancel()
	}
}

// timed is a body that ends the attempt's timeout.
type timed struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (t *timed) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err != nil {
		t.cancel()
	}
	return n, err
}

func (t *timed) Close() error {
	defer t.cancel()
	return t.ReadCloser.Close()
}

// complete reports whether what has come of a body is a whole JSON document.
func complete(body []byte) bool {
	s := scanners.Get().(*transport.Scanner)
	defer scanners.Put(s)
	s.Reset(nil, 0)
	s.Write(body)
	return s.Complete()
}

// Observe shows the answer's bytes to the dialect.
func (a *attempt) Observe(p []byte) (int, transport.Seen) { return a.reader.observe(p) }

// End closes the attempt that was answered with 2xx.
func (a *attempt) End(how transport.End, err error) {
	a.reader.inflate()
	answer := &a.reader.answer
	a.row.Outcome, a.row.ErrorCode = policy.Billed, answer.ErrorCode
	if answer.Failed || !a.reader.complete(how) {
		a.row.Outcome = policy.Partial
	}
	a.reader.finish()
	a.price()
	a.background()
	switch {
	case err != nil || a.row.Outcome != policy.Partial:
	case answer.Failed:
		err = fmt.Errorf("skinflint: the answer holds an error: %s", cmp.Or(answer.ErrorCode, "without a code"))
	case how == transport.EndClosed:
		err = errClosedEarly
	}
	a.close(err)
}

var errClosedEarly = errors.New("skinflint: the answer was closed before its end")

// price works out what the answer cost.
func (a *attempt) price() {
	c, answer, row := &a.r.call, &a.reader.answer, &a.row
	if answer.HasReported {
		row.Reported = ledger.Known(answer.Reported)
	}
	switch {
	case c.Free:
		row.UsageSource, row.Cost = ledger.None, ledger.Known(0)
		return
	case !answer.HasUsage:
		a.expose(cmp.Or(answer.Problem, c.Unpriced, answer.Extras, "the answer does not say what was used"))
		return
	}
	row.Usage, row.UsageSource = answer.Usage, ledger.Measured
	if answer.Problem != "" {
		row.UsageSource = ledger.Unknown
		a.expose(answer.Problem)
		return
	}
	row.ServedTier = a.servedTier()
	if row.ServedTier == "" {
		a.expose("the answer does not say which tier served")
		return
	}
	q := a.query(a.r.priceTier(row.ServedTier))
	if answer.Model != "" {
		q.Model = answer.Model
	}
	cost, err := a.r.engine.catalog.Cost(q, answer.Usage)
	switch why := cmp.Or(c.Unpriced, answer.Extras, a.tools()); {
	case err != nil:
		a.expose(cmp.Or(why, reasonOf(err)))
		return
	case c.Operation == wire.CreateCache && why != "":
		row.Unpriced, row.Exposure = why, ledger.Known(cost.Cost)
		return
	case why != "":
		a.expose(why)
		return
	}
	row.Cost, row.PriceID = ledger.Known(cost.Cost), cost.PriceID
	if c.Running && row.Outcome == policy.Partial {
		a.exposeRest()
	}
	if cost.ListKnown {
		row.List = ledger.Known(cost.List)
	}
	if implicit := cost.Uncached - cost.Cost; implicit != 0 && row.Cache == "" {
		row.Implicit = ledger.Known(implicit)
	}
}

// tools says that the cost of the tokens may not be all, if that is so.
func (a *attempt) tools() string {
	if a.r.call.Tools == wire.NoTools {
		return ""
	}
	return "the model may have used tools that are charged for"
}

// servedTier returns the tier that served: the one that the answer names, or if it names none the one that cannot but
// have served; "" if nobody can say.
func (a *attempt) servedTier() policy.Tier {
	asked := a.row.AskedTier
	switch {
	case a.reader.answer.Tier != "":
		return a.reader.answer.Tier
	case asked == "" || asked == policy.Standard || asked == "auto":
		return policy.Standard
	case slices.Contains(a.r.call.Strict, asked) || a.r.call.OnePrice:
		return asked
	}
	return ""
}

func (a *attempt) query(tier string) price.Query {
	c := &a.r.call
	return price.Query{Provider: cmp.Or(c.Prices, c.Provider), Model: c.Model, Tier: tier, At: a.start, Regional: c.Regional}
}

// expose notes that the cost is unknown, and the most that it can be.
func (a *attempt) expose(why string) {
	a.row.Unpriced = why
	if a.row.UsageSource == "" {
		a.row.UsageSource = ledger.Unknown
	}
	a.exposeMost()
}

// exposeMost notes as exposure what the attempt can cost at most.
func (a *attempt) exposeMost() {
	if a.row.Reported.Known && a.row.Outcome == policy.Billed {
		a.row.Exposure = a.row.Reported
	} else if most, err := a.r.bound(a.row.AskedTier, a.start); err == nil {
		a.row.Exposure = ledger.Known(most)
	}
}

// exposeRest notes that the cost is of what had been used when the stream was cut, and as exposure what may have been
// used beyond it.
func (a *attempt) exposeRest() {
	a.row.UsageSource = ledger.Estimated
	a.exposeMost()
	if rest := a.row.Exposure.Pico - a.row.Cost.Pico; a.row.Exposure.Known && rest >= 0 {
		a.row.Exposure = ledger.Known(rest)
	}
}

// exposeOthers adds to the exposure what was sent before the answer by something that stands beneath, and may have been
// billed, too. What net/http's own transport sends again of itself is free.
func (a *attempt) exposeOthers() {
	others := a.trace.Writes() - a.void - 1
	if a.sender.bare || others <= 0 || a.r.call.Free {
		return
	}
	most, err := a.r.bound(a.row.AskedTier, a.start)
	if err == nil && most <= math.MaxInt64/price.Pico(others+1) {
		a.row.Exposure = ledger.Known(a.row.Exposure.Pico + most*price.Pico(others))
	}
}

func reasonOf(err error) string {
	var u *price.Unpriced
	if errors.As(err, &u) {
		return u.Reason
	}
	return err.Error()
}

// close ends the attempt: its row goes out, and the links above are told.
func (a *attempt) close(err error) {
	defer a.done()
	a.closed = true
	r, row, answer := a.r, &a.row, &a.reader.answer
	a.exposeOthers()
	row.Status, row.WireTries = a.status, a.trace.Writes()
	row.ServedModel, row.RequestID, row.ResponseID = answer.Model, answer.RequestID, answer.ResponseID
	row.LatencyMS = time.Since(a.start).Milliseconds()
	if r.call.Poll && !a.counts {
		return
	}
	r.emit(row)
	r.remember(row.Outcome)
	r.options.Tracked().Report(policy.Report{
		Tier: row.ServedTier, Usage: row.Usage, Cost: row.Cost.Pico, Priced: row.Cost.Known, Exposure: row.Exposure.Pico, Err: err,
	})
}

// done does what the links above want done when the attempt is over.
func (a *attempt) done() {
	for _, f := range a.atEnd {
		defer f()
	}
	a.atEnd = nil
}
