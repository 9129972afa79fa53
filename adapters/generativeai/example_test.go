package generativeai_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/generative-ai-go/genai"
	"google.golang.org/api/option"

	"github.com/skinflint-go/skinflint/adapters/generativeai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func ExampleNewClient() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(
		middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	ctx := context.Background()
	client, err := generativeai.NewClient(ctx, "AI...", stack,
		option.WithEndpoint(provider.URL)) // leave it out to reach Google
	if err != nil {
		panic(err)
	}
	defer client.Close()

	ctx, cancel := generativeai.FlexContext(ctx)
	defer cancel()
	if _, err := client.GenerativeModel("gemini-2.5-flash").GenerateContent(ctx, genai.Text("Who saves?")); err != nil {
		panic(err)
	}
	row := stack.Rows()[0]
	fmt.Println(row.ServedTier, "at half the list price:", 2*row.Cost.Pico == row.List.Pico)
	// Output: flex at half the list price: true
}

func ExampleFlexContext() {
	ctx, cancel := generativeai.FlexContext(context.Background())
	defer cancel()
	deadline, _ := ctx.Deadline()
	fmt.Println(time.Until(deadline).Round(time.Minute))

	// A deadline of the program's own counts.
	hurried, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	ctx, cancel = generativeai.FlexContext(hurried)
	defer cancel()
	deadline, _ = ctx.Deadline()
	fmt.Println(time.Until(deadline).Round(time.Minute))
	// Output:
	// 30m0s
	// 2m0s
}

func ExampleUnavailableError() {
	provider := llmtest.NewServer(llmtest.Config{Flex: llmtest.Refuse(1)})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithPolicy(policy.Policy{Tier: policy.Flex, MaxAttempts: 1}))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	client, err := generativeai.NewClient(ctx, "AI...", stack, option.WithEndpoint(provider.URL))
	if err != nil {
		panic(err)
	}
	defer client.Close()

	_, err = client.GenerativeModel("gemini-2.5-flash").GenerateContent(ctx, genai.Text("Who waits?"))
	var unavailable *generativeai.UnavailableError
	if errors.As(err, &unavailable) {
		fmt.Println(unavailable.StatusCode, unavailable.Status)
	}
	// Output: 503 UNAVAILABLE
}
