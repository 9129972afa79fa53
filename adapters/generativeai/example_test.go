package generativeai_test

import (
	"context"
	"fmt"

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
