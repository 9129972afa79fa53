// A program that puts a stack under generative-ai-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"google.golang.org/api/option"

	"github.com/skinflint-go/skinflint/adapters/generativeai"
	"github.com/skinflint-go/skinflint/middleware"
)

func main() {
	ctx := context.Background()
	stack, err := middleware.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// An endpoint on this machine: the SDK would begin to connect at once.
	client, err := generativeai.NewClient(ctx, "AI-none", stack, option.WithEndpoint("http://127.0.0.1:1"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%T over a stack\n", client)
	if err := errors.Join(client.Close(), stack.Close(ctx)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
