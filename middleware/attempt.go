package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// An attempt is one HTTP exchange of a call. It sends the request with the edits that the links decided on, classifies the
// answer, observes its body, and closes its row when the answer has ended.
type attempt struct {
	c      *call
	sender *sender
	trace  transport.Trace
	reader wire.Reader
	cancel context.CancelFunc // of the attempt's own context, if it has one

	opened  bool // a ledger has an open row of it
	entered bool // the RoundTripper beneath was called
	closed  bool // the row was emitted
	final   bool // the server said not to send the request again
	late    bool // its context was done before it was sent
	reads   bool // something needs the answer's usage: a ledger, or what a link registered

	atEnd []func(*ledger.Row)
	start time.Time
	void  int // how many times it was written and the server said that it did not process it
	row   ledger.Row
	edits wire.Edits
	room  [2]transport.Edit             // for edits
	out   http.Request                  // what is sent: see copyOf
	again func() (io.ReadCloser, error) // opens the body again: see unprocessed
}

// run sends the attempt. What the links registered for its end happens once, whether it is sent or not.
func (a *attempt) run(c *call, s *sender) (*http.Response, error) {
	a.c, a.sender = c, s
	a.begin()
	returned := false
	defer func() {
		switch { // a panic goes on to the caller, but the row and the permits must not be lost
		case returned || a.closed:
		case a.entered:
			a.fail(a.lost(errPanicked), errPanicked)
		default:
			a.fail(wire.Rejection{Outcome: policy.NotSent, Reason: policy.TransportLost}, errPanicked)
		}
	}()
	resp, err := a.send()
	returned = true
	return resp, err
}

var errPanicked = errors.New("skinflint: the RoundTripper beneath panicked")

// errNoAnswer says that a RoundTripper broke its contract.
var errNoAnswer = errors.New("skinflint: the RoundTripper beneath returned neither a response nor an error")

// begin takes what the links decided from the call.
func (a *attempt) begin() {
	c := a.c
	elapsed := c.elapsed()
	now := c.start.Add(elapsed)
	switch {
	case !c.tiers:
		c.step.Tier = c.wire.Tier
	case c.reserved == nil: // or it was looked at after the wait, and what is held is for this tier
		c.tierInTime(c.left(elapsed))
	}
	c.attempts++
	if c.attempts == 1 && c.sdkRetry == 0 && c.repeat.known {
		c.engine.repeats.first(c.repeat.try)
	}
	c.hold()
	a.start, a.atEnd = now, c.atEnd
	c.atEnd = nil
	c.fill(&a.row)
	a.row.Attempt, a.row.At, a.row.WaitMS = c.attempts, now.UTC(), c.waited.Milliseconds()
	c.waited = 0
}

// send sends the request and handles the result.
func (a *attempt) send() (*http.Response, error) {
	c := a.c
	if err := a.c.affordsAt(a.start); err != nil {
		return nil, a.withdraw(err)
	}
	ctx := a.watch(a.within())
	out := a.copyOf(c.request, transport.WithTrace(ctx, &a.trace))
	if c.headers.IdempotencyKey {
		out = withoutIdempotencyKeys(out)
	}
	if err := a.attach(out); err != nil {
		return nil, a.withdraw(c.refuse(&Error{Kind: ErrBody, Err: err}))
	}
	a.isolate(out)
	a.open()
	a.entered, a.late = true, ctx.Err() != nil
	resp, err := a.exchange(out)
	if again := a.unprocessed(out, err); again != nil {
		resp, err = a.exchange(again)
	}
	if e := c.nested.Swap(nil); e != nil && errors.Is(err, ErrPolicy) {
		return nil, a.withdraw(c.refuse(&Error{Kind: e.Kind, Detail: e.Detail, Hint: e.Hint}))
	}
	switch {
	case err != nil:
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		return nil, a.fail(a.lost(err), err)
	case resp == nil:
		return nil, a.fail(a.lost(errNoAnswer), errNoAnswer)
	}
	return a.receive(ctx, out, resp)
}

// receive classifies a response.
func (a *attempt) receive(ctx context.Context, out *http.Request, resp *http.Response) (*http.Response, error) {
	a.sender.spoken.note(a.c.request.URL.Host, resp.ProtoMajor)
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	if resp.Header == nil {
		resp.Header = http.Header{}
	}
	a.row.Status = resp.StatusCode
	a.c.dialect.Headers(&a.c.wire, resp.Header, &a.reader.Answer)
	switch {
	case resp.StatusCode == http.StatusSwitchingProtocols:
		a.upgraded()
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		a.rejected(resp)
		if host := crossHost(out, resp); host != "" && a.c.wire.Kind != wire.Free && a.c.wire.Kind != wire.Poll {
			resp.Body.Close()
			return nil, a.redirectError(fmt.Sprintf("%s answers %d, and", out.URL.Host, resp.StatusCode), host)
		}
	default:
		a.c.learn(resp, nil)
		a.answered(ctx, resp)
	}
	return resp, nil
}

// within returns the context of the attempt, which ends at the policy's timeout for attempts, if there is one.
func (a *attempt) within() context.Context {
	c := a.c
	if c.settings.AttemptTimeout <= 0 {
		return c
	}
	ctx, cancel := context.WithTimeoutCause(c, c.settings.AttemptTimeout, &Error{
		Kind: ErrTimeout, Err: context.DeadlineExceeded, Provider: c.wire.Provider, Model: c.wire.Model, Attempts: c.attempts,
		Detail: fmt.Sprintf("it ran for more than attempt_timeout, %v, and may have been billed", c.settings.AttemptTimeout),
	})
	a.cancel = cancel
	return ctx
}

// open gives the ledgers a row of the attempt before it is sent, so that a crash cannot lose what it may cost.
func (a *attempt) open() {
	c := a.c
	if len(c.openers) == 0 || c.wire.Kind == wire.Free || c.wire.Kind == wire.Poll {
		return
	}
	row := a.row
	row.Outcome = policy.Open
	a.account().expose(&row, ledger.OpenReason)
	for _, opener := range c.openers {
		opener(&row)
	}
	a.opened = true
}

func (a *attempt) account() account { return a.c.account(a.start) }

// attach gives the request the call's body with the attempt's edits.
func (a *attempt) attach(out *http.Request) error {
	c := a.c
	a.edits = wire.Edits{Body: a.room[:0]}
	if c.refreshCache() {
		a.row.Skipped = both(c.body.Skipped(), c.skipped)
	}
	if c.body.Skipped() == "" {
		want := wire.Want{Tier: c.step.Tier, Usage: a.wantsUsage(), Cache: c.cache, PromptCache: a.wantsWrites()}
		if c.prefix != nil {
			c.prefix.want(&want)
		}
		if deadline, ok := out.Context().Deadline(); ok {
			want.Left = max(1, time.Until(deadline))
		}
		c.dialect.Edit(&c.wire, c.body.Fields(), want, &a.edits)
		if want.Held.Prefix != nil && !a.edits.Taken {
			c.leaveCache(cmp.Or(a.edits.Problem, "the dialect takes nothing out of a request"))
			a.row.Skipped = both(c.body.Skipped(), c.skipped)
			return a.attach(out)
		}
		a.reader.Answer.WriteTTL = a.edits.WriteTTL
		a.row.Skipped = both(a.row.Skipped, a.edits.LeftOut)
		editHeader(out, a.edits.Header)
	}
	a.row.Cache = cmp.Or(c.wire.Cache, c.cache)
	a.row.AskedTier = c.step.Tier
	if c.tiersOpen() == nil {
		a.row.AskedTier = c.wire.Tier // it cannot be changed
	}
	apart := !a.sender.bare || a.sender.spoken.of(c.request.URL.Host) == 2 // the trace hides the type of a body from a foreign base
	if err := c.body.Attach(out, apart, a.edits.Body...); err != nil {
		return err
	}
	a.again = out.GetBody
	a.guard(out)
	return nil
}

// editHeader makes the edits in a copy of the request's header. Keys match in any case.
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

// withdraw undoes an attempt that we refused before it was sent. It leaves no row of its own.
func (a *attempt) withdraw(err error) error {
	c := a.c
	if a.opened {
		c.withdrawn = &a.row
	}
	a.closed = true
	c.attempts--
	c.refusal.Attempts = c.attempts
	c.waited = time.Duration(a.row.WaitMS) * time.Millisecond
	if a.cancel != nil {
		a.cancel()
	}
	a.done(nil)
	return err
}

// upgraded closes the attempt whose connection now uses another protocol, which we do not read.
func (a *attempt) upgraded() {
	a.row.Outcome = policy.Ambiguous
	a.result(wire.Rejection{Outcome: policy.Ambiguous})
	a.account().expose(&a.row, "the connection was upgraded to another protocol")
	a.close(nil)
}

// answered watches the body of a 2xx answer, and closes the attempt when that ends.
func (a *attempt) answered(ctx context.Context, resp *http.Response) {
	c := a.c
	if c.wire.Kind == wire.Poll {
		a.adopt(path.Base(c.request.URL.Path))
	}
	c.results = append(c.results, policy.Result{Step: c.step, Outcome: policy.Billed, Ended: time.Since(c.start)})
	a.reads = len(c.sinks) > 0 || len(a.atEnd) > 0 || c.repeat.known || c.options.Tracked() != nil || a.edits.HideUsage
	if a.reads {
		a.reader.Begin(c.dialect, &c.wire, resp)
	}
	options := transport.WatchOptions{IdleTime: c.settings.StreamIdle, Hide: a.edits.HideUsage && a.reader.Events(), Rest: a.hasRest(resp)}
	c.engine.bodies.Watch(ctx, resp, a, options)
	a.tieTimeout(resp)
}

// hasRest reports whether an answer that its caller closes early is worth reading to its end: it is no stream, and says what
// was charged for.
func (a *attempt) hasRest(resp *http.Response) bool {
	w := &a.c.wire
	if !a.reads || w.Stream || w.AnswerPaths == nil || w.Kind == wire.Free && w.Operation != wire.UpdateCache {
		return false
	}
	return !strings.HasPrefix(strings.ToLower(transport.HeaderValue(resp.Header, "Content-Type")), "text/event-stream")
}

// wantsUsage reports whether to ask for the usage of a stream. If it is not asked for although it should be, the row says why.
// If the caller itself asked for an encoding, the stream may be compressed, and the event with the usage could not be hidden
// from the caller.
func (a *attempt) wantsUsage() bool {
	c := a.c
	var why string
	switch {
	case c.settings.LeaveStreams || !c.wire.Stream:
		return false
	case transport.HeaderValue(c.request.Header, "Accept-Encoding") != "":
		why = "usage: the request sets Accept-Encoding"
	case c.step.WithoutUsage || c.rejects(usageRejection):
		why = "usage: rejected by this model"
	default:
		return true
	}
	if c.wire.AskUsage && !c.wire.Usage {
		a.row.Skipped = both(a.row.Skipped, why)
	}
	return false
}

// wantsWrites returns what to ask of the provider's prompt cache. If that is nothing although something is wanted, the row
// says why.
func (a *attempt) wantsWrites() wire.PromptCache {
	c := a.c
	if !c.promptCache.Wants() || !c.step.WithoutWrite && !c.rejects(writeRejection) {
		return c.promptCache
	}
	a.row.Skipped = both(a.row.Skipped, "prompt cache: rejected by this model")
	return wire.PromptCache{}
}

// fail closes the attempt that had no answer, and returns err.
func (a *attempt) fail(f wire.Rejection, err error) error {
	a.row.Outcome, a.row.Evidence, a.row.Reason, a.row.ErrorCode = f.Outcome, f.Evidence, f.Reason, f.Code
	a.result(f)
	if f.Outcome != policy.Ambiguous {
		free(&a.row)
	} else {
		a.account().expose(&a.row, "it may have been billed: the connection failed after the request was written")
	}
	if a.cancel != nil {
		a.cancel()
	}
	a.close(err)
	return err
}

// result notes the attempt's outcome, by which the decider decides how the call goes on.
func (a *attempt) result(f wire.Rejection) {
	c := a.c
	c.results = append(c.results, policy.Result{
		Step: c.step, Outcome: f.Outcome, Evidence: f.Evidence, Reason: f.Reason, RetryAfter: f.RetryAfter,
		Ended: time.Since(c.start), AskedUsage: a.edits.HideUsage, AskedWrite: a.edits.PromptCache, Final: a.final,
	})
}

// rejected closes the attempt that was answered outside of 2xx. The caller can still read all of the answer's body.
func (a *attempt) rejected(resp *http.Response) {
	c := a.c
	f := a.readRejection(resp)
	if f.Reason == policy.UsageRejected && a.edits.HideUsage {
		c.engine.rejected.add(c.rejection(usageRejection))
	}
	if f.Reason == policy.WriteRejected && a.edits.PromptCache {
		c.engine.rejected.add(c.rejection(writeRejection))
	}
	if f.Outcome == policy.Rejected && resp.StatusCode >= 300 && resp.StatusCode <= 399 {
		f.Reason = policy.Redirected
	}
	if name := resp.Header.Get(refusalHeader); name == kinds[ErrAmbiguous] || name == kinds[ErrTimeout] {
		f = wire.Rejection{Outcome: policy.Ambiguous, Code: f.Code} // by a proxy of ours beneath: its status does not count
	}
	c.learn(resp, &f)
	a.final = strings.EqualFold(strings.TrimSpace(resp.Header.Get(shouldRetry)), "false")
	a.row.Outcome, a.row.Evidence, a.row.Reason, a.row.ErrorCode = f.Outcome, f.Evidence, f.Reason, f.Code
	if c.errand != nil {
		c.errand.least = f.MinTokens
	}
	a.result(f)
	if f.Outcome == policy.Rejected {
		free(&a.row)
	} else {
		a.account().expose(&a.row, "it may have been billed: it is not documented what this failure costs")
	}
	a.tieTimeout(resp)
	a.close(nil)
}

// readRejection classifies an answer outside of 2xx.
func (a *attempt) readRejection(resp *http.Response) wire.Rejection {
	if resp.StatusCode < 200 || resp.StatusCode > 599 { // no answer of a provider has such a status
		return wire.Rejection{Outcome: policy.Ambiguous, Code: "invalid_status"}
	}
	f := wire.ReadRejection(a.c.dialect, &a.c.wire, resp, a.row.AskedTier, &a.edits)
	if f.Outcome == policy.Rejected && a.resent() {
		f.Outcome, f.Evidence = policy.Ambiguous, "" // what was sent before this was answered may have been billed
	}
	return f
}

// redirectError is the error for a call that is redirected to another host.
func (a *attempt) redirectError(by, host string) *Error {
	return &Error{
		Kind: ErrRedirect, Provider: a.c.wire.Provider, Model: a.c.wire.Model, Attempts: a.c.attempts,
		Detail: fmt.Sprintf("%s redirects it to %s, which would get the prompt and the key", by, host),
		Hint:   "if that host is to be trusted, make it the base URL",
	}
}

// tieTimeout lets the attempt's timeout, if it has one, run until the body has been read or closed. That may be a few bytes
// after the answer is complete and its row closed.
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
func (a *attempt) Observe(p []byte) (int, transport.Seen) {
	if !a.reads {
		return len(p), 0
	}
	return a.reader.Observe(p)
}

// End closes the attempt that was answered with 2xx.
func (a *attempt) End(how transport.End, err error) {
	if !a.reads {
		a.closed = true
		a.done(&a.row)
		return
	}
	whole := a.reader.End(how)
	answer := &a.reader.Answer
	a.row.Outcome, a.row.ErrorCode = policy.Billed, answer.ErrorCode
	if answer.Failed || !whole {
		a.row.Outcome = policy.Partial
	}
	a.account().settle(&a.row, answer)
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

// close ends the attempt: it completes and emits the row, and calls what the links registered.
func (a *attempt) close(err error) {
	defer a.done(&a.row)
	a.closed = true
	c, row, answer := a.c, &a.row, &a.reader.Answer
	looks := 0
	if row.Outcome == policy.Ambiguous {
		looks = a.trace.Looks() // which may be what got no answer
	}
	if !a.sender.bare { // what net/http's own transport sends again on its own is free
		a.account().exposeOthers(row, a.trace.Sends()+looks-a.void-1)
	}
	c.exposure = row.Exposure
	row.WireTries = a.trace.Writes() + looks
	if row.Status != 0 && a.trace.Reported() {
		row.WireTries = max(row.WireTries, 1) // over HTTP/2, an early answer may come before net/http has reported the headers
	}
	row.ServedModel, row.RequestID, row.ResponseID = answer.Model, answer.RequestID, answer.ResponseID
	row.LatencyMS = time.Since(a.start).Milliseconds()
	if c.wire.Kind == wire.Poll {
		a.count(err)
		return
	}
	counted := a.remember()
	storage, exposed := c.engine.stored.account(row, a.account(), answer.Stored)
	c.storage, c.exposed = storage, exposed
	if c.errand != nil {
		c.errand.note(row, storage, answer.Stored)
	}
	if c.wire.Operation != wire.UpdateCache && c.wire.Operation != wire.DeleteCache { // which change storage only
		if !counted || a.opened || row.Exposure.Known {
			c.emit(row)
		}
		if c.repeat.known {
			c.noteRepeatable(row.Outcome)
		}
		c.options.Tracked().Report(reportOf(row, err))
	}
	if storage != nil {
		c.emit(storage)
	}
}

// reportOf returns what a row adds to the tracker of its call.
func reportOf(row *ledger.Row, err error) policy.Report {
	return policy.Report{
		Tier: row.ServedTier, Usage: row.Usage, Cost: row.Cost.Pico, Priced: row.Cost.Known, Exposure: row.Exposure.Pico, Err: err,
	}
}

// done calls the funcs that the links registered for the attempt's end; row is nil if it was never sent.
func (a *attempt) done(row *ledger.Row) {
	defer a.c.release()
	funcs := a.atEnd
	a.atEnd = nil
	end(funcs, row)
}
