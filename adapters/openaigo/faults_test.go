package openaigo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openai/openai-go/v3/option"

	"github.com/skinflint-go/skinflint/adapters/openaigo"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// faultCases are what becomes of a call that meets with the same mishap each time that it is sent.
var faultCases = []struct {
	fault   llmtest.Fault
	status  int // that the program sees; 0 if it sees no answer
	refusal string
	wire    int
	billed  int
	stream  int // the status of a stream, if that is another
}{
	{llmtest.ResetBeforeAccept, 424, "ambiguous", 1, 0, 424},
	{llmtest.ResetAfterAccept, 424, "ambiguous", 1, 1, 424},
	{llmtest.CutStream, 0, "", 1, 1, 0},
	{llmtest.ErrorInStream, 500, "", 1, 1, 0},
	{llmtest.ServerError, 500, "", 1, 0, 500},
	{llmtest.ServerErrorAfterWork, 500, "", 1, 1, 500},
	{llmtest.Overloaded, 503, "", 6, 0, 503},
	{llmtest.RateLimited, 429, "", 6, 0, 429},
	{llmtest.QuotaExceeded, 429, "", 1, 0, 429},
	{llmtest.FlexUnavailable, 429, "", 1, 0, 429},
	{llmtest.BadRequest, 400, "", 1, 0, 400},
	{llmtest.Stall, 0, "", 1, 1, 0},
	{llmtest.ProtocolErrorAfterWork, 424, "ambiguous", 1, 1, 424},
	{llmtest.EarlyRateLimited, 429, "", 6, 0, 429},
	{llmtest.Slow, 0, "", 1, 1, 0},
	{llmtest.TrickledError, 500, "", 1, 0, 500},
	{llmtest.ShouldRetryFalse, 429, "", 1, 0, 429},
}

// variants runs f once for each plug, with the SDK's retries off and on, and with streams and without.
func variants(t *testing.T, f func(t *testing.T, p plug, retries int, stream bool)) {
	for _, p := range plugs {
		for _, retries := range []int{0, 2} {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/retries=%d/stream=%v", p.name, retries, stream), func(t *testing.T) { f(t, p, retries, stream) })
			}
		}
	}
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
						client := p.new(w, nil, option.WithMaxRetries(retries), option.WithRequestTimeout(5*time.Minute))
						_, err := ask(ctx, client, "gpt-5-mini", "Who pays twice?", stream)
						want := c.status
						if stream {
							want = c.stream
						}
						if status, refusal := refusal(err); err == nil || status != want || refusal != c.refusal {
							w.Errorf("error %v: status %d, refusal %q, want %d and %q", err, status, refusal, want, c.refusal)
						}
						if why, ok := errors.AsType[*middleware.Error](call.Err()); ok != (c.refusal != "") || ok && !errors.Is(why, middleware.ErrAmbiguous) {
							w.Errorf("tracked: %v", call.Err())
						}
						w.wants(c.wire, c.billed)
					})
				})
			})
		}
	}
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
					client := p.new(w, nil, option.WithMaxRetries(retries))
					if answer, err := ask(w.Context(), client, "gpt-5-mini", "Who comes again?", stream); err != nil || answer == "" {
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
			_, err := ask(w.Context(), p.new(w, nil, option.WithMaxRetries(retries)), "gpt-5-mini", "Who is there?", stream)
			if status, refusal := refusal(err); status != http.StatusFailedDependency || refusal != "not_sent" {
				w.Errorf("error %v: status %d, refusal %q", err, status, refusal)
			}
			w.wants(0, 0)
			if dials != 6 {
				w.Errorf("%d dials, want as many as the policy allows, 6", dials)
			}
		})
	})
}

func TestRedirects(t *testing.T) {
	variants(t, func(t *testing.T, p plug, retries int, stream bool) {
		inWorld(t, llmtest.Config{Faults: always(llmtest.RedirectAway)}, policy.Policy{}, func(w *world) {
			_, err := ask(w.Context(), p.new(w, nil, option.WithMaxRetries(retries)), "gpt-5-mini", "Who is led away?", stream)
			if status, _ := refusal(err); status != http.StatusFailedDependency {
				w.Errorf("error %v", err)
			}
			w.wants(1, 0) // nothing has come to the other host
		})
	})
	inWorld(t, llmtest.Config{Faults: always(llmtest.RedirectSame)}, policy.Policy{}, func(w *world) {
		if _, err := ask(w.Context(), openaigo.NewClient("sk-test", w.stack), "gpt-5-mini", "Who follows?", false); err != nil {
			w.Error(err)
		}
		w.wants(2, 1)
		w.balance()
	})
}

// The client's own timeout is to the SDK a lost connection, which it repeats.
func TestTimeoutOfTheHTTPClient(t *testing.T) {
	refusals := map[string]map[int]string{"client": {2: "repeat"}, "middleware": {0: "ambiguous", 2: "ambiguous"}}
	variants(t, func(t *testing.T, p plug, retries int, stream bool) {
		inWorld(t, llmtest.Config{Faults: always(llmtest.Stall)}, policy.Policy{}, func(w *world) {
			hc := &http.Client{Timeout: 3 * time.Minute}
			start := time.Now()
			_, err := ask(w.Context(), p.new(w, hc, option.WithMaxRetries(retries)), "gpt-5-mini", "Who is late?", stream)
			want := refusals[p.name][retries]
			if _, kind := refusal(err); err == nil || kind != want || want == "" && !errors.Is(err, context.DeadlineExceeded) {
				w.Errorf("error %v, refusal %q, want %q", err, kind, want)
			}
			w.wants(1, 1)
			if took := time.Since(start); took < 3*time.Minute || took > 4*time.Minute {
				w.Errorf("it took %v", took)
			}
		})
	})
}

func TestDoneContextStaysTheContexts(t *testing.T) {
	variants(t, func(t *testing.T, p plug, retries int, stream bool) {
		inWorld(t, llmtest.Config{Faults: always(llmtest.Stall)}, policy.Policy{}, func(w *world) {
			client := p.new(w, nil, option.WithMaxRetries(retries))
			ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
			defer cancel()
			if _, err := ask(ctx, client, "gpt-5-mini", "Who is out of time?", stream); !errors.Is(err, context.DeadlineExceeded) {
				w.Errorf("error %v, want the deadline's", err)
			}
			ctx, cancel = context.WithCancel(w.Context())
			go func() {
				synctest.Wait()
				cancel()
			}()
			if _, err := ask(ctx, client, "gpt-5-mini", "Who hangs up?", stream); !errors.Is(err, context.Canceled) {
				w.Errorf("error %v, want the cancellation", err)
			}
			w.wants(2, 2)
		})
	})
}
