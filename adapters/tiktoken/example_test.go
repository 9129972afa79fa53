package tiktoken_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/adapters/tiktoken"
	"github.com/skinflint-go/skinflint/policy"
)

func ExampleNew() {
	estimator, err := tiktoken.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	counter := estimator.Counter()
	defer counter.Release()
	fmt.Fprint(counter, `{"model": "gpt-5", "messages": [{"role": "user", "content": "Name the capital of France."}]}`)

	// Six tokens of text, and seven that OpenAI adds.
	fmt.Println(counter.Estimate(&policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}).Input())
	// Output: 13
}
