// A program that puts a stack under go-openai.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/skinflint-go/skinflint/adapters/goopenai"
	"github.com/skinflint-go/skinflint/middleware"
)

func main() {
	stack, err := middleware.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%T over a stack\n", goopenai.NewClient("sk-none", stack))
	if err := stack.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
