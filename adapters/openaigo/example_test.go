package openaigo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/skinflint-go/skinflint/adapters/openaigo"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func ExampleNewClient() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(
		middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}),
		middleware.WithBase(provider.Transport())) // answers for api.openai.com here; leave it out to reach the real one
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer stack.Close(ctx)

	client := openaigo.NewClient("sk-...", stack)
	answer, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model:    openai.ChatModelGPT5_4Mini,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Who saves?")},
	})
	if err != nil {
		panic(err)
	}
	totals := stack.Totals()
	fmt.Println(answer.ServiceTier, totals.Cost, "instead of", totals.List)
	// Output: flex 0.000384 instead of 0.000768
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
	client := openai.NewClient(append(openaigo.Options(stack, hc), option.WithAPIKey("sk-..."))...)

	ctx, call := policy.Track(policy.With(ctx, policy.MaxCost(price.MustUSD("0.001"))))
	_, err = client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model:               openai.ChatModelGPT5_4Mini,
		MaxCompletionTokens: openai.Int(10_000),
		Messages:            []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Who spends?")},
	})
	var answer *openai.Error // its text says why as well
	if errors.As(err, &answer) {
		fmt.Println(answer.StatusCode, answer.Type)
	}
	var refusal *middleware.Error
	if errors.As(call.Err(), &refusal) {
		fmt.Println(refusal.Kind)
	}
	// Output:
	// 402 skinflint_max_cost
	// skinflint: cost limit
}
