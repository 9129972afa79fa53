package anthropic_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	skinflintanthropic "github.com/skinflint-go/skinflint/adapters/anthropic"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func ExampleNewClient() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport())) // answers for api.anthropic.com here; leave it out to reach the real one
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer stack.Close(ctx)

	client := skinflintanthropic.NewClient("sk-ant-...", stack)
	_, err = client.Messages.New(ctx, anthropic.MessageNewParams{
		Model:     anthropic.ModelClaudeSonnet4_6,
		MaxTokens: 1000,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Who saves?"))},
	})
	if err != nil {
		panic(err)
	}
	row := stack.Rows()[0]
	fmt.Println(row.Usage.Input, "tokens in,", row.Usage.Output, "out:", row.Cost)
	// Output: 16 tokens in, 169 out: 0.002583
}

func ExampleOptions() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New()
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer stack.Close(ctx)

	hc := &http.Client{Transport: provider.Transport()} // of the program's own, with a proxy, perhaps
	client := anthropic.NewClient(append(skinflintanthropic.Options(stack, hc), option.WithAPIKey("sk-ant-..."))...)

	ctx, call := policy.Track(policy.With(ctx, policy.MaxCost(price.MustUSD("0.001"))))
	_, err = client.Messages.New(ctx, anthropic.MessageNewParams{
		Model:     anthropic.ModelClaudeSonnet4_6,
		MaxTokens: 10_000,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Who spends?"))},
	})
	var e *anthropic.Error
	if errors.As(err, &e) {
		fmt.Println(e.StatusCode, e.Type())
	}
	var refusal *middleware.Error
	if errors.As(call.Err(), &refusal) {
		fmt.Println(refusal.Kind)
	}
	// Output:
	// 402 skinflint_max_cost
	// skinflint: cost limit
}
