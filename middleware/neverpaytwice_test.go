package middleware_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// These tests are numbers 19 to 31 of the list of what a RoundTripper that retries must get right. The server counts what it
// has accepted.

// 19: an attempt is repeated if it was rejected, or failed before anything was written.
func Test19OnlyWhatWasNotSent(t *testing.T) {
	for _, test := range []struct {
		name     string
		http2    bool
		fault    llmtest.Fault
		requests int // that the server saw
		billed   int
		status   int // 0: an error
		rows     string
	}{
		{"429", false, llmtest.RateLimited, 2, 1, 200, "[1 rejected inferred rate 2 billed]"},
		{"503", false, llmtest.Overloaded, 2, 1, 200, "[1 rejected reported overloaded 2 billed]"},
		{"500", false, llmtest.ServerError, 1, 0, 500, "[1 ambiguous server_error]"},
		{"500 after the work", false, llmtest.ServerErrorAfterWork, 1, 1, 500, "[1 ambiguous server_error]"},
		{"reset", false, llmtest.ResetBeforeAccept, 1, 0, 0, "[1 ambiguous transport_error]"},
		{"reset after the work", false, llmtest.ResetAfterAccept, 1, 1, 0, "[1 ambiguous transport_error]"},
		{"early 429", false, llmtest.EarlyRateLimited, 2, 1, 200, "[1 rejected inferred rate 2 billed]"},
		{"429 on HTTP/2", true, llmtest.RateLimited, 2, 1, 200, "[1 rejected inferred rate 2 billed]"},
		{"early 429 on HTTP/2", true, llmtest.EarlyRateLimited, 2, 1, 200, "[1 rejected inferred rate 2 billed]"},
		{"stream refused", true, llmtest.RefusedStream, 2, 1, 200, "[1 billed]"},
		{"going away", true, llmtest.GoAway, 2, 1, 200, "[1 billed]"},
		{"protocol error", true, llmtest.ProtocolError, 1, 0, 0, "[1 ambiguous transport_error]"},
		{"protocol error after the work", true, llmtest.ProtocolErrorAfterWork, 1, 1, 0, "[1 ambiguous transport_error]"},
		{"stream reset", true, llmtest.ResetBeforeAccept, 1, 0, 0, "[1 ambiguous transport_error]"},
		{"stream reset after the work", true, llmtest.ResetAfterAccept, 1, 1, 0, "[1 ambiguous transport_error]"},
	} {
		for _, before := range []int{0, 1} { // on a connection that is new, or was used
			t.Run(fmt.Sprint(test.name, " after ", before), func(t *testing.T) {
				faults := make([]llmtest.Fault, before+1)
				faults[before] = test.fault
				cfg := llmtest.Config{HTTP2: test.http2, Faults: llmtest.Sequence(faults...)}
				inWorld(t, cfg, policy.Policy{}, func(w *world) {
					t := w.T
					for range before {
						if status, _, err := w.call(t.Context(), chatBody); status != 200 || err != nil {
							t.Fatal(status, err)
						}
					}
					status, _, err := w.call(t.Context(), chatBody)
					if status != test.status || (err != nil) != (test.status == 0) {
						t.Errorf("status %d, %v", status, err)
					}
					if err != nil && !errors.Is(err, middleware.ErrAmbiguous) {
						t.Errorf("error %v", err)
					}
					if n := len(w.provider.Requests()) - before; n != test.requests {
						t.Errorf("the server saw %d requests", n)
					}
					w.wantBilled(test.billed + before)
					w.balance()
					if got := fmt.Sprint(w.rows()[before:]); got != test.rows {
						t.Errorf("rows %s", got)
					}
					for _, r := range w.stack.Rows()[before:] {
						if want := test.requests - (len(w.rows()) - before) + 1; r.WireTries != want {
							t.Errorf("%d wire tries, want %d", r.WireTries, want)
						}
					}
				})
			})
		}
	}
}

// 19: a connection that cannot be made has written nothing.
func Test19Dial(t *testing.T) {
	inWorld(t, llmtest.Config{RefuseDials: func(n int) bool { return n < 3 }}, policy.Policy{}, func(w *world) {
		t := w.T
		if status, _, err := w.call(t.Context(), chatBody); status != 200 || err != nil {
			t.Error(status, err)
		}
		w.wantRows("1 not_sent transport_error", "2 not_sent transport_error", "3 not_sent transport_error", "4 billed")
		w.wantBilled(1)
	})
}

// 19: a TLS handshake that fails has written nothing. When the attempts are used up, the error says that nothing was billed.
func Test19Handshake(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var accepted atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			conn.Close()
		}
	}()
	stack := stackOver(t, transport.Base(), policy.Policy{MaxAttempts: 3, BackoffMax: time.Millisecond})
	_, err = send(t, stack, "https://"+l.Addr().String())
	if !errors.Is(err, middleware.ErrNotSent) || !strings.Contains(err.Error(), "nothing was billed") {
		t.Errorf("error %v", err)
	}
	if rows := stack.Rows(); len(rows) != 3 || rows[2].Outcome != policy.NotSent || accepted.Load() != 3 {
		t.Errorf("%d connections, rows %+v", accepted.Load(), rows)
	}
}

// 19: a request that the server keeps rejecting by the means of HTTP/2 is repeated like any rejection, with a wait.
func Test19RefusedForLong(t *testing.T) {
	faults := llmtest.Sequence(llmtest.RefusedStream, llmtest.GoAway, llmtest.RefusedStream, llmtest.RefusedStream)
	inWorld(t, llmtest.Config{HTTP2: true, Faults: faults}, policy.Policy{OnlyDocumented: true}, func(w *world) {
		t := w.T
		if status, _, err := w.call(t.Context(), chatBody); status != 200 || err != nil {
			t.Error(status, err)
		}
		w.wantRows("1 rejected documented unprocessed", "2 rejected documented unprocessed", "3 billed")
		w.wantBilled(1)
	})
}

// 20: never after a 2xx header, not even if the body then fails.
func Test20NeverAfterSuccess(t *testing.T) {
	for _, body := range []string{chatBody, streamBody} {
		for _, http2 := range []bool{false, true} {
			cfg := llmtest.Config{HTTP2: http2, Faults: llmtest.Sequence(llmtest.CutStream)}
			inWorld(t, cfg, policy.Policy{AllowDoubleBilling: true}, func(w *world) {
				t := w.T
				resp, err := w.client.Do(w.request(t.Context(), body))
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
				if err == nil || resp.StatusCode != 200 || resp.Header.Get("X-Should-Retry") != "false" {
					t.Errorf("status %d, x-should-retry %q, error %v", resp.StatusCode, resp.Header.Get("X-Should-Retry"), err)
				}
				w.wantRows("1 partial")
				w.wantBilled(1)
			})
		}
	}
}

// 21: net/http sends a POST with an Idempotency-Key again on its own when a reused connection breaks. The first half shows
// that it does, the second that it does not beneath the chain.
func Test21IdempotencyKey(t *testing.T) {
	for _, chained := range []bool{false, true} {
		var processed atomic.Int64
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			if processed.Add(1) == 2 {
				panic(http.ErrAbortHandler) // the work is done, and the connection breaks
			}
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, served)
		})}
		go server.Serve(l)
		var rt http.RoundTripper = &http.Transport{}
		stack := stackOver(t, rt, policy.Policy{})
		if chained {
			rt = stack
		}
		var last error
		for range 2 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.Addr().String()+"/v1/chat/completions", strings.NewReader(chatBody))
			if err != nil {
				t.Fatal(err)
			}
			req.Header["idempotency-key"], req.Header["X-Idempotency-Key"] = []string{"a"}, []string{"a"}
			if !chained {
				req.Header.Set("Idempotency-Key", "a")
			}
			var resp *http.Response
			if resp, last = rt.RoundTrip(req); last == nil {
				drain(resp)
			}
			if chained && req.Header.Get("X-Idempotency-Key") == "" {
				t.Error("the caller's own header has changed")
			}
		}
		server.Close()
		stack.CloseIdleConnections()
		switch want := map[bool]int64{false: 3, true: 2}[chained]; {
		case processed.Load() != want:
			t.Errorf("below the chain %v: processed %d times", chained, processed.Load())
		case (last == nil) == chained:
			t.Errorf("below the chain %v: %v", chained, last)
		}
	}
}

// 22: the retries of an SDK above do not multiply the policy's attempts.
func Test22OneBudgetForAll(t *testing.T) {
	for name, fault := range map[string]llmtest.Fault{
		"rate limit": llmtest.RateLimited, "ambiguous 500": llmtest.ServerError, "reset": llmtest.ResetAfterAccept, "overloaded": llmtest.Overloaded,
	} {
		cfg := llmtest.Config{Faults: llmtest.ScriptFunc(func(int) llmtest.Fault { return fault })}
		inWorld(t, cfg, policy.Policy{MaxAttempts: 3}, func(w *world) {
			t := w.T
			got := callAsStainless(t, w, w.client, 2)
			want := 3
			if fault == llmtest.ServerError || fault == llmtest.ResetAfterAccept {
				want = 1
			}
			if n := len(w.provider.Requests()); n != want || got.tries != 1 {
				t.Errorf("%s: %d requests on the wire, %d of the SDK's", name, n, got.tries)
			}
		})
	}
}

// 23: the wait that a server asks for is read in every form.
func Test23RetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const month = 30 * 24 * time.Hour
	for _, test := range []struct {
		header http.Header
		want   time.Duration
	}{
		{nil, 0},
		{http.Header{"Retry-After": {"5"}}, 5 * time.Second},
		{http.Header{"Retry-After": {" 5 "}}, 5 * time.Second},
		{http.Header{"Retry-After": {"1.5"}}, 1500 * time.Millisecond},
		{http.Header{"Retry-After": {"0"}}, 0},
		{http.Header{"Retry-After": {"-5"}}, 0},
		{http.Header{"Retry-After": {"NaN"}}, 0},
		{http.Header{"Retry-After": {"Inf"}}, month},
		{http.Header{"Retry-After": {"1e300"}}, month},
		{http.Header{"Retry-After": {"99999999999"}}, month},
		{http.Header{"Retry-After": {"soon"}}, 0},
		{http.Header{"Retry-After": {""}}, 0},
		{http.Header{"Retry-After-Ms": {"250"}}, 250 * time.Millisecond},
		{http.Header{"Retry-After-Ms": {"0.5"}}, 500 * time.Microsecond},
		{http.Header{"Retry-After-Ms": {"250"}, "Retry-After": {"1"}}, time.Second},
		{http.Header{"Retry-After": {"1", "7", "3"}}, 7 * time.Second},
		{http.Header{"Retry-After": {now.Add(time.Minute).Format(http.TimeFormat)}}, time.Minute},
		{http.Header{"Retry-After": {now.Add(-time.Minute).Format(http.TimeFormat)}}, 0},
		{http.Header{"Retry-After": {"Sunday, 22-Nov-26 12:01:00 GMT"}}, time.Minute},
		{http.Header{ // a clock that is an hour ahead
			"Date": {now.Add(time.Hour).Format(http.TimeFormat)}, "Retry-After": {now.Add(time.Hour + time.Minute).Format(http.TimeFormat)},
		}, time.Minute},
	} {
		if got := wire.RetryAfter(test.header, now); got != test.want {
			t.Errorf("%v: %v, want %v", test.header, got, test.want)
		}
	}
	// In the body, as Gemini says it.
	_, dialect := geminiCall(t)
	f := dialect.Rejection(&wire.Call{Shape: &wire.Shape{Provider: "gemini"}}, &wire.Response{Status: 429, At: now, Body: []byte(
		`{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17.5s"}]}}`)})
	if f.RetryAfter != 17500*time.Millisecond {
		t.Errorf("RetryInfo: %v", f.RetryAfter)
	}
}

func geminiCall(t *testing.T) (wire.Call, wire.Dialect) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, geminiURL, nil)
	d, c, ok := new(wire.Router).Recognise(req.Method, req.URL)
	if !ok {
		t.Fatal("not recognised")
	}
	return c, d
}

// 24: a wait beyond the deadline or max_wait is not begun: the 429 is the answer, at once.
func Test24TooLongToWait(t *testing.T) {
	for name, within := range map[string]struct {
		policy policy.Policy
		left   time.Duration
	}{
		"deadline": {policy.Policy{}, 5 * time.Second}, "max_wait": {policy.Policy{MaxWait: 59 * time.Second}, time.Hour},
		"max_elapsed": {policy.Policy{MaxElapsed: 59 * time.Second}, time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			base := newScript(func(req *http.Request) (*http.Response, error) {
				resp, err := says(429, "application/json", `{"error":{"code":"rate_limit_exceeded"}}`)(req)
				resp.Header.Set("Retry-After", "60")
				return resp, err
			})
			stack := stackOver(t, base, within.policy)
			ctx, cancel := context.WithTimeout(t.Context(), within.left)
			defer cancel()
			start := time.Now()
			got, err := chat(t, ctx, stack, chatBody)
			if err != nil || !strings.Contains(got, "rate_limit_exceeded") || time.Since(start) != 0 || len(base.bodies) != 1 {
				t.Errorf("%s: after %v, %d attempts: %q, %v", name, time.Since(start), len(base.bodies), got, err)
			}
		})
	}
}

// 25: a retry is never earlier than the server said: jitter only adds to the wait.
func Test25JitterOnlyAdds(t *testing.T) {
	random := rand.New(rand.NewPCG(25, 25))
	least, most := time.Hour, time.Duration(0)
	for range 10_000 {
		wait := policy.Wait(10*time.Second, 2*time.Second, random.Uint64())
		least, most = min(least, wait), max(most, wait)
	}
	if least < 10*time.Second || most > 11*time.Second || most-least < 900*time.Millisecond {
		t.Errorf("waits from %v to %v", least, most)
	}
}

// 26: a server's x-should-retry: false is obeyed; x-should-retry: true allows no more retries.
func Test26ShouldRetry(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ShouldRetryFalse)}, policy.Policy{}, func(w *world) {
		t := w.T
		if status, _, err := w.call(t.Context(), chatBody); status != 429 || err != nil {
			t.Error(status, err)
		}
		w.wantRows("1 rejected inferred rate")
		w.wantBilled(0)
	})
	synctest.Test(t, func(t *testing.T) {
		base := newScript(func(req *http.Request) (*http.Response, error) {
			resp, err := says(500, "application/json", `{"error":{"code":"server_error"}}`)(req)
			resp.Header.Set("X-Should-Retry", "true")
			return resp, err
		})
		stack := stackOver(t, base, policy.Policy{})
		req := httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(chatBody))
		resp, err := stack.RoundTrip(req)
		if err != nil || len(base.bodies) != 1 || resp.Header.Get("X-Should-Retry") != "false" {
			t.Errorf("%d attempts, %v, %v", len(base.bodies), resp, err)
		}
	})
}

// 27: the body of a rejection is read to its end before the wait, so that the connection is reused; an endless one is not.
func Test27Drain(t *testing.T) {
	for _, size := range []int{100, 60 << 10} {
		var connections atomic.Int32
		attempts := 0
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			if attempts++; attempts%3 != 0 {
				w.WriteHeader(429)
				fmt.Fprintf(w, `{"error":{"code":"rate_limit_exceeded","message":"%s"}}`, strings.Repeat("x", size))
				return
			}
			io.WriteString(w, served)
		}))
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				connections.Add(1)
			}
		}
		server.Start()
		stack := stackOver(t, &http.Transport{}, policy.Policy{BackoffMax: time.Millisecond})
		for range 20 {
			if status, err := send(t, stack, server.URL); status != 200 || err != nil {
				t.Fatal(status, err)
			}
		}
		if n := connections.Load(); n != 1 || attempts != 60 {
			t.Errorf("bodies of %d bytes: %d attempts over %d connections", size, attempts, n)
		}
		stack.CloseIdleConnections()
		server.Close()
	}
	// A rejection that is complete, followed by white space without end.
	synctest.Test(t, func(t *testing.T) {
		base := newScript(func(*http.Request) (*http.Response, error) {
			rest := trickle(&fill{text: " "})
			whole := io.MultiReader(strings.NewReader(`{"error":{"code":"rate_limit_exceeded"}}`), rest)
			return &http.Response{StatusCode: 429, Header: http.Header{}, Body: struct {
				io.Reader
				io.Closer
			}{whole, rest}}, nil
		}, says(200, "application/json", served))
		stack := stackOver(t, base, policy.Policy{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		_, err := chat(t, ctx, stack, chatBody)
		if took := time.Since(start); err != nil || len(base.bodies) != 2 || took > time.Minute {
			t.Errorf("after %v, %d attempts: %v", took, len(base.bodies), err)
		}
		time.Sleep(time.Second) // so that the writer of the body sees the close
	})
}

var errLeft = errors.New("the user has left")

// 28: a call that is cancelled during a wait ends at once, with the context's error, its cause and the number of attempts.
func Test28CancelledWait(t *testing.T) {
	faults := llmtest.Sequence(llmtest.RateLimited, llmtest.RateLimited)
	inWorld(t, llmtest.Config{Faults: faults}, policy.Policy{BackoffBase: time.Minute, BackoffMax: time.Minute, MaxWait: time.Hour}, func(w *world) {
		t := w.T
		for _, cause := range []error{nil, errLeft} {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(500*time.Millisecond, func() { cancel(cause) })
			start := time.Now()
			_, _, err := w.call(ctx, chatBody)
			var e *middleware.Error
			if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || !errors.Is(err, middleware.ErrWait) || e.Attempts != 1 ||
				time.Since(start) != 500*time.Millisecond || cause != nil && !errors.Is(err, cause) || !strings.Contains(err.Error(), "after 1 attempt") {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
			cancel(nil)
		}
		w.wantBilled(0)
	})
}

// 29: when no attempt is left, the caller gets the last response, its body unread.
func Test29LastResponse(t *testing.T) {
	cfg := llmtest.Config{Faults: llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.RateLimited })}
	inWorld(t, cfg, policy.Policy{MaxAttempts: 3}, func(w *world) {
		t := w.T
		status, answer, err := w.call(t.Context(), chatBody)
		var body struct {
			Error struct{ Code, Message, Type string }
		}
		if err != nil || status != 429 || json.Unmarshal([]byte(answer), &body) != nil || body.Error.Code != "rate_limit_exceeded" || body.Error.Message == "" {
			t.Errorf("%d %q, %v", status, answer, err)
		}
		if rows := w.stack.Rows(); len(rows) != 3 {
			t.Errorf("%d rows", len(rows))
		}
	})
}

// 30: the timeout is for one attempt, including its body. Waits between attempts do not count.
func Test30AttemptTimeout(t *testing.T) {
	cfg := llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited, llmtest.RateLimited), ChunkDelay: time.Second, Chunks: 20}
	p := policy.Policy{AttemptTimeout: 40 * time.Second, BackoffBase: time.Minute, BackoffMax: time.Minute}
	inWorld(t, cfg, p, func(w *world) {
		t := w.T
		resp, err := w.client.Do(w.request(t.Context(), streamBody))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || time.Since(start) < 20*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		resp.Body.Close()
		w.wantRows("1 rejected inferred rate", "2 rejected inferred rate", "3 billed")
	})
	cfg = llmtest.Config{ChunkDelay: time.Second, Chunks: 60}
	inWorld(t, cfg, p, func(w *world) {
		t := w.T
		resp, err := w.client.Do(w.request(t.Context(), streamBody))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if !errors.Is(err, middleware.ErrTimeout) || time.Since(start) != 40*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		w.wantRows("1 partial")
	})
	// A body that has arrived can be read after the timeout.
	inWorld(t, llmtest.Config{}, policy.Policy{AttemptTimeout: time.Second}, func(w *world) {
		t := w.T
		resp, err := w.client.Do(w.request(t.Context(), chatBody))
		if err != nil {
			t.Fatal(err)
		}
		var first [1]byte
		if _, err := resp.Body.Read(first[:]); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, bufio.NewReader(resp.Body)); err != nil {
			t.Error(err)
		}
		resp.Body.Close()
	})
}

// 31: while everything fails, all calls together have a limited number of retries. Successes give them back.
func Test31RetryQuota(t *testing.T) {
	var down atomic.Int32 // how many dials are refused; negative: all
	down.Store(-1)
	refuse := func(int) bool {
		n := down.Load()
		if n > 0 {
			down.Add(-1)
		}
		return n != 0
	}
	inWorld(t, llmtest.Config{RefuseDials: refuse}, policy.Policy{BackoffBase: time.Millisecond, RetryQuota: 40}, func(w *world) {
		t := w.T
		w.provider.Transport().DisableKeepAlives = true
		failed := 0
		for range 1000 {
			if _, _, err := w.call(t.Context(), chatBody); err != nil {
				failed++
				if failed == 1000 && (!errors.Is(err, middleware.ErrNotSent) || !strings.Contains(err.Error(), "our own retry quota")) {
					t.Errorf("error %v", err)
				}
			}
		}
		if got := len(w.stack.Rows()); failed != 1000 || got != 1000+40 {
			t.Errorf("%d calls failed, %d attempts", failed, got)
		}
		down.Store(0)
		for range 100 { // 20 retries' worth
			if status, _, err := w.call(t.Context(), chatBody); status != 200 {
				t.Fatal(status, err)
			}
		}
		before := len(w.stack.Rows())
		down.Store(-1)
		for range 1000 {
			w.call(t.Context(), chatBody)
		}
		if got := len(w.stack.Rows()) - before; got != 1000+20 {
			t.Errorf("%d attempts after 100 successes", got)
		}
		// A retry that succeeds gives back what it took.
		down.Store(0)
		for range 5 {
			w.call(t.Context(), chatBody)
		}
		before = len(w.stack.Rows())
		for range 50 {
			down.Store(1)
			if status, _, err := w.call(t.Context(), chatBody); status != 200 {
				t.Fatal(status, err)
			}
		}
		if got := len(w.stack.Rows()) - before; got != 100 {
			t.Errorf("%d attempts for 50 calls", got)
		}
	})
}

// 31: rejections for capacity and rate do not count, and every key has a quota of its own.
func Test31WhatCounts(t *testing.T) {
	cfg := llmtest.Config{Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
		if n%2 == 0 {
			return llmtest.RateLimited
		}
		return llmtest.NoFault
	})}
	inWorld(t, cfg, policy.Policy{RetryQuota: 1}, func(w *world) {
		t := w.T
		for range 20 {
			if status, _, err := w.call(t.Context(), chatBody); status != 200 {
				t.Fatal(status, err)
			}
		}
	})
	inWorld(t, llmtest.Config{RefuseDials: func(int) bool { return true }}, policy.Policy{RetryQuota: 2, MaxAttempts: 3}, func(w *world) {
		t := w.T
		for _, key := range []string{"a", "b"} {
			req := w.request(t.Context(), chatBody)
			req.Header.Set("Authorization", "Bearer "+key)
			if _, err := w.client.Do(req); !errors.Is(err, middleware.ErrNotSent) {
				t.Error(err)
			}
		}
		if got := len(w.stack.Rows()); got != 6 {
			t.Errorf("%d attempts", got)
		}
	})
}
