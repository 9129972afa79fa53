package openaigo_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/skinflint-go/skinflint/adapters/openaigo"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// TestMain takes away what the machine's environment would tell the SDK.
func TestMain(m *testing.M) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OPENAI_") {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

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
	new  func(w *world, hc *http.Client, opts ...option.RequestOption) openai.Client
}

var plugs = []plug{
	{"client", func(w *world, hc *http.Client, opts ...option.RequestOption) openai.Client {
		if hc == nil {
			return openaigo.NewClient("sk-test", w.stack, opts...)
		}
		return openai.NewClient(append(append(openaigo.Options(w.stack, hc), option.WithAPIKey("sk-test")), opts...)...)
	}},
	{"middleware", func(w *world, hc *http.Client, opts ...option.RequestOption) openai.Client {
		if hc == nil {
			hc = new(http.Client)
		}
		below := *hc
		below.Transport = w.server.Transport()
		return openai.NewClient(append([]option.RequestOption{
			option.WithAPIKey("sk-test"), option.WithHTTPClient(&below), option.WithMiddleware(w.stack.Middleware), option.WithMaxRetries(0),
		}, opts...)...)
	}},
}

func question(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

// ask makes a call, and reads its answer to the end.
func ask(ctx context.Context, client openai.Client, model, text string, stream bool) (answer string, err error) {
	if !stream {
		got, err := client.Chat.Completions.New(ctx, question(model, text))
		if err != nil {
			return "", err
		}
		return got.Choices[0].Message.Content, nil
	}
	events := client.Chat.Completions.NewStreaming(ctx, question(model, text))
	defer events.Close()
	for events.Next() {
		answer += events.Current().Choices[0].Delta.Content // as the SDK's README does it: there is always one
	}
	return answer, events.Err()
}

// refusal returns the status that the program sees, and what Skinflint-Refusal says; 0 for an error that is no answer.
func refusal(err error) (status int, kind string) {
	if e, ok := errors.AsType[*openai.Error](err); ok {
		return e.StatusCode, e.Response.Header.Get("Skinflint-Refusal")
	}
	return 0, ""
}

// rates are picodollars for a token: input, cached input, output. OpenAI's price page of November 2026.
var rates = map[string][3]int64{
	"gpt-5 default":      {1_250_000, 125_000, 10_000_000},
	"gpt-5 flex":         {625_000, 62_500, 5_000_000},
	"gpt-5-mini default": {250_000, 25_000, 2_000_000},
	"gpt-5-mini flex":    {125_000, 12_500, 1_000_000},
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
		r, tier := rows[i], map[string]policy.Tier{"default": policy.Standard, "flex": policy.Flex}[g.Tier]
		if r.UsageSource != ledger.Measured || r.Provider != "openai" || r.ResponseID != g.ID || r.ServedTier != tier ||
			r.Usage.Input != g.Prompt-g.Cached || r.Usage.CachedInput != g.Cached || r.Usage.Output != g.Completion || r.Usage.Reasoning != g.Reasoning {
			w.Errorf("row %+v\nmeter %+v", r, g)
		}
		rate, ok := rates[g.Model+" "+g.Tier]
		if !ok {
			w.Fatalf("no rate for %s on %s", g.Model, g.Tier)
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
