// A program that puts a stack under Anthropic's SDK.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/skinflint-go/skinflint/adapters/anthropic"
	"github.com/skinflint-go/skinflint/middleware"
)

func main() {
	stack, err := middleware.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	client := anthropic.NewClient("sk-ant-none", stack)
	fmt.Printf("%T over a stack\n", client)
	if err := stack.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
