package langchaingo_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/anthropic"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/skinflint-go/skinflint/adapters/langchaingo"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func ExampleNewAnthropic() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(
		middleware.WithBase(provider.Transport())) // answers for api.anthropic.com here; leave it out to reach the real one
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	llm, err := langchaingo.NewAnthropic(stack, anthropic.WithToken("sk-ant-..."), anthropic.WithModel("claude-sonnet-4-5"))
	if err != nil {
		panic(err)
	}
	ctx := policy.With(context.Background(), policy.MaxCost(price.MustUSD("0.0125")))
	_, err = llms.GenerateFromSinglePrompt(ctx, llm, "Who saves?")
	var refusal *middleware.Error
	fmt.Println(errors.As(err, &refusal), refusal.Detail)

	_, err = llms.GenerateFromSinglePrompt(ctx, llm, "Who saves?", llms.WithMaxTokens(500))
	fmt.Println(err, stack.Totals().Cost)
	// Output:
	// true it could cost $0.035085, and the limit is $0.0125
	// <nil> 0.000753
}

func ExampleNewOpenAI() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(
		middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}),
		middleware.WithBase(provider.Transport())) // answers for api.openai.com here; leave it out to reach the real one
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	llm, err := langchaingo.NewOpenAI(stack, openai.WithToken("sk-..."), openai.WithModel("gpt-5"))
	if err != nil {
		panic(err)
	}
	ctx, call := policy.Track(context.Background())
	if _, err := llms.GenerateFromSinglePrompt(ctx, llm, "Who saves?"); err != nil {
		panic(err)
	}
	cost, _ := call.Cost()
	fmt.Println(call.Tier(), cost)
	// Output: flex 0.00097125
}
