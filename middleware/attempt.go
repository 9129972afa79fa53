package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
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
	reader wire.Reader
	cancel context.CancelFunc // of the attempt's own context, if it has one
	body   io.ReadCloser      // that was sent

	opened  bool // the ledger knows that it is about to be sent
	entered bool // the RoundTripper beneath was asked
	reached bool // and a link of ours behind it has passed the request on
	closed  bool // the row has gone out
	final   bool // the server said not to send the request again
	counts  bool // an answer to a poll is the first to tell what a call of before has used

	holds  bool // the call runs until this attempt has ended
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
	a.holds, r.holding = r.holding, false
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
	if r.headers.IdempotencyKey || !r.headers.Of(out.Header) {
		stripIdempotencyKeys(out)
	}
	if err := a.attach(out); err != nil {
		return nil, a.withdraw(r.refuse(&Error{Kind: ErrBody, Err: err}))
	}
	a.open()
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
	r.dialect.Headers(&r.call, resp.Header, &a.reader.Answer)
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

// open has the ledger note that the attempt is about to be sent.
func (a *attempt) open() {
	r := a.r
	if len(r.openers) == 0 || r.call.Kind == wire.Free || r.call.Kind == wire.Poll {
		return
	}
	row := a.row
	row.Outcome, row.UsageSource = policy.Open, ledger.Unknown
	if most, err := r.bound(row.AskedTier, a.start); err == nil {
		row.Exposure = ledger.Known(most)
	}
	for _, opener := range r.openers {
		opener(&row)
	}
	a.opened = true
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
	if err := r.body.Attach(out, a.sender.spoken.of(out.URL.Host) == 2, a.edits.Body...); err != nil {
		return err
	}
	a.again = out.GetBody
	a.guard(out)
	a.body = out.Body
	return nil
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
	if a.opened {
		a.r.withdrawn = &a.row
	}
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
	a.reader.Begin(r.dialect, &r.call, resp, a.edits.HideUsage)
	options := transport.WatchOptions{IdleTime: a.s.StreamIdle, Hide: a.edits.HideUsage && a.reader.Events()}
	r.engine.bodies.Watch(ctx, resp, a, options)
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
	body, err := peek(resp, peekSize, peekTime)
	body = wire.Unpacked(resp.Header, body)
	f := r.dialect.Refusal(&r.call, &wire.Response{
		Status: resp.StatusCode, Header: resp.Header, Body: body, Asked: a.row.AskedTier, At: time.Now(),
	})
	if f.Outcome == policy.Rejected && !errors.Is(err, io.EOF) && !wire.Whole(body) {
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

// Observe shows the answer's bytes to the dialect.
func (a *attempt) Observe(p []byte) (int, transport.Seen) { return a.reader.Observe(p) }

// End closes the attempt that was answered with 2xx.
func (a *attempt) End(how transport.End, err error) {
	answer := &a.reader.Answer
	a.row.Outcome, a.row.ErrorCode = policy.Billed, answer.ErrorCode
	if whole := a.reader.End(how); answer.Failed || !whole {
		a.row.Outcome = policy.Partial
	}
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

// close ends the attempt: its row goes out, and the links above are told.
func (a *attempt) close(err error) {
	defer a.done()
	a.closed = true
	r, row, answer := a.r, &a.row, &a.reader.Answer
	a.exposeOthers()
	row.Status, row.WireTries = a.status, a.trace.Writes()
	row.ServedModel, row.RequestID, row.ResponseID = answer.Model, answer.RequestID, answer.ResponseID
	row.LatencyMS = time.Since(a.start).Milliseconds()
	if r.call.Kind == wire.Poll && !a.counts {
		return
	}
	if r.call.Operation == wire.UpdateCache || r.call.Operation == wire.DeleteCache {
		a.storage() // which is all that they change
		return
	}
	r.emit(row)
	a.storage()
	r.remember(row.Outcome)
	r.options.Tracked().Report(policy.Report{
		Tier: row.ServedTier, Usage: row.Usage, Cost: row.Cost.Pico, Priced: row.Cost.Known, Exposure: row.Exposure.Pico, Err: err,
	})
}

// done does what the links above want done when the attempt is over.
func (a *attempt) done() {
	if a.holds {
		a.holds = false
		defer a.r.release()
	}
	for _, f := range a.atEnd {
		defer f()
	}
	a.atEnd = nil
}
