package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A request that is the same as one that may have been billed, and whose answer was lost, is refused for five minutes. One
// that was answered, or that was free, may be sent again.
func TestHiddenRepeats(t *testing.T) {
	for _, test := range []struct {
		fault  llmtest.Fault
		stream bool
		refuse bool
	}{
		{llmtest.ResetAfterAccept, false, true},
		{llmtest.ServerErrorAfterWork, false, true},
		{llmtest.ServerErrorAfterWork, true, true},
		{llmtest.CutStream, false, true},
		{llmtest.CutStream, true, true},
		{llmtest.ErrorInStream, true, true},
		{llmtest.NoFault, false, false},
		{llmtest.NoFault, true, false},
		{llmtest.BadRequest, false, false},
		{llmtest.QuotaExceeded, false, false},
		{llmtest.RateLimited, false, false},
		{llmtest.Overloaded, false, false},
	} {
		for _, on := range []bool{true, false} {
			var options []middleware.Option
			if on {
				options = append(options, middleware.RefuseRepeats())
			}
			inWorld(t, llmtest.Config{Faults: llmtest.Sequence(test.fault)}, policy.Policy{}, func(w *world) {
				body := chatBody
				if test.stream {
					body = streamBody
				}
				name := fmt.Sprint(test.fault, " ", test.stream, " ", on)
				w.call(w.Context(), body)
				before := len(w.provider.Requests())
				refuse := test.refuse && on
				for range 3 {
					_, _, err := w.call(w.Context(), body)
					if errors.Is(err, middleware.ErrRepeat) != refuse || !refuse && err != nil {
						w.Errorf("%s: %v", name, err)
					}
				}
				if got := len(w.provider.Requests()) - before; (got == 0) != refuse {
					w.Errorf("%s: %d requests more", name, got)
				}
				wantRefusals(w, name)
				time.Sleep(5*time.Minute + time.Second)
				if _, _, err := w.call(w.Context(), body); err != nil {
					w.Errorf("%s, five minutes later: %v", name, err)
				}
			}, options...)
		}
	}
}

// wantRefusals checks the rows of what was refused.
func wantRefusals(w *world, name string) {
	w.Helper()
	for _, r := range w.stack.Rows() {
		if r.Outcome == policy.Refused && (r.ErrorCode != "skinflint_repeat" || r.Cost != ledger.Known(0)) {
			w.Errorf("%s: row %+v", name, r)
		}
	}
}

// The same means the same credentials, path and body, whatever number a client gives its request, or the same tracked call.
func TestWhatIsTheSameRequest(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept, llmtest.ResetAfterAccept)}, policy.Policy{}, func(w *world) {
		refused := func(ctx context.Context, body, key, path, count string) bool {
			req := w.request(ctx, body)
			req.URL.Path = path
			req.Header.Set("Authorization", "Bearer "+key)
			if count != "" {
				req.Header.Set("X-Stainless-Retry-Count", count)
			}
			resp, err := w.client.Do(req)
			if err != nil {
				return errors.Is(err, middleware.ErrRepeat)
			}
			drain(resp)
			return resp.Header.Get("Skinflint-Refusal") == "repeat"
		}
		const path = "/v1/chat/completions"
		tracked, _ := policy.Track(w.Context())
		other, _ := policy.Track(w.Context())
		refused(w.Context(), chatBody, "a", path, "")
		refused(tracked, boundedBody, "a", path, "")
		for _, test := range []struct {
			ctx                    context.Context
			body, key, path, count string
			refuse                 bool
		}{
			{w.Context(), chatBody, "a", path, "", true},
			{w.Context(), chatBody, "a", path, "0", true}, // LangChain's requests are all number 0
			{w.Context(), chatBody, "a", path, "1", true},
			{w.Context(), chatBody + " ", "a", path, "", false},
			{w.Context(), chatBody, "b", path, "", false},
			{w.Context(), chatBody, "a", "/v1/responses", "", false},
			{w.Context(), boundedBody, "a", path, "", false}, // that call was tracked
			{tracked, boundedBody, "a", path, "", true},
			{other, boundedBody, "a", path, "", false},
			{policy.With(w.Context(), policy.AllowDoubleBilling()), chatBody, "a", path, "", false},
		} {
			if got := refused(test.ctx, test.body, test.key, test.path, test.count); got != test.refuse {
				w.Errorf("%s %s %s %q: refused %v", test.body, test.key, test.path, test.count, got)
			}
		}
	}, middleware.RefuseRepeats())
}

// A body that cannot be read twice is not compared if it is long. It is sent, and others like it.
func TestLongBodiesAreNotCompared(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept)}, policy.Policy{}, func(w *world) {
		for n := range 2 {
			long := fmt.Sprintf(`{"model":"gpt-5","n":1,"messages":[{"role":"user","content":"%d%s"}]}`, n, strings.Repeat("x", 100<<10))
			req := w.request(w.Context(), long)
			req.GetBody = nil
			resp, err := w.client.Do(req)
			if (err != nil) != (n == 0) || errors.Is(err, middleware.ErrRepeat) {
				w.Errorf("call %d: %v", n, err)
			}
			if err == nil {
				drain(resp)
			}
		}
	}, middleware.RefuseRepeats())
}

// A desk is a server in front of a stack: it makes a call for a client, in a context that goes on when the client has left.
type desk struct {
	*testing.T
	stack *middleware.Stack
}

// serve makes the call for a client. Written says whether the answer could be written to it.
func (d *desk) serve(client context.Context, body string, written bool) (err error) {
	ctx, done := middleware.ForClient(client)
	defer func() { done(written) }()
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, openaiURL, strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	resp, err := d.stack.RoundTrip(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return err
}

// inDesk runs f over a base that answers as answer says.
func inDesk(t *testing.T, answer http.RoundTripper, f func(d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(&desk{t, stackOver(t, answer, policy.Policy{}, middleware.RefuseRepeats())}) })
}

// A client gives up and repeats its request, before or after that is noticed, while the first runs and when it has ended.
// That is refused, unless the first was free.
func TestClientsThatLeave(t *testing.T) {
	const free = `{"error":{"code":"insufficient_quota","type":"insufficient_quota","message":"none left"}}`
	for _, test := range []struct {
		name   string
		repeat time.Duration // after the first request; its client leaves after 30 s
		answer answerFunc    // to the first request, after a minute
		refuse bool
	}{
		{"just before it is noticed", 30*time.Second - 50*time.Millisecond, answering().RoundTrip, true},
		{"at the same moment", 30 * time.Second, answering().RoundTrip, true},
		{"while the first runs", 40 * time.Second, answering().RoundTrip, true},
		{"while the first runs, which will be free", 40 * time.Second, says(429, jsonType, free), true},
		{"after the first was billed", 70 * time.Second, answering().RoundTrip, true},
		{"after the first was free", 70 * time.Second, says(429, jsonType, free), false},
		{"much later", 8 * time.Minute, answering().RoundTrip, false},
		{"long before the first client leaves", time.Second, answering().RoundTrip, false},
	} {
		var sent atomic.Int32
		base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			if sent.Add(1) == 1 {
				time.Sleep(time.Minute)
				return test.answer(req)
			}
			return answering().RoundTrip(req)
		})
		inDesk(t, base, func(d *desk) {
			client, leave := context.WithTimeout(d.Context(), 30*time.Second)
			defer leave()
			var first sync.WaitGroup
			first.Go(func() { d.serve(client, chatBody, true) })
			time.Sleep(test.repeat)
			if err := d.serve(d.Context(), chatBody, true); errors.Is(err, middleware.ErrRepeat) != test.refuse || !test.refuse && err != nil {
				d.Errorf("%s: %v", test.name, err)
			}
			first.Wait()
		})
	}
}

// An answer that could not be written to its client is lost. One that was written is not, although the client then leaves,
// before or after the server says so.
func TestAnswersThatAreNotWritten(t *testing.T) {
	for _, test := range []struct{ leaves, written, refuse bool }{{false, true, false}, {true, true, false}, {false, false, true}, {true, false, true}} {
		inDesk(t, answering(), func(d *desk) {
			client, leave := context.WithCancel(d.Context())
			ctx, done := middleware.ForClient(client)
			if _, err := chat(d.T, context.WithoutCancel(ctx), d.stack, chatBody); err != nil {
				d.Fatal(err)
			}
			if test.leaves {
				leave()
				synctest.Wait()
			}
			done(test.written)
			leave()
			synctest.Wait()
			if err := d.serve(d.Context(), chatBody, true); errors.Is(err, middleware.ErrRepeat) != test.refuse {
				d.Errorf("%+v: %v", test, err)
			}
		})
	}
}

// A call without a server in front is over when its answer is. A context that ends before loses it.
func TestCallersThatLeave(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		inWorld(t, llmtest.Config{Latency: time.Minute}, policy.Policy{}, func(w *world) {
			ctx, cancel := context.WithTimeout(w.Context(), time.Hour)
			if leaves {
				ctx, cancel = context.WithTimeout(w.Context(), time.Second)
			}
			w.call(ctx, chatBody)
			cancel()
			if _, _, err := w.call(w.Context(), chatBody); errors.Is(err, middleware.ErrRepeat) != leaves {
				w.Errorf("leaves %v: %v", leaves, err)
			}
		}, middleware.RefuseRepeats())
	}
}

// A program that sends the same request many times on purpose, in turn or at once, has all of them sent. At once, each
// waits a tenth of a second.
func TestEqualCallsOnPurpose(t *testing.T) {
	sent := make(chan bool, 100)
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		sent <- true
		time.Sleep(time.Second)
		return answering().RoundTrip(req)
	})
	inDesk(t, base, func(d *desk) {
		start := time.Now()
		for range 10 {
			if err := d.serve(d.Context(), chatBody, true); err != nil {
				d.Error(err)
			}
		}
		if took := time.Since(start); took != 10*time.Second {
			d.Errorf("in turn: %v", took)
		}
		start = time.Now()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := d.serve(d.Context(), chatBody, true); err != nil {
					d.Error(err)
				}
			})
			time.Sleep(time.Millisecond)
		}
		all.Wait()
		if took := time.Since(start); took > 1200*time.Millisecond {
			d.Errorf("at once: %v", took)
		}
	})
	if len(sent) != 20 {
		t.Errorf("%d were sent", len(sent))
	}
}

// Who waits for the client of an equal call, and leaves, gets the error of the own context.
func TestLeavingWhileAnEqualCallRuns(t *testing.T) {
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		time.Sleep(time.Minute)
		return answering().RoundTrip(req)
	})
	synctest.Test(t, func(t *testing.T) {
		stack := stackOver(t, base, policy.Policy{}, middleware.RefuseRepeats())
		ask := func(ctx context.Context, body io.ReadCloser) error {
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, openaiURL, body)
			resp, err := stack.RoundTrip(req)
			if err == nil {
				drain(resp)
			}
			return err
		}
		go ask(t.Context(), io.NopCloser(strings.NewReader(chatBody)))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		body := &closeCounter{Reader: strings.NewReader(chatBody)}
		if err := ask(ctx, body); !errors.Is(err, context.DeadlineExceeded) || body.closed == 0 {
			t.Errorf("%v, closed %d times", err, body.closed)
		}
		time.Sleep(time.Hour)
	})
}

// A closeCounter is a body that counts its Close.
type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }
