// A program that puts a stack under Azure's OpenAI SDK.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/skinflint-go/skinflint/adapters/azopenai"
	"github.com/skinflint-go/skinflint/middleware"
)

func main() {
	stack, err := middleware.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	client, err := azopenai.NewClientWithKeyCredential("https://none.openai.azure.com", azcore.NewKeyCredential("none"), stack, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%T over a stack\n", client)
	if err := stack.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
