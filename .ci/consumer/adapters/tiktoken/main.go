// A program that counts the tokens of a request with the vocabulary of its model.
package main

import (
	"fmt"
	"os"

	"github.com/skinflint-go/skinflint/adapters/tiktoken"
	"github.com/skinflint-go/skinflint/policy"
)

func main() {
	estimator, err := tiktoken.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	counter := estimator.Counter()
	defer counter.Release()
	fmt.Fprint(counter, `{"messages": [{"role": "user", "content": "Name the capital of France."}]}`)
	fmt.Println(counter.Estimate(&policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}).Input(), "tokens")
}
