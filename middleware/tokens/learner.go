package tokens

import (
	"sync"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A Learner knows from answers how far estimates are off, how much of the input is read from caches, and how many tokens of
// output there are, for each provider, operation and model. It remembers 1,024 of these, and forgets the one that was unused for longest.
//
// The zero Learner knows nothing and is ready for use. It is safe for concurrent use.
type Learner struct {
	mu     sync.Mutex
	models map[modelKey]*learned
	clock  uint64 // counts uses
}

type modelKey struct{ provider, operation, model string }

const (
	maxModels    = 1024
	maxModelName = 256 // bytes; nothing is learned of a model with a longer name
)

// learned is what is known of one model.
type learned struct {
	used   uint64
	input  rates // tokens that the provider counted, for each that was estimated
	fresh  rate  // tokens that were not read from a cache, for each that was counted
	output outputs
}

// Asked returns what an attempt takes from limits on tokens before it is sent.
//
// Its input is the estimate, corrected by what answers have reported. Where the provider does not count what it reads from a
// cache, the usual share of that is left out.
//
// Its output is the limit that the request sets, for all answers that it asks for, where the provider counts that limit.
// Elsewhere, and if the request sets none, it is what nine of ten answers stay within: 1,000 tokens for each at first, and
// never more than the request's limit, or than maxOutput: the most that the model gives in one answer, or 0 if that is not
// known.
func (l *Learner) Asked(c *wire.Call, m wire.Metering, e Estimate, maxOutput int64) limit.Tokens {
	var known learned
	l.mu.Lock()
	if k := l.models[keyOf(c)]; k != nil {
		l.clock++
		k.used = l.clock
		known = *k
	}
	l.mu.Unlock()

	own := bounded(e.Text) + bounded(e.Media)
	asked := limit.Tokens{Input: known.input.of(own) + bounded(e.Held)}
	if m.WithoutCached {
		asked.Input = known.fresh.of(known.input.of(own))
	}
	if m.WithoutOutput || c.NoOutput {
		return asked
	}
	stated := statedOutput(c)
	if stated > 0 && (m.Reserves || m.Holds) {
		asked.Output = stated
		if m.Larger {
			asked.Output = max(0, stated-asked.Input)
		}
		return asked
	}
	each := known.output.most()
	if maxOutput > 0 {
		each = min(each, maxOutput)
	}
	asked.Output = times(each, max(c.Choices, 1))
	if stated > 0 {
		asked.Output = min(asked.Output, stated)
	}
	return asked
}

// Learn takes an attempt's row into account: that of a complete answer whose usage was measured. Other rows change nothing.
func (l *Learner) Learn(c *wire.Call, e Estimate, row *ledger.Row) {
	if row == nil || row.Outcome != policy.Billed || row.UsageSource != ledger.Measured || len(c.Model) > maxModelName {
		return
	}
	prompt, cached := max(row.Usage.Prompt(), 0), cachedInput(&row.Usage)
	own := bounded(e.Text) + bounded(e.Media)
	actual := prompt
	if e.Held > 0 { // what the context cache holds is no part of the body
		actual = max(prompt-cached, 0)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.model(keyOf(c))
	k.input.learn(actual, own)
	k.fresh.learn(max(prompt-cached, 0), prompt)
	if !c.NoOutput {
		k.output.add(outputOf(&row.Usage) / max(c.Choices, 1))
	}
}

// model returns what is known of a model, and makes room for it if it is new.
func (l *Learner) model(key modelKey) *learned {
	l.clock++
	k := l.models[key]
	if k == nil {
		if l.models == nil {
			l.models = make(map[modelKey]*learned)
		}
		if len(l.models) >= maxModels {
			l.forget()
		}
		k = new(learned)
		l.models[key] = k
	}
	k.used = l.clock
	return k
}

// forget forgets the model that was unused for longest.
func (l *Learner) forget() {
	var oldest modelKey
	used := l.clock + 1
	for key, k := range l.models {
		if k.used < used {
			oldest, used = key, k.used
		}
	}
	delete(l.models, oldest)
}

func keyOf(c *wire.Call) modelKey { return modelKey{c.Provider, c.Operation, c.Model} }

// maxTokens is more than any count: products of it with a rate do not overflow.
const maxTokens = 1 << 40

func bounded(n int64) int64 { return min(max(n, 0), maxTokens) }

// times returns a product of counts, or maxTokens if it is more.
func times(a, b int64) int64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	if a > maxTokens/b {
		return maxTokens
	}
	return a * b
}

// statedOutput returns the limit that a request sets on its output; 0 if it sets none.
func statedOutput(c *wire.Call) int64 { return times(bounded(c.MaxOutput), max(c.Choices, 1)) }
