package main

import (
	"fmt"
	"os"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// simulate starts a provider within this program. Every third request for flex finds no room, and some requests find the
// provider overloaded.
func simulate() *llmtest.Server {
	return llmtest.NewServer(llmtest.Config{
		Flex: llmtest.Schedule("..x"),
		Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
			if n%40 == 17 {
				return llmtest.Overloaded
			}
			return llmtest.NoFault
		}),
		Latency: 20 * time.Millisecond,
		Seed:    7,
	})
}

// makeUp writes a file of requests: questions of an evaluation, for three models.
func makeUp(path string, count int) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for n := range count {
		question := fmt.Sprintf("Question %d: what does a purse of %d pennies weigh?", n+1, 7*n+3)
		switch n % 3 {
		case 0, 1:
			model := []string{"gpt-5-mini", "gpt-5-nano"}[n%3]
			_, err = fmt.Fprintf(file, `{"custom_id":"question-%d","method":"POST","url":"/v1/chat/completions","body":{"model":"%s","max_completion_tokens":500,"messages":[{"role":"user","content":"%s"}]}}`+"\n", n+1, model, question)
		default:
			_, err = fmt.Fprintf(file, `{"key":"question-%d","request":{"contents":[{"role":"user","parts":[{"text":"%s"}]}],"generationConfig":{"maxOutputTokens":500}}}`+"\n", n+1, question)
		}
		if err != nil {
			return err
		}
	}
	return file.Close()
}

// A meter is what the simulated provider bills in this run.
type meter struct {
	cost   price.Sum
	double int // generations for a request that was billed before
}

// readMeter prices what the provider has metered, by the catalog.
func readMeter(provider *llmtest.Server) (m meter, err error) {
	seen := map[string]bool{}
	for _, g := range provider.Meter() {
		if seen[g.Call] {
			m.double++
		}
		seen[g.Call] = true
		tier := g.Tier
		if tier == "default" { // as OpenAI calls it
			tier = string(policy.Standard)
		}
		cost, err := price.Embedded().Cost(price.Query{Provider: g.Provider, Model: g.Model, Tier: tier, At: g.At},
			price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion, Reasoning: g.Reasoning})
		if err != nil {
			return m, fmt.Errorf("the meter: %w", err)
		}
		m.cost.Add(cost.Cost)
	}
	return m, nil
}
