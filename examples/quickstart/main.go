// Quickstart makes sixteen calls with real SDKs, go-openai and Google's genai, through one skinflint stack, to providers
// that are simulated within this program: no key, no network. Some calls are served on the flex tier at half the price;
// some are refused there and served at the standard tier; three are streams; two read a Gemini context cache, one of them
// by the endpoint that is compatible with OpenAI's; one waits its turn at a limit. In the end the ledger is laid beside
// the providers' own meter.
//
//	go run ./examples/quickstart          # a table
//	go run ./examples/quickstart -json    # one object
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	openai "github.com/sashabaranov/go-openai"
	"google.golang.org/genai"

	skinflintgenai "github.com/skinflint-go/skinflint/adapters/genai"
	"github.com/skinflint-go/skinflint/adapters/goopenai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func main() {
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, asJSON bool) error {
	// The providers, under whatever name they are called: every third flex request finds no room, and one model has no
	// flex at all.
	provider := llmtest.NewServer(llmtest.Config{
		Flex:          llmtest.Schedule("..x"),
		FlexModels:    []string{"gpt-5", "gpt-5-mini", "gpt-5-nano", "o4-mini", "gemini-2.5-pro", "gemini-2.5-flash"},
		CachedPercent: 50,
		Seed:          7,
	})
	defer provider.Close()

	// The stack: flex where there is room, else standard; and at most two requests a second for one queue.
	stack, err := middleware.New(
		middleware.WithBase(provider.Transport()),
		middleware.WithPolicy(policy.Policy{
			Tier:     policy.Flex,
			Fallback: policy.Standard,
			Limits: []policy.Limit{
				{Match: policy.Match{Tags: map[string]string{"queue": "titles"}}, RequestsPerMinute: 120, Burst: 1},
			},
		}))
	if err != nil {
		return err
	}
	to, err := connect(ctx, stack)
	if err != nil {
		return err
	}
	to.cache = provider.NewCache("gemini-2.5-flash", 24_000, time.Hour)

	// The program: it knows nothing of tiers, retries or prices.
	for _, c := range calls {
		if err := c.make(ctx, to); err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
	}
	if err := stack.Close(ctx); err != nil {
		return err
	}

	sum, err := balance(stack, provider.Meter())
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(sum)
	}
	printReport(out, stack.Rows(), sum)
	return nil
}

// connect puts the stack under each SDK. Nothing else about them changes.
func connect(ctx context.Context, stack *middleware.Stack) (to clients, err error) {
	to.openAI = goopenai.NewClient("sk-not-needed", stack)

	face := openai.DefaultConfig("AI-not-needed")
	face.BaseURL = "https://generativelanguage.googleapis.com/v1beta/openai"
	to.face = goopenai.NewClientWithConfig(face, stack)

	to.gemini, err = skinflintgenai.NewClient(ctx, &genai.ClientConfig{APIKey: "AI-not-needed", Backend: genai.BackendGeminiAPI}, stack)
	return to, err
}
