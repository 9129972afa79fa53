package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A fate is the result of a call whose first request meets a fault.
type fate struct {
	end     end
	status  int            // of the provider's answer
	billed  int            // generations, of the request that meets the fault
	outcome policy.Outcome // of that request
}

// An end is how a call ends.
type end uint8

const (
	served      end = iota // with an answer
	resent                 // with an answer, of the second attempt
	replayed               // with an answer, of a second request
	followed               // with an answer, after a redirect to the same host
	final                  // with the provider's error
	ambiguous              // with our error: it may have been billed
	redirected             // with our error: another host would have got it
	notFollowed            // with the redirect itself, which some SDKs take for an empty answer
	cut                    // with half an answer
	errorEvent             // with half a stream and an error
	timedOut               // with the context's error
)

// fates are the results of a call to OpenAI over HTTP/1. Other providers and HTTP/2 differ as the tables below say.
var fates = map[llmtest.Fault]fate{
	llmtest.NoFault:                {served, 200, 1, policy.Billed},
	llmtest.ResetBeforeAccept:      {ambiguous, 0, 0, policy.Ambiguous},
	llmtest.ResetAfterAccept:       {ambiguous, 0, 1, policy.Ambiguous},
	llmtest.CutStream:              {cut, 200, 1, policy.Partial},
	llmtest.ErrorInStream:          {final, 500, 1, policy.Ambiguous}, // of a call; for a stream see fateOf
	llmtest.ServerError:            {final, 500, 0, policy.Ambiguous},
	llmtest.ServerErrorAfterWork:   {final, 500, 1, policy.Ambiguous},
	llmtest.Overloaded:             {resent, 503, 0, policy.Rejected},
	llmtest.RateLimited:            {resent, 429, 0, policy.Rejected},
	llmtest.QuotaExceeded:          {final, 429, 0, policy.Rejected},
	llmtest.FlexUnavailable:        {final, 429, 0, policy.Rejected},
	llmtest.BadRequest:             {final, 400, 0, policy.Rejected},
	llmtest.Stall:                  {timedOut, 0, 1, policy.Ambiguous},
	llmtest.RefusedStream:          {ambiguous, 0, 0, policy.Ambiguous},
	llmtest.GoAway:                 {ambiguous, 0, 0, policy.Ambiguous},
	llmtest.ProtocolError:          {ambiguous, 0, 0, policy.Ambiguous},
	llmtest.ProtocolErrorAfterWork: {ambiguous, 0, 1, policy.Ambiguous},
	llmtest.EarlyRateLimited:       {resent, 429, 0, policy.Rejected},
	llmtest.StaleClose:             {served, 200, 1, policy.Billed},
	llmtest.Slow:                   {served, 200, 1, policy.Billed},
	llmtest.RedirectSame:           {followed, 307, 0, policy.Rejected},
	llmtest.RedirectAway:           {redirected, 307, 0, policy.Rejected},
	llmtest.TrickledError:          {final, 500, 0, policy.Ambiguous},
	llmtest.ShouldRetryFalse:       {final, 429, 0, policy.Rejected},
}

// providerFates are those of other providers.
var providerFates = map[string]map[llmtest.Fault]fate{
	"anthropic": {
		llmtest.Overloaded:      {resent, 529, 0, policy.Rejected},
		llmtest.QuotaExceeded:   {final, 400, 0, policy.Rejected},
		llmtest.FlexUnavailable: {resent, 529, 0, policy.Rejected},
	},
	"azure": {
		llmtest.Overloaded:      {final, 503, 0, policy.Ambiguous},
		llmtest.FlexUnavailable: {resent, 429, 0, policy.Rejected},
	},
	"gemini": googleFates,
	"vertex": googleFates,
}

// googleFates differ because Google's documents say that a 500 costs nothing. One whose body is not complete in time,
// as that of TrickledError, is no proof.
var googleFates = map[llmtest.Fault]fate{
	llmtest.ErrorInStream:        {resent, 500, 0, policy.Rejected},
	llmtest.ServerError:          {resent, 500, 0, policy.Rejected},
	llmtest.ServerErrorAfterWork: {resent, 500, 0, policy.Rejected},
	llmtest.FlexUnavailable:      {resent, 503, 0, policy.Rejected},
}

// http2Fates are those over HTTP/2, which says of some requests that they were not worked on. That is believed.
var http2Fates = map[llmtest.Fault]fate{
	llmtest.RefusedStream: {replayed, 0, 0, ""},
	llmtest.GoAway:        {replayed, 0, 0, ""},
}

// onceOnly are faults that a script must not repeat: net/http's HTTP/2 transport would send the request again for ever.
var onceOnly = map[llmtest.Fault]bool{
	llmtest.RefusedStream: true, llmtest.GoAway: true, llmtest.ProtocolError: true,
}

// fateOf returns the fate of a call that meets a fault.
func fateOf(a *Adapter, fault llmtest.Fault, http2, stream bool) fate {
	if fault == llmtest.ErrorInStream && stream {
		return fate{errorEvent, 200, 1, policy.Partial}
	}
	if fault == llmtest.RedirectSame && a.Middleware { // the http.Client that would follow it is below
		return fate{notFollowed, 307, 0, policy.Rejected}
	}
	// A base that is not net/http's own transport is not believed.
	if f, ok := http2Fates[fault]; ok && http2 && !a.MadeOutside {
		return f
	}
	if f, ok := providerFates[a.Provider][fault]; ok {
		return f
	}
	return fates[fault]
}

// faultCases return two cases for every fault and version of HTTP: in one, the first request of a call meets the fault,
// in the other every request does.
func faultCases() []testCase {
	var cs []testCase
	for fault := llmtest.NoFault; fault <= llmtest.ShouldRetryFalse; fault++ {
		for _, http2 := range []bool{false, true} {
			for _, repeated := range []bool{false, true} {
				if repeated && onceOnly[fault] {
					continue
				}
				cs = append(cs, faultCase(fault, http2, repeated))
			}
		}
	}
	return cs
}

// faultCase returns one of them.
func faultCase(fault llmtest.Fault, http2, repeated bool) testCase {
	version, times, script := "http1", "once", llmtest.Sequence(fault)
	if http2 {
		version = "http2"
	}
	if repeated {
		times, script = "always", always(fault)
	}
	c := testCase{
		name:    fmt.Sprintf("faults/%v/%s/%s", fault, version, times),
		setup:   Setup{Config: llmtest.Config{HTTP2: http2, Faults: script}, Options: Options{Timeout: time.Hour}},
		retries: true,
		test:    func(w *World) { meets(w, fault, http2, repeated) },
	}
	if fault == llmtest.ErrorInStream {
		c.streamNeeds = ReadErrorEvents
	}
	return c
}

// attempts is how often a zero policy sends a call that is rejected each time.
const attempts = 6

// meets makes a call that meets a fault.
func meets(w *World, fault llmtest.Fault, http2, repeated bool) {
	want := fateOf(w.adapter, fault, http2, w.stream)
	ctx, call := policy.Track(w.Context())
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	answer, err := w.ask(ctx, "Who pays for this?")
	sent, billed := 1, want.billed
	tracked := true
	switch {
	case want.end == replayed: // by net/http, within one attempt, or by the stack
		sent, billed, tracked, want.end = 2, 1, false, served
	case want.end == resent && repeated:
		sent, want.end = attempts, final
	case want.end == resent, want.end == followed:
		sent, billed, want.end = 2, 1, served
	}
	w.Wire(sent, billed)
	w.fateMet(answer, err, want, http2)
	w.callMet(call, want)
	rows := w.Stack.Rows()
	if tracked && (len(rows) != sent || rows[0].Outcome != want.outcome || call.Attempts() != sent) {
		w.Errorf("%d attempts tracked, want %d, the first %s; rows: %+v", call.Attempts(), sent, want.outcome, rows)
	}
	w.reasonMet(fault)
	if header := w.adapter.RetryCount; header != "" {
		for _, r := range w.Server.Requests() {
			if n := r.Header.Get(header); n != "0" {
				w.Errorf("the SDK sent the call again: %s is %q", header, n)
			}
		}
	}
	if want.end == served {
		w.Balance()
	}
}

// fateMet checks what the program sees.
func (w *World) fateMet(answer Answer, err error, want fate, http2 bool) {
	w.Helper()
	switch want.end {
	case served:
		if err != nil || answer.Text == "" {
			w.Errorf("answer %+v, error %v", answer, err)
		}
	case final:
		if err == nil || w.adapter.Failure(err).Status != want.status {
			w.Errorf("error %v, want status %d", err, want.status)
		}
	case ambiguous:
		w.refused(err, isAmbiguous)
	case redirected:
		w.refused(err, isRedirect)
	case notFollowed:
		if answer.Text != "" {
			w.Errorf("answer %+v", answer)
		}
	case cut:
		w.ended(err, w.adapter.cutEnding(w.stream, http2), nil)
	case errorEvent:
		w.ended(err, w.adapter.ErrorEvent, nil)
	case timedOut:
		w.ended(err, w.adapter.Late, context.DeadlineExceeded)
	}
}

// cutEnding is how a call ends whose answer breaks off.
func (a *Adapter) cutEnding(stream, http2 bool) Ending {
	e := a.Cut
	if stream {
		e = a.CutStream
	}
	if http2 && e.Text != "" {
		e.Text = "INTERNAL_ERROR"
	}
	return e
}

// callMet checks what policy.Track says of the call.
func (w *World) callMet(call *policy.Call, want fate) {
	w.Helper()
	var kind error
	switch want.end {
	case ambiguous:
		kind = middleware.ErrAmbiguous
	case redirected:
		kind = middleware.ErrRedirect
	case timedOut:
		kind = context.DeadlineExceeded
	}
	var e *middleware.Error
	ours := want.end == ambiguous || want.end == redirected
	if errors.As(call.Err(), &e) != ours || kind != nil && !errors.Is(call.Err(), kind) || want.end == errorEvent && call.Err() == nil {
		w.Errorf("tracked: %v", call.Err())
	}
}

// reasonMet checks what the last row says of the provider's error.
func (w *World) reasonMet(fault llmtest.Fault) {
	w.Helper()
	rows := w.Stack.Rows()
	if len(rows) == 0 {
		return
	}
	row := rows[len(rows)-1]
	named := w.adapter.Provider != "anthropic" && w.adapter.Provider != "azure" // these have no code for an empty account
	if fault == llmtest.ErrorInStream && w.stream && row.ErrorCode == "" || fault == llmtest.QuotaExceeded && named && row.Reason != policy.Quota {
		w.Errorf("row: %+v", row)
	}
}
