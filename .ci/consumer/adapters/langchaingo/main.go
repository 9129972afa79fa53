// A program that puts a stack under LangChainGo.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/tmc/langchaingo/llms/openai"

	"github.com/skinflint-go/skinflint/adapters/langchaingo"
	"github.com/skinflint-go/skinflint/middleware"
)

func main() {
	stack, err := middleware.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	model, err := langchaingo.NewOpenAI(stack, openai.WithToken("sk-none"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%T over a stack\n", model)
	if err := stack.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
