package anthropic_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

var onePermit = policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}}

// variants runs f with the stack as an http.Client and as a middleware, with the SDK's retries off and on.
func variants(t *testing.T, f func(t *testing.T, a adaptertest.Adapter, retries bool)) {
	for name, a := range map[string]adaptertest.Adapter{"client": onClient, "middleware": onMiddleware} {
		for _, retries := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/retries=%v", name, retries), func(t *testing.T) { f(t, a, retries) })
		}
	}
}

// timedOut checks how a call ends whose attempt took too long: the SDK repeats it, if it may, and the stack refuses that.
func timedOut(w *adaptertest.World, err error, retries bool) {
	w.Helper()
	got := failure(err)
	switch {
	case !retries && errors.Is(err, context.DeadlineExceeded):
	case retries && got.Status == http.StatusFailedDependency && got.Refusal == "repeat":
	default:
		w.Errorf("error %v, refusal %q", err, got.Refusal)
	}
	w.Wire(1, 1)
}

// The SDK gives an attempt that is not a stream ten minutes.
func TestTimeoutByDefault(t *testing.T) {
	for _, fault := range []llmtest.Fault{llmtest.Stall, llmtest.Slow} {
		t.Run(fault.String(), func(t *testing.T) {
			variants(t, func(t *testing.T, a adaptertest.Adapter, retries bool) {
				a.Run(t, adaptertest.Setup{
					Config:  llmtest.Config{Faults: llmtest.ScriptFunc(func(int) llmtest.Fault { return fault })},
					Options: adaptertest.Options{Retries: retries},
				}, func(w *adaptertest.World) {
					start := time.Now()
					_, err := w.Client.Ask(w.Context(), sonnet, "Who is late?")
					timedOut(w, err, retries)
					if took := time.Since(start); took < 10*time.Minute || took > 10*time.Minute+time.Second {
						w.Errorf("it took %v", took)
					}
				})
			})
		})
	}
}

// A stalling body yields some of what it has, and then nothing until the request is over.
type stallingBody struct {
	io.ReadCloser
	left int64
	ctx  context.Context
}

func (b *stallingBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		<-b.ctx.Done()
		return 0, b.ctx.Err()
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// A slowClosing body takes its time to be closed.
type slowClosing struct{ io.ReadCloser }

func (b slowClosing) Close() error {
	time.Sleep(11 * time.Minute)
	return b.ReadCloser.Close()
}

// The attempt's deadline goes on while the answer is read, to its end, and outweighs what the answer's headers say.
func TestTimeoutWithinAnAnswer(t *testing.T) {
	for name, slow := range map[string]func(*http.Request, *http.Response) io.ReadCloser{
		"half": func(req *http.Request, resp *http.Response) io.ReadCloser {
			return &stallingBody{resp.Body, resp.ContentLength / 2, req.Context()}
		},
		"all but the end": func(req *http.Request, resp *http.Response) io.ReadCloser {
			return &stallingBody{resp.Body, resp.ContentLength, req.Context()}
		},
		"all": func(_ *http.Request, resp *http.Response) io.ReadCloser { return slowClosing{resp.Body} },
	} {
		t.Run(name, func(t *testing.T) {
			variants(t, func(t *testing.T, a adaptertest.Adapter, retries bool) {
				slowly := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
					resp, err := next.RoundTrip(req)
					if err == nil {
						resp.Body, resp.ContentLength = slow(req, resp), -1
					}
					return resp, err
				})
				a.Run(t, adaptertest.Setup{
					Options:    adaptertest.Options{Retries: retries},
					HTTPClient: func(base http.RoundTripper) *http.Client { return &http.Client{Transport: slowly(base)} },
				}, func(w *adaptertest.World) {
					_, err := w.Client.Ask(w.Context(), sonnet, "Who is slow?")
					timedOut(w, err, retries)
				})
			})
		})
	}
}

// The SDK waits for as long as Retry-After says. The stack's patience ends first, and the program gets the answer.
func TestLongRetryAfter(t *testing.T) {
	day := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil {
			resp.Header.Set("Retry-After", "86400")
		}
		return resp, err
	})
	variants(t, func(t *testing.T, a adaptertest.Adapter, retries bool) {
		for _, stream := range []bool{false, true} {
			a.Run(t, adaptertest.Setup{
				Config:     llmtest.Config{Faults: llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.RateLimited })},
				Options:    adaptertest.Options{Retries: retries},
				HTTPClient: func(base http.RoundTripper) *http.Client { return &http.Client{Transport: day(base)} },
			}, func(w *adaptertest.World) {
				ask := w.Client.Ask
				if stream {
					ask = w.Client.Stream
				}
				start := time.Now()
				_, err := ask(w.Context(), sonnet, "Who waits a day?")
				if failure(err).Status != http.StatusTooManyRequests {
					w.Errorf("error %v", err)
				}
				if took := time.Since(start); took > time.Minute {
					w.Errorf("it took %v", took)
				}
				w.Wire(1, 0)
			})
		}
	})
}
