package compat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// TestMain takes away what the machine's environment would tell the SDKs.
func TestMain(m *testing.M) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OPENAI_") || strings.HasPrefix(name, "AZURE_") {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

// A config says how a client is made.
type config struct {
	client     *http.Client
	middleware func(*http.Request, func(*http.Request) (*http.Response, error)) (*http.Response, error)
	retry      bool // as often as the SDK does it by default
	timeout    time.Duration
}

// A caller is a client of some version of the SDK.
type caller interface {
	// ask makes a call of gpt-5-mini, and reads its answer to the end.
	ask(ctx context.Context, text string, stream bool) (string, error)

	// response returns the answer behind an error; nil if there is none.
	response(error) *http.Response
}

// A world is a stack over a simulated provider, and a client over that, in a bubble of its own time.
type world struct {
	*testing.T
	server *llmtest.Server
	stack  *middleware.Stack
	caller
	plug   string
	retry  bool
	stream bool
}

// everywhere runs f for every version of the SDK, with the stack put under it in either way, with retries of the SDK's own
// and without, and with streams and without.
func everywhere(t *testing.T, cfg llmtest.Config, p policy.Policy, f func(w *world)) {
	t.Helper()
	everywhereWithin(t, 0, cfg, p, f)
}

// everywhereWithin does so with a timeout of the http.Client; 0 is none.
func everywhereWithin(t *testing.T, timeout time.Duration, cfg llmtest.Config, p policy.Policy, f func(w *world)) {
	t.Helper()
	for version, make := range map[string]func(config) caller{"v1": newV1, "v2": newV2, "v3": newV3} {
		for _, plug := range []string{"client", "middleware"} {
			for i := range 4 {
				retry, stream := i&1 != 0, i&2 != 0
				t.Run(fmt.Sprintf("%s/%s/retry=%v/stream=%v", version, plug, retry, stream), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						server := llmtest.NewPipe(cfg)
						defer server.Close()
						stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithBase(server.Transport()),
							middleware.WithLogger(slog.New(slog.DiscardHandler)))
						if err != nil {
							t.Fatal(err)
						}
						c := config{client: stack.ErrorsAs(middleware.AsResponse).Client(), retry: retry, timeout: 5 * time.Minute}
						if plug == "middleware" {
							c.client, c.middleware = server.Client(), stack.Middleware
						}
						c.client.Timeout = timeout
						f(&world{t, server, stack, make(c), plug, retry, stream})
						if err := stack.Close(context.Background()); err != nil {
							t.Error(err)
						}
					})
				})
			}
		}
	}
}

// wants checks how many requests there were on the wire, and how many generations were billed.
func (w *world) wants(wire, billed int) {
	w.Helper()
	synctest.Wait()
	if got := len(w.server.Requests()); got != wire {
		w.Errorf("%d requests on the wire, want %d", got, wire)
	}
	if got := len(w.server.Meter()); got != billed {
		w.Errorf("%d generations billed, want %d", got, billed)
	}
}

// refused checks the status that the program sees, and what Skinflint-Refusal says; 0 for an error that is no answer.
func (w *world) refused(err error, status int, kind string) {
	w.Helper()
	if err == nil {
		w.Error("no error")
	}
	var gotStatus int
	var gotKind string
	if resp := w.response(err); resp != nil {
		gotStatus, gotKind = resp.StatusCode, resp.Header.Get("Skinflint-Refusal")
	}
	if gotStatus != status || gotKind != kind {
		w.Errorf("error %v: status %d, refusal %q, want %d and %q", err, gotStatus, gotKind, status, kind)
	}
}

// rates are picodollars for a token of gpt-5-mini: input, output. OpenAI's price page of November 2026.
var rates = map[policy.Tier][2]int64{policy.Standard: {250_000, 2_000_000}, policy.Flex: {125_000, 1_000_000}}

func TestFlexThenStandard(t *testing.T) {
	p := policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}
	everywhere(t, llmtest.Config{Flex: llmtest.Refuse(1)}, p, func(w *world) {
		for range 2 {
			if answer, err := w.ask(w.Context(), "Who saves?", w.stream); err != nil || answer == "" {
				w.Fatalf("answer %q, error %v", answer, err)
			}
		}
		w.wants(3, 2)
		rows := w.stack.Rows()
		if len(rows) != 3 || rows[0].Outcome != policy.Rejected || rows[0].Cost != ledger.Known(0) ||
			rows[1].ServedTier != policy.Standard || rows[2].ServedTier != policy.Flex {
			w.Fatalf("rows: %+v", rows)
		}
		for i, g := range w.server.Meter() {
			r := rows[i+1]
			rate := rates[r.ServedTier]
			if want := g.Prompt*rate[0] + g.Completion*rate[1]; !r.Cost.Known || int64(r.Cost.Pico) != want || r.ResponseID != g.ID {
				w.Errorf("cost %v, want %d picodollars", r.Cost, want)
			}
		}
	})
}

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
	{llmtest.Slow, 0, "", 1, 1, 0},
	{llmtest.TrickledError, 500, "", 1, 0, 500},
	{llmtest.ShouldRetryFalse, 429, "", 1, 0, 429},
}

func TestNothingIsPaidTwice(t *testing.T) {
	for _, c := range faultCases {
		t.Run(c.fault.String(), func(t *testing.T) {
			always := llmtest.ScriptFunc(func(int) llmtest.Fault { return c.fault })
			everywhere(t, llmtest.Config{Faults: always}, policy.Policy{}, func(w *world) {
				_, err := w.ask(w.Context(), "Who pays twice?", w.stream)
				status := c.status
				if w.stream {
					status = c.stream
				}
				w.refused(err, status, c.refusal)
				w.wants(c.wire, c.billed)
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		refusal string
		status  int
		kind    error
		options []policy.Option
	}{
		{"max_cost", http.StatusPaymentRequired, middleware.ErrCost, []policy.Option{policy.MaxCost(price.MustUSD("0.000001"))}},
		{"limit", http.StatusTooManyRequests, middleware.ErrLimit, []policy.Option{policy.FinishBy(time.Date(2000, 1, 1, 0, 0, 10, 0, time.UTC))}},
		{"policy", http.StatusBadRequest, middleware.ErrPolicy, []policy.Option{policy.OnTier("cheap")}},
	} {
		t.Run(c.refusal, func(t *testing.T) {
			limited := policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: 1}}}
			everywhere(t, llmtest.Config{}, limited, func(w *world) {
				if _, err := w.ask(w.Context(), "Who is first?", w.stream); err != nil {
					w.Fatal(err)
				}
				ctx, call := policy.Track(policy.With(w.Context(), c.options...))
				_, err := w.ask(ctx, "Who refuses?", w.stream)
				w.refused(err, c.status, c.refusal)
				if why, ok := errors.AsType[*middleware.Error](call.Err()); !ok || !errors.Is(why, c.kind) {
					w.Errorf("tracked: %v", call.Err())
				}
				w.wants(1, 1)
			})
		})
	}
}

func TestDoneContextStaysTheContexts(t *testing.T) {
	stall := llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.Stall })
	everywhere(t, llmtest.Config{Faults: stall}, policy.Policy{}, func(w *world) {
		ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
		defer cancel()
		if _, err := w.ask(ctx, "Who is out of time?", w.stream); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("error %v, want the deadline's", err)
		}
		w.wants(1, 1)
	})
}

// The client's own timeout is to the SDK a lost connection, which it repeats.
func TestTimeoutOfTheHTTPClient(t *testing.T) {
	stall := llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.Stall })
	everywhereWithin(t, 3*time.Minute, llmtest.Config{Faults: stall}, policy.Policy{}, func(w *world) {
		_, err := w.ask(w.Context(), "Who is late?", w.stream)
		switch {
		case w.plug == "middleware":
			w.refused(err, http.StatusFailedDependency, "ambiguous")
		case w.retry:
			w.refused(err, http.StatusFailedDependency, "repeat")
		case !errors.Is(err, context.DeadlineExceeded):
			w.Errorf("error %v, want the deadline's", err)
		}
		w.wants(1, 1)
	})
}
