// A program that needs the core and nothing else.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
)

func main() {
	stack, err := middleware.New(middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("a client over %T\n", stack.Client().Transport)
	if err := stack.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
