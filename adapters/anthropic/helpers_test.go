package anthropic_test

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

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/skinflint-go/skinflint/adapters/anthropic"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// TestMain takes away what the machine's environment would tell the SDK.
func TestMain(m *testing.M) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "ANTHROPIC_") {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

const (
	sonnet = "claude-sonnet-4-5"
	haiku  = "claude-haiku-4-5"
)

// A world is a stack over a simulated provider that answers under the SDK's own address, in a bubble of its own time.
type world struct {
	*testing.T
	server *llmtest.Server
	stack  *middleware.Stack
}

// inWorld runs f in a bubble: waits take no real time, and a goroutine left behind fails the test.
func inWorld(t *testing.T, cfg llmtest.Config, p policy.Policy, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := llmtest.NewPipe(cfg)
		defer server.Close()
		stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithBase(server.Transport()),
			middleware.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		f(&world{t, server, stack})
		if err := stack.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// A plug puts the stack under a client of the SDK, in one of the ways there are. hc may be nil.
type plug struct {
	name string
	new  func(w *world, hc *http.Client, opts ...option.RequestOption) sdk.Client
}

var plugs = []plug{
	{"client", func(w *world, hc *http.Client, opts ...option.RequestOption) sdk.Client {
		if hc == nil {
			return anthropic.NewClient("sk-test", w.stack, opts...)
		}
		return sdk.NewClient(append(append(anthropic.Options(w.stack, hc), option.WithAPIKey("sk-test")), opts...)...)
	}},
	{"middleware", func(w *world, hc *http.Client, opts ...option.RequestOption) sdk.Client {
		below := http.Client{Transport: w.server.Transport()}
		if hc != nil {
			below.Timeout = hc.Timeout
			if hc.Transport != nil {
				below.Transport = hc.Transport
			}
		}
		return sdk.NewClient(append([]option.RequestOption{
			option.WithAPIKey("sk-test"), option.WithHTTPClient(&below), option.WithMiddleware(w.stack.Middleware), option.WithMaxRetries(0),
		}, opts...)...)
	}},
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

func question(model sdk.Model, text string) sdk.MessageNewParams {
	return sdk.MessageNewParams{
		Model: model, MaxTokens: 1000, Messages: []sdk.MessageParam{sdk.NewUserMessage(sdk.NewTextBlock(text))},
	}
}

// ask makes a call, and reads its answer to the end.
func ask(ctx context.Context, client sdk.Client, model sdk.Model, text string, stream bool) (answer string, err error) {
	if !stream {
		got, err := client.Messages.New(ctx, question(model, text))
		if err != nil {
			return "", err
		}
		return got.Content[0].Text, nil
	}
	events := client.Messages.NewStreaming(ctx, question(model, text))
	defer events.Close()
	var sum sdk.Message
	for events.Next() {
		if err := sum.Accumulate(events.Current()); err != nil {
			return "", err
		}
	}
	for _, block := range sum.Content {
		answer += block.Text
	}
	return answer, events.Err()
}

// refusal returns the status that the program sees, and what Skinflint-Refusal says; 0 for an error that is no answer.
func refusal(err error) (status int, kind string) {
	var e *sdk.Error
	if errors.As(err, &e) {
		return e.StatusCode, e.Response.Header.Get("Skinflint-Refusal")
	}
	return 0, ""
}

// rates are picodollars for a token: input, cached input, output. Anthropic's price page of November 2026.
var rates = map[string][3]int64{
	sonnet: {3_000_000, 300_000, 15_000_000},
	haiku:  {1_000_000, 100_000, 5_000_000},
}

// balance lays the billed rows beside the meter, in order.
func (w *world) balance() {
	w.Helper()
	var rows []ledger.Row
	for _, r := range w.stack.Rows() {
		if r.Outcome == policy.Billed {
			rows = append(rows, r)
		}
	}
	meter := w.server.Meter()
	if len(rows) != len(meter) {
		w.Fatalf("%d rows billed, %d generations on the meter", len(rows), len(meter))
	}
	for i, g := range meter {
		r := rows[i]
		if r.UsageSource != ledger.Measured || r.Provider != "anthropic" || r.ResponseID != g.ID || r.ServedTier != policy.Standard ||
			r.Usage.Input != g.Prompt-g.Cached || r.Usage.CachedInput != g.Cached || r.Usage.Output != g.Completion || r.Usage.Reasoning != g.Reasoning {
			w.Errorf("row %+v\nmeter %+v", r, g)
		}
		rate, ok := rates[g.Model]
		if !ok {
			w.Fatalf("no rate for %s", g.Model)
		}
		want := (g.Prompt-g.Cached)*rate[0] + g.Cached*rate[1] + g.Completion*rate[2]
		if !r.Cost.Known || int64(r.Cost.Pico) != want {
			w.Errorf("cost %v, want %d picodollars", r.Cost, want)
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
