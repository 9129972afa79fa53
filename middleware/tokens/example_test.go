package tokens_test

import (
	"fmt"
	"io"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/middleware/tokens"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

func ExampleHeuristic() {
	counter := tokens.Heuristic{}.Counter()
	defer counter.Release()
	io.WriteString(counter, `{"model": "gpt-5", "messages": [{"role": "user", "content": [`)
	io.WriteString(counter, `{"type": "text", "text": "What is in this picture?"},`)
	io.WriteString(counter, `{"type": "image_url", "image_url": {"url": "https://example.com/picture.png"}}]}]}`)

	e := counter.Estimate(&policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"})
	fmt.Println(e.Text, "tokens of text, and", e.Media, "of media")
	// Output: 13 tokens of text, and 765 of media
}

func ExampleLearner() {
	var learner tokens.Learner
	call := &wire.Call{Shape: &wire.Shape{Provider: "openai", Operation: wire.Chat}, Model: "gpt-5", MaxOutput: 4000, Choices: 1}
	estimate := tokens.Estimate{Text: 2000}

	// Answers report 10 % more input than was estimated, and little output.
	for range 50 {
		learner.Learn(call, estimate, &ledger.Row{
			Outcome: policy.Billed, UsageSource: ledger.Measured, Usage: price.Usage{Input: 2200, Output: 150},
		})
	}
	asked := learner.Asked(call, wire.Metering{}, estimate, 0)
	fmt.Println("input within 5 % of 2200:", asked.Input > 2090 && asked.Input < 2310)
	fmt.Println("output:", asked.Output)

	// A provider that reserves output counts the request's own limit.
	fmt.Println("output:", learner.Asked(call, wire.Metering{Reserves: true}, estimate, 0).Output)
	// Output:
	// input within 5 % of 2200: true
	// output: 159
	// output: 4000
}

func ExampleCounted() {
	call := &wire.Call{Shape: new(wire.Shape), MaxOutput: 4000, Choices: 1}
	asked := limit.Tokens{Input: 2000, Output: 4000}
	row := &ledger.Row{
		Outcome: policy.Billed, UsageSource: ledger.Measured, Usage: price.Usage{Input: 300, CachedInput: 1800, Output: 150},
	}
	fmt.Println(tokens.Counted(call, wire.Metering{}, asked, row).Tokens)
	fmt.Println(tokens.Counted(call, wire.Metering{WithoutCached: true}, asked, row).Tokens)
	fmt.Println(tokens.Counted(call, wire.Metering{Reserves: true}, asked, row).Tokens)
	fmt.Println(tokens.Counted(call, wire.Metering{}, asked, nil).Tokens) // it was never sent
	// Output:
	// {2100 150}
	// {300 150}
	// {2100 4000}
	// {0 0}
}

func ExampleText() {
	fmt.Println(tokens.Text("Name the capital of France."))
	// Output: 6
}

func ExampleVocabulary() {
	v := &tokens.Vocabulary{Count: func(model, text string) (int64, bool) {
		if model != "letters-1" {
			return 0, false // estimated as Heuristic does
		}
		return int64(len(text)), true
	}}
	counter := v.Counter()
	defer counter.Release()
	io.WriteString(counter, `{"input": ["abcdefghij"]}`)
	fmt.Println(counter.Estimate(&policy.Subject{Operation: wire.Embeddings, Model: "letters-1"}).Input())
	// Output: 10
}
