// First is the program of README.md: it makes one call of OpenAI's API, on the flex tier or else on the standard one, and
// prints the outcome of each attempt. It needs a key in OPENAI_API_KEY.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/sashabaranov/go-openai"
	"github.com/skinflint-go/skinflint/adapters/goopenai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
)

func main() {
	stack, err := middleware.New(middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}))
	if err != nil {
		log.Fatal(err)
	}
	client := goopenai.NewClient(os.Getenv("OPENAI_API_KEY"), stack)
	answer, err := client.CreateChatCompletion(context.Background(), openai.ChatCompletionRequest{
		Model:    "gpt-5-mini",
		Messages: []openai.ChatCompletionMessage{{Role: "user", Content: "Name three thrifty animals."}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Choices[0].Message.Content)
	for _, row := range stack.Rows() {
		fmt.Printf("attempt %d on %s: %s, $%s\n", row.Attempt, row.AskedTier, row.Outcome, row.Cost)
	}
}
