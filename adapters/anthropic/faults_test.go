package anthropic_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/skinflint-go/skinflint/adapters/anthropic"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// An end is how a call ends for the program: the status that it sees, 0 for an error that is no answer, and what
// Skinflint-Refusal says.
type end struct {
	status  int
	refusal string
}

// faultCases are what becomes of a call that meets with the same mishap each time that it is sent.
var faultCases = []struct {
	fault  llmtest.Fault
	unary  end
	stream end
	wire   int
	billed int
}{
	{llmtest.ResetBeforeAccept, end{424, "ambiguous"}, end{424, "ambiguous"}, 1, 0},
	{llmtest.ResetAfterAccept, end{424, "ambiguous"}, end{424, "ambiguous"}, 1, 1},
	{llmtest.CutStream, end{}, end{}, 1, 1},
	{llmtest.ErrorInStream, end{500, ""}, end{200, ""}, 1, 1},
	{llmtest.ServerError, end{500, ""}, end{500, ""}, 1, 0},
	{llmtest.ServerErrorAfterWork, end{500, ""}, end{500, ""}, 1, 1},
	{llmtest.Overloaded, end{529, ""}, end{529, ""}, 6, 0},
	{llmtest.RateLimited, end{429, ""}, end{429, ""}, 6, 0},
	{llmtest.QuotaExceeded, end{400, ""}, end{400, ""}, 1, 0},
	{llmtest.BadRequest, end{400, ""}, end{400, ""}, 1, 0},
	{llmtest.ProtocolErrorAfterWork, end{424, "ambiguous"}, end{424, "ambiguous"}, 1, 1},
	{llmtest.EarlyRateLimited, end{429, ""}, end{429, ""}, 6, 0},
	{llmtest.TrickledError, end{500, ""}, end{500, ""}, 1, 0},
	{llmtest.ShouldRetryFalse, end{429, ""}, end{429, ""}, 1, 0},
}

func always(f llmtest.Fault) llmtest.Script {
	return llmtest.ScriptFunc(func(int) llmtest.Fault { return f })
}

func TestNothingIsPaidTwice(t *testing.T) {
	for _, c := range faultCases {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v/http2=%v", c.fault, http2), func(t *testing.T) {
				variants(t, func(t *testing.T, p plug, retries int, stream bool) {
					inWorld(t, llmtest.Config{Faults: always(c.fault), HTTP2: http2}, policy.Policy{}, func(w *world) {
						ctx, call := policy.Track(w.Context())
						_, err := ask(ctx, p.new(w, nil, option.WithMaxRetries(retries)), sonnet, "Who pays twice?", stream)
						want := c.unary
						if stream {
							want = c.stream
						}
						if status, kind := refusal(err); err == nil || (end{status, kind}) != want {
							w.Errorf("error %v: status %d, refusal %q, want %+v", err, status, kind, want)
						}
						var why *middleware.Error
						if ok := errors.As(call.Err(), &why); ok != (want.refusal != "") || ok && !errors.Is(why, middleware.ErrAmbiguous) {
							w.Errorf("tracked: %v", call.Err())
						}
						w.wants(c.wire, c.billed)
					})
				})
			})
		}
	}
}

// To the SDK its own deadline is a lost connection, which it repeats.
func TestTimeoutOfAnAttempt(t *testing.T) {
	for _, fault := range []llmtest.Fault{llmtest.Stall, llmtest.Slow} {
		t.Run(fault.String(), func(t *testing.T) {
			variants(t, func(t *testing.T, p plug, retries int, stream bool) {
				inWorld(t, llmtest.Config{Faults: always(fault)}, policy.Policy{}, func(w *world) {
					opts, timeout := []option.RequestOption{option.WithMaxRetries(retries)}, 10*time.Minute
					if stream { // which has no deadline of its own
						timeout = 3 * time.Minute
						opts = append(opts, option.WithRequestTimeout(timeout))
					}
					start := time.Now()
					_, err := ask(w.Context(), p.new(w, nil, opts...), sonnet, "Who is late?", stream)
					status, kind := refusal(err)
					switch {
					case retries == 0 && errors.Is(err, context.DeadlineExceeded):
					case retries == 2 && status == http.StatusFailedDependency && kind == "repeat":
					default:
						w.Errorf("error %v, refusal %q", err, kind)
					}
					if took := time.Since(start); took < timeout || took > timeout+time.Second {
						w.Errorf("it took %v", took)
					}
					w.wants(1, 1)
				})
			})
		})
	}
}

// A dripping body gives so much of what it has, and then nothing until the request is over.
type dripping struct {
	io.ReadCloser
	left int64
	ctx  context.Context
}

func (d *dripping) Read(p []byte) (int, error) {
	if d.left <= 0 {
		<-d.ctx.Done()
		return 0, d.ctx.Err()
	}
	n, err := d.ReadCloser.Read(p[:min(int64(len(p)), d.left)])
	d.left -= int64(n)
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// A lingering body takes its time to be closed.
type lingering struct{ io.ReadCloser }

func (l lingering) Close() error {
	time.Sleep(11 * time.Minute)
	return l.ReadCloser.Close()
}

// The attempt's deadline goes on while the answer is read, up to the end, and outweighs what its headers say.
func TestTimeoutWithinAnAnswer(t *testing.T) {
	for name, slow := range map[string]func(*http.Request, *http.Response) io.ReadCloser{
		"half": func(req *http.Request, resp *http.Response) io.ReadCloser {
			return &dripping{resp.Body, resp.ContentLength / 2, req.Context()}
		},
		"all but the end": func(req *http.Request, resp *http.Response) io.ReadCloser {
			return &dripping{resp.Body, resp.ContentLength, req.Context()}
		},
		"all": func(_ *http.Request, resp *http.Response) io.ReadCloser { return lingering{resp.Body} },
	} {
		for _, p := range plugs {
			for _, retries := range []int{0, 2} {
				t.Run(fmt.Sprintf("%s/%s/retries=%d", name, p.name, retries), func(t *testing.T) {
					inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
						drip := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
							resp, err := next.RoundTrip(req)
							if err == nil {
								resp.Body, resp.ContentLength = slow(req, resp), -1
							}
							return resp, err
						})
						client := p.new(w, &http.Client{Transport: drip(w.server.Transport())}, option.WithMaxRetries(retries))
						_, err := ask(w.Context(), client, sonnet, "Who drips?", false)
						if _, kind := refusal(err); retries == 2 && kind != "repeat" || retries == 0 && !errors.Is(err, context.DeadlineExceeded) {
							w.Errorf("error %v", err)
						}
						w.wants(1, 1)
					})
				})
			}
		}
	}
}

func TestTimeoutOfTheHTTPClient(t *testing.T) {
	refusals := map[string]map[int]string{"client": {2: "repeat"}, "middleware": {0: "ambiguous", 2: "ambiguous"}}
	variants(t, func(t *testing.T, p plug, retries int, stream bool) {
		inWorld(t, llmtest.Config{Faults: always(llmtest.Stall)}, policy.Policy{}, func(w *world) {
			hc := &http.Client{Timeout: 3 * time.Minute}
			_, err := ask(w.Context(), p.new(w, hc, option.WithMaxRetries(retries)), sonnet, "Who is late?", stream)
			want := refusals[p.name][retries]
			if _, kind := refusal(err); err == nil || kind != want || want == "" && !errors.Is(err, context.DeadlineExceeded) {
				w.Errorf("error %v, refusal %q, want %q", err, kind, want)
			}
			w.wants(1, 1)
		})
	})
}

func TestDoneContextStaysTheContexts(t *testing.T) {
	variants(t, func(t *testing.T, p plug, retries int, stream bool) {
		inWorld(t, llmtest.Config{Faults: always(llmtest.Stall)}, policy.Policy{}, func(w *world) {
			client := p.new(w, nil, option.WithMaxRetries(retries))
			ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
			defer cancel()
			if _, err := ask(ctx, client, sonnet, "Who is out of time?", stream); !errors.Is(err, context.DeadlineExceeded) {
				w.Errorf("error %v, want the deadline's", err)
			}
			ctx, cancel = context.WithCancel(w.Context())
			go func() {
				synctest.Wait()
				cancel()
			}()
			if _, err := ask(ctx, client, sonnet, "Who hangs up?", stream); !errors.Is(err, context.Canceled) {
				w.Errorf("error %v, want the cancellation", err)
			}
			w.wants(2, 2)
		})
	})
}

func TestWhatIsFreeIsSentAgain(t *testing.T) {
	for _, c := range []struct {
		fault llmtest.Fault
		http2 bool
	}{
		{llmtest.Overloaded, false}, {llmtest.RateLimited, false}, {llmtest.EarlyRateLimited, false},
		{llmtest.RefusedStream, true}, {llmtest.GoAway, true},
	} {
		t.Run(c.fault.String(), func(t *testing.T) {
			variants(t, func(t *testing.T, p plug, retries int, stream bool) {
				inWorld(t, llmtest.Config{Faults: llmtest.Sequence(c.fault), HTTP2: c.http2}, policy.Policy{}, func(w *world) {
					if answer, err := ask(w.Context(), p.new(w, nil, option.WithMaxRetries(retries)), sonnet, "Who comes again?", stream); err != nil || answer == "" {
						w.Errorf("answer %q, error %v", answer, err)
					}
					w.wants(2, 1)
					w.balance()
					for _, r := range w.server.Requests() {
						if n := r.Header.Get("X-Stainless-Retry-Count"); n != "0" {
							w.Errorf("the SDK has sent it again: %s", n)
						}
					}
				})
			})
		})
	}
}

func TestNobodyPicksUpThePhone(t *testing.T) {
	variants(t, func(t *testing.T, p plug, retries int, stream bool) {
		dials := 0
		refuse := func(int) bool { dials++; return true }
		inWorld(t, llmtest.Config{RefuseDials: refuse}, policy.Policy{}, func(w *world) {
			_, err := ask(w.Context(), p.new(w, nil, option.WithMaxRetries(retries)), sonnet, "Who is there?", stream)
			if status, kind := refusal(err); status != http.StatusFailedDependency || kind != "not_sent" {
				w.Errorf("error %v: status %d, refusal %q", err, status, kind)
			}
			w.wants(0, 0)
			if dials != 6 {
				w.Errorf("%d dials, want as many as the policy allows, 6", dials)
			}
		})
	})
}

// A key of Anthropic's stands in a header that http.Client does not take off where a redirect leads to another host.
func TestRedirects(t *testing.T) {
	variants(t, func(t *testing.T, p plug, retries int, stream bool) {
		inWorld(t, llmtest.Config{Faults: always(llmtest.RedirectAway)}, policy.Policy{}, func(w *world) {
			_, err := ask(w.Context(), p.new(w, nil, option.WithMaxRetries(retries)), sonnet, "Who is led away?", stream)
			if status, _ := refusal(err); status != http.StatusFailedDependency {
				w.Errorf("error %v", err)
			}
			w.wants(1, 0) // nothing has come to the other host
		})
	})
	inWorld(t, llmtest.Config{Faults: always(llmtest.RedirectSame)}, policy.Policy{}, func(w *world) {
		if _, err := ask(w.Context(), anthropic.NewClient("sk-test", w.stack), sonnet, "Who follows?", false); err != nil {
			w.Error(err)
		}
		w.wants(2, 1)
		w.balance()
	})
}
