package adaptertest

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// sdkTimeout is the SDK's own timeout in the cases about it, and clientTimeout that of its http.Client.
const (
	sdkTimeout    = 5 * time.Minute
	clientTimeout = 3 * time.Minute
)

// clientCases are about contexts, timeouts and the program's http.Client.
func clientCases() []testCase {
	refusing := llmtest.Config{RefuseDials: func(int) bool { return true }}
	stalled := llmtest.Config{Faults: always(llmtest.Stall)}
	cs := []testCase{
		{name: "dial_refused", setup: Setup{Config: refusing}, retries: true,
			test: func(w *World) { dialRefused(w, attempts) }},
		{name: "dial_refused/max_attempts", setup: Setup{Config: refusing, Policy: policy.Policy{MaxAttempts: 3}}, retries: true,
			test: func(w *World) { dialRefused(w, 3) }},
		{name: "context/deadline", setup: Setup{Config: stalled}, retries: true, test: contextDeadline},
		{name: "context/cancelled", setup: Setup{Config: stalled}, retries: true, test: contextCancelled},
		{name: "context/done", retries: true, test: contextDone},
		{name: "http_client/kept", needs: []Ability{UseHTTPClient}, modes: unaryOnly, test: httpClientKept,
			setup: Setup{HTTPClient: countingClient}},
		{name: "http_client/timeout", needs: []Ability{UseHTTPClient}, retries: true, test: httpClientTimeout,
			setup: Setup{Config: stalled, HTTPClient: func(base http.RoundTripper) *http.Client {
				return &http.Client{Transport: base, Timeout: clientTimeout}
			}}},
	}
	for _, fault := range []llmtest.Fault{llmtest.Stall, llmtest.Slow} {
		cs = append(cs, testCase{name: "timeout/" + fault.String(), needs: []Ability{Timeout}, retries: true, test: ownTimeout,
			setup: Setup{Config: llmtest.Config{Faults: always(fault)}, Options: Options{Timeout: sdkTimeout}}})
	}
	return cs
}

// dialRefused cannot reach the provider. The stack tries as often as its policy allows, and the SDK not once more.
func dialRefused(w *World, attempts int) {
	ctx, call := policy.Track(w.Context())
	_, err := w.ask(ctx, "Who is there?")
	w.refused(err, isNotSent)
	if !errors.Is(call.Err(), middleware.ErrNotSent) {
		w.Errorf("tracked: %v", call.Err())
	}
	w.Wire(0, 0)
	if rows := w.rows(attempts); rows[attempts-1].Outcome != policy.NotSent || w.dials != attempts {
		w.Errorf("%d dials, want %d; rows: %+v", w.dials, attempts, rows)
	}
}

func contextDeadline(w *World) {
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	_, err := w.ask(ctx, "Who is out of time?")
	w.ended(err, w.adapter.Late, context.DeadlineExceeded)
	if took := time.Since(began); took != time.Minute {
		w.Errorf("it took %v", took)
	}
	w.Wire(1, 1)
}

func contextCancelled(w *World) {
	ctx, cancel := context.WithCancel(w.Context())
	go func() {
		synctest.Wait() // until the provider has the request
		cancel()
	}()
	_, err := w.ask(ctx, "Who gives up?")
	w.ended(err, w.adapter.Cancelled, context.Canceled)
	w.Wire(1, 1)
}

// contextDone makes a call whose context is cancelled already. It is not sent.
func contextDone(w *World) {
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	_, err := w.ask(ctx, "Who is gone?")
	w.ended(err, w.adapter.Cancelled, context.Canceled)
	w.Wire(0, 0)
}

// httpClientKept sends through the transport of the program's http.Client, which is left as it is.
func httpClientKept(w *World) {
	w.must(w.Context(), "Whose client is this?")
	counter, ok := w.httpClient.Transport.(*counting)
	if !ok || counter.n != 1 || w.httpClient.Jar == nil || w.httpClient.Timeout != time.Minute {
		w.Errorf("http.Client %+v", w.httpClient)
	}
	w.Balance()
}

// countingClient returns an http.Client that counts what it sends.
func countingClient(base http.RoundTripper) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // cookiejar.New never fails
	}
	return &http.Client{Transport: &counting{next: base}, Jar: jar, Timeout: time.Minute}
}

// counting is a transport of the program's own.
type counting struct {
	next http.RoundTripper
	n    int
}

func (c *counting) RoundTrip(req *http.Request) (*http.Response, error) {
	c.n++
	return c.next.RoundTrip(req)
}

// httpClientTimeout has the timeout of the http.Client pass. To an SDK that is a lost connection, which it resends. The
// stack refuses that, because the first request may have been billed.
func httpClientTimeout(w *World) {
	began := time.Now()
	_, err := w.ask(w.Context(), "Who is late?")
	switch {
	case w.adapter.Middleware:
		w.refused(err, isAmbiguous)
	case w.retries && w.adapter.RetriesLost:
		w.refused(err, isRepeat)
	default:
		w.ended(err, w.adapter.Late, context.DeadlineExceeded)
	}
	if took := time.Since(began); took < clientTimeout || took > clientTimeout+time.Minute {
		w.Errorf("it took %v", took)
	}
	w.Wire(1, 1)
}

// ownTimeout has the SDK's own timeout pass. Where the SDK resends the attempt, the stack refuses that.
func ownTimeout(w *World) {
	began := time.Now()
	_, err := w.ask(w.Context(), "Who is late?")
	if w.adapter.RetriesTimeout && w.retries {
		w.refused(err, isRepeat)
	} else {
		w.ended(err, w.adapter.Late, context.DeadlineExceeded)
	}
	if took := time.Since(began); took < sdkTimeout || took > sdkTimeout+time.Second {
		w.Errorf("it took %v", took)
	}
	w.Wire(1, 1)
}
