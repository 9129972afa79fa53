package llmtest

import (
	"slices"
	"strings"
)

// measure counts the tokens of a request. Completion and Reasoning depend only on the
// seed and on what is asked, so the same call has the same price each time.
func measure(p *params, seed uint64, cachedPercent int) Generation {
	g := Generation{
		Provider: p.provider, Operation: p.operation, Model: p.model, Tier: p.servedTier,
		Cache: p.cache, Call: p.call, Prompt: p.prompt(), Cached: p.cached,
	}
	if p.readOnly {
		return g
	}
	if g.Prompt >= 1024 && p.cache == "" && (p.prompted == nil || p.prompted.rules == nil) {
		share := g.Prompt * int64(min(max(cachedPercent, 0), 100)) / 100
		g.Cached = share / 128 * 128
	}
	g.Completion = 8 + int64(draw(seed, fold(p.call))%200)
	if p.maxTokens > 0 {
		g.Completion = min(g.Completion, p.maxTokens)
	}
	if p.thinking || reasons(p.model) && !p.noThinking {
		g.Reasoning = g.Completion / 2
	}
	return g
}

// reasoningModels are prefixes of the names of models that think before they write.
var reasoningModels = []string{"o", "gpt-5", "gpt-6", "gemini-2.5", "gemini-3"}

// reasons reports whether a model thinks unless it is asked not to.
func reasons(model string) bool {
	return slices.ContainsFunc(reasoningModels, func(prefix string) bool { return strings.HasPrefix(model, prefix) })
}

// vocabulary holds the words that simulated models write.
var vocabulary = strings.Fields("a penny saved is money that need not be earned twice so count it well")

// textOf returns the content of a response in n pieces; 8 if n <= 0.
func textOf(g Generation, n int) []string {
	if n <= 0 {
		n = 8
	}
	from := fold(g.Call) % uint64(len(vocabulary))
	pieces := make([]string, n)
	for i := range pieces {
		pieces[i] = vocabulary[(from+uint64(i))%uint64(len(vocabulary))]
		if i > 0 {
			pieces[i] = " " + pieces[i]
		}
	}
	return pieces
}
