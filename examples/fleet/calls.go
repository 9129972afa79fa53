package main

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A kind is a kind of call: what it asks for, and what the simulated provider answers.
type kind struct {
	model     string
	maxTokens int64
	prompt    int64 // tokens
	answer    int64

	// Picodollars for a token, from OpenAI's price page of November 2026. They are written down here, so that the price of what
	// the meter shows does not come from the library's catalog.
	in, out price.Pico
}

// The kinds of the two parts of a run. Their answers are nearly as long as the request allows: budgets hold the most that a call
// can cost, so calls that allow much more than they use could not spend a budget to its end.
var (
	cheap = kind{model: "gpt-5-nano", maxTokens: 200, prompt: 40, answer: 190, in: 50_000, out: 400_000}
	dear  = kind{model: "gpt-5-mini", maxTokens: 400, prompt: 40, answer: 380, in: 250_000, out: 2_000_000}
)

// tokensPerCall is more than a call of either kind uses, so that the limit on tokens does not hold calls back.
const tokensPerCall = 600

// cost returns what a call costs.
func (k kind) cost() price.Pico { return price.Pico(k.prompt)*k.in + price.Pico(k.answer)*k.out }

// body returns the nth request of a worker.
func (k kind) body(worker, n int) string {
	return fmt.Sprintf(`{"model":%q,"max_completion_tokens":%d,"messages":[{"role":"user","content":"Worker %d asks %d times: is it cheaper by the dozen?"}]}`,
		k.model, k.maxTokens, worker, n)
}

// latency is how long the provider takes for an answer.
const latency = 400 * time.Millisecond

// workerHeader says which worker has sent a request.
const workerHeader = "X-Fleet-Worker"

// startProvider starts a provider with the limits of the agreement, which has a meter.
func startProvider(a *agreement) *llmtest.Server {
	return llmtest.NewServer(llmtest.Config{
		RequestsPerMinute: a.RPM, TokensPerMinute: a.TPM, Latency: latency, Seed: 7,
		Reply: func(t llmtest.Turn) llmtest.Reply {
			k := cheap
			if t.Model == dear.model {
				k = dear
			}
			return llmtest.Reply{Text: "A dozen is twelve.", Usage: &llmtest.Usage{Prompt: k.prompt, Completion: k.answer}}
		},
	})
}

// priceMeter returns what the provider bills.
func priceMeter(meter []llmtest.Generation) (sum price.Pico, err error) {
	for _, g := range meter {
		k := cheap
		if g.Model == dear.model {
			k = dear
		}
		if g.Model != k.model || g.Tier != "default" || g.Cached > 0 {
			return 0, fmt.Errorf("no price for %s on tier %s with %d cached tokens", g.Model, g.Tier, g.Cached)
		}
		sum += price.Pico(g.Prompt)*k.in + price.Pico(g.Completion)*k.out
	}
	return sum, nil
}
