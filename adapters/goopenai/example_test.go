package goopenai_test

import (
	"context"
	"fmt"

	openai "github.com/sashabaranov/go-openai"

	"github.com/skinflint-go/skinflint/adapters/goopenai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
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
	defer stack.Close(context.Background())

	client := goopenai.NewClient("sk-...", stack)
	answer, err := client.CreateChatCompletion(context.Background(), openai.ChatCompletionRequest{
		Model:    "gpt-5",
		Messages: []openai.ChatCompletionMessage{{Role: openai.ChatMessageRoleUser, Content: "Who saves?"}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(answer.ServiceTier, stack.Totals().Cost)
	// Output: flex 0.00097125
}

func ExampleNewClientWithConfig() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New()
	if err != nil {
		panic(err)
	}
	config := openai.DefaultConfig("sk-...")
	config.BaseURL = provider.URL + "/v1"
	client := goopenai.NewClientWithConfig(config, stack)
	if _, err := client.ListModels(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(len(stack.Rows()), "rows: a list of models costs nothing")
	// Output: 0 rows: a list of models costs nothing
}
