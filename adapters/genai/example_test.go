package genai_test

import (
	"context"
	"fmt"

	"google.golang.org/genai"

	skinflintgenai "github.com/skinflint-go/skinflint/adapters/genai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func ExampleNewClient() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(
		middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}),
		middleware.WithBase(provider.Transport())) // answers for Google here; leave it out to reach Google
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer stack.Close(ctx)

	client, err := skinflintgenai.NewClient(ctx, &genai.ClientConfig{APIKey: "AI...", Backend: genai.BackendGeminiAPI}, stack)
	if err != nil {
		panic(err)
	}
	if _, err := client.Models.GenerateContent(ctx, "gemini-2.5-flash", genai.Text("Who saves?"), nil); err != nil {
		panic(err)
	}
	totals := stack.Totals()
	fmt.Println(stack.Rows()[0].ServedTier, totals.Cost, "instead of", totals.List)
	// Output: flex 0.00016805 instead of 0.0003361
}
