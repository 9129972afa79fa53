package main

import (
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A product is a priced prefix cache with one time to live, which begins again with each read. A prompt reads the longest
// prefix of whole blocks that is in the cache.
type product struct {
	name  string
	rates reuse.WriteRates
	least int64 // tokens of a prompt that the provider writes
}

// The prices are those of a model whose input costs a dollar per million tokens.
var products = []product{
	{"5m", writeRates(10, 125, 5*time.Minute), 1024},
	{"30m", writeRates(5, 125, 30*time.Minute), 1024},
	{"1h", writeRates(10, 200, time.Hour), 1024},
	{"12h", writeRates(5, 250, 12*time.Hour), 1024},
}

// writeRates are prices in percent of the input price.
func writeRates(cached, write price.Pico, ttl time.Duration) reuse.WriteRates {
	const percent = 10_000
	return reuse.WriteRates{
		Input: 100 * percent, Cached: cached * percent, Options: []reuse.WriteOption{{TTL: ttl, Write: write * percent}},
	}
}

func (p *product) ttl() time.Duration { return p.rates.Options[0].TTL }

// cost is what a prompt costs of which so many tokens are read and so many written.
func (p *product) cost(tokens, read, written int64) price.Pico {
	return price.Pico(read)*p.rates.Cached + price.Pico(written)*p.rates.Options[0].Write +
		price.Pico(tokens-read-written)*p.rates.Input
}

// never is what requests cost that write nothing.
func (p *product) never(requests []request) (sum price.Pico) {
	for i := range requests {
		sum += p.cost(requests[i].tokens, 0, 0)
	}
	return sum
}

// writePolicy decides how many blocks of a request to have in the cache after it, and gets what the provider read and
// wrote.
type writePolicy interface {
	arrive(r *request, at time.Duration) (blocks int)
	answered(read, written int64, at time.Duration)
}

// run returns what the requests from a time on cost with a policy. At that time the provider's cache is emptied.
func (p *product) run(requests []request, scale float64, begin time.Duration, policy writePolicy) (sum price.Pico) {
	ends := make(map[uint64]time.Duration) // of the blocks in the cache
	began := false
	for i := range requests {
		r := &requests[i]
		at := time.Duration(float64(r.at) * scale)
		if !began && r.at >= begin {
			began = true
			clear(ends)
			sum = 0
		}
		hit := 0
		for hit < len(r.blocks) {
			if end, ok := ends[r.blocks[hit]]; !ok || end < at {
				break
			}
			hit++
		}
		want := max(hit, policy.arrive(r, at))
		read := min(r.tokens, int64(hit)*block)
		written := min(r.tokens, int64(want)*block) - read
		sum += p.cost(r.tokens, read, written)
		for _, id := range r.blocks[:want] {
			ends[id] = at + p.ttl()
		}
		policy.answered(read, written, at)
	}
	return sum
}

// always writes every prompt.
type always struct{}

func (always) arrive(r *request, _ time.Duration) int        { return len(r.blocks) }
func (always) answered(read, written int64, _ time.Duration) {}

// learned is our policy.
type learned struct {
	writer *reuse.Writer
	product
	writing *reuse.Writing
}

func newLearned(p product) *learned {
	return &learned{writer: reuse.NewWriter(reuse.WriterConfig{}), product: p}
}

var epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

func (l *learned) arrive(r *request, at time.Duration) int {
	l.writing = l.writer.Arrive(reuse.Prompt{At: epoch.Add(at), Nodes: r.nodes(), Tokens: r.tokens, Least: l.least}, l.rates)
	return l.writing.Node + 1
}

func (l *learned) answered(read, written int64, at time.Duration) {
	l.writing.Answered(read, written, epoch.Add(at))
}

// clairvoyant returns the least that requests can cost, with the future known. It finds the best choice for each block by
// itself: at each use the block is in the cache and is read, or it is written, or it is not. "Write what is read again before
// its time to live ends" is not the best: where a write costs more than a read saves, it pays only if there are more reads.
//
// No policy costs less, because in life a block is only read if all blocks before it are. It can be reached, because the uses
// of a block are uses of those before it as well.
func (p *product) clairvoyant(requests []request, scale float64) (sum price.Pico) {
	states := make(map[uint64]choice)
	for i := range requests {
		r := &requests[i]
		at := time.Duration(float64(r.at) * scale)
		for b, id := range r.blocks {
			tokens := min(block, r.tokens-int64(b)*block)
			if tokens <= 0 {
				break
			}
			before, seen := states[id]
			states[id] = p.choose(before, seen, tokens, at)
		}
	}
	for _, s := range states {
		sum += min(s.out, s.in)
	}
	return sum
}

// A choice is the least that all uses of a block cost so far, if after the latest it is in the cache or not.
type choice struct {
	in, out price.Pico
	at      time.Duration
}

func (p *product) choose(before choice, seen bool, tokens int64, at time.Duration) choice {
	least := min(before.in, before.out)
	after := choice{in: least + p.cost(tokens, 0, tokens), out: least + p.cost(tokens, 0, 0), at: at}
	if seen && at-before.at <= p.ttl() {
		after.in = min(after.in, before.in+p.cost(tokens, tokens, 0))
	}
	return after
}
