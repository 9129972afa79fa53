// A program that puts a stack under Google's Gen AI SDK.
package main

import (
	"context"
	"fmt"
	"os"

	sdk "google.golang.org/genai"

	"github.com/skinflint-go/skinflint/adapters/genai"
	"github.com/skinflint-go/skinflint/middleware"
)

func main() {
	ctx := context.Background()
	stack, err := middleware.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	client, err := genai.NewClient(ctx, &sdk.ClientConfig{APIKey: "AI-none", Backend: sdk.BackendGeminiAPI}, stack)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%T over a stack\n", client)
	if err := stack.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
