// Quickstart makes sixteen calls through one skinflint stack. It uses real SDKs, go-openai and Google's genai, and simulated
// providers within this program, so it needs neither a key nor a network.
//
// Some calls are served on the flex tier at half the price. Some are rejected there and served on the standard tier. Three
// are streams. Two use a Gemini context cache, one of them by the OpenAI-compatible endpoint. One waits for a limit. At the
// end the program compares its ledger with the providers' meter.
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
	// The providers: every third request for the flex tier finds no room, and one model does not have that tier.
	provider := llmtest.NewServer(llmtest.Config{
		Flex:          llmtest.Schedule("..x"),
		FlexModels:    []string{"gpt-5", "gpt-5-mini", "gpt-5-nano", "o4-mini", "gemini-2.5-pro", "gemini-2.5-flash"},
		CachedPercent: 50,
		Seed:          7,
	})
	defer provider.Close()

	// The stack: flex if there is room, else standard, and at most two requests a second for one queue.
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

	// The program, which knows nothing about tiers, retries or prices.
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

// connect puts the stack under each SDK.
func connect(ctx context.Context, stack *middleware.Stack) (to clients, err error) {
	to.openAI = goopenai.NewClient("sk-not-needed", stack)

	compat := openai.DefaultConfig("AI-not-needed")
	compat.BaseURL = "https://generativelanguage.googleapis.com/v1beta/openai"
	to.compat = goopenai.NewClientWithConfig(compat, stack)

	to.gemini, err = skinflintgenai.NewClient(ctx, &genai.ClientConfig{APIKey: "AI-not-needed", Backend: genai.BackendGeminiAPI}, stack)
	return to, err
}
