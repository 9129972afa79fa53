package reuse

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/skinflint-go/skinflint/policy/price"
)

// anthropic are prices of a model with two times to live.
var anthropic = WriteRates{Input: 3_000_000, Cached: 300_000, Options: []WriteOption{
	{5 * time.Minute, 3_750_000}, {time.Hour, 6_000_000},
}}

const (
	short = 0 // indexes of the options
	long  = 1
)

// shared returns a prompt with a prefix that others have as well, and nodes of its own.
func shared(at time.Time, prefix uint64, nodes int, own uint64, fresh int) Prompt {
	p := Prompt{At: at, Least: 1024}
	for i := range nodes + fresh {
		hash := prefix<<32 | uint64(i)
		if i >= nodes {
			hash = 1<<63 | own<<20 | uint64(i)
		}
		p.Tokens += 500
		p.Nodes = append(p.Nodes, Node{hash, p.Tokens})
	}
	p.Tokens += 100
	return p
}

// prefixCache is a provider's, which begins a time to live again with each read.
type prefixCache struct {
	ends  map[uint64]time.Time
	lives map[uint64]time.Duration
}

func newPrefixCache() *prefixCache {
	return &prefixCache{make(map[uint64]time.Time), make(map[uint64]time.Duration)}
}

// serve returns what a prompt reads and writes.
func (c *prefixCache) serve(p Prompt, x *Writing, r WriteRates) (cached, written int64) {
	hit := 0
	for hit < len(p.Nodes) && !c.ends[p.Nodes[hit].Hash].Before(p.At) {
		hit++
	}
	for i, n := range p.Nodes {
		switch {
		case i < hit:
			cached = n.Tokens
		case i <= x.Node:
			c.lives[n.Hash] = r.Options[x.Option].TTL
			written = n.Tokens - cached
		default:
			return cached, written
		}
		c.ends[n.Hash] = p.At.Add(c.lives[n.Hash])
	}
	return cached, written
}

// TestWriterByArrivalRate has many prompts with the same instructions of 20 nodes. What is advised for these depends on how
// often they come.
func TestWriterByArrivalRate(t *testing.T) {
	for _, c := range []struct {
		every  time.Duration
		option int // -1: writes do not pay
	}{
		{time.Second, short}, {time.Minute, short}, {20 * time.Minute, long}, {40 * time.Minute, long}, {3 * time.Hour, -1},
	} {
		t.Run(c.every.String(), func(t *testing.T) {
			w, cache, random := NewWriter(WriterConfig{}), newPrefixCache(), rand.New(rand.NewPCG(1, 2))
			reads, writes := 0, [2]int{}
			at := start
			const warm, calls = 500, 800
			for i := range calls {
				at = at.Add(time.Duration((0.8 + 0.4*random.Float64()) * float64(c.every)))
				p := shared(at, 1, 20, uint64(i), 2)
				x := w.Arrive(p, anthropic)
				cached, written := cache.serve(p, x, anthropic)
				x.Answered(cached, written, at.Add(time.Second))
				if i < warm {
					continue
				}
				if x.Node >= 20 {
					t.Fatalf("call %d: node %d is written, which no other has", i, x.Node)
				}
				if cached > 9000 {
					reads++
				}
				if x.Node >= 0 {
					writes[x.Option]++
				}
			}
			switch {
			case c.option < 0 && writes != [2]int{}:
				t.Errorf("writes %v, want none", writes)
			case c.option >= 0 && reads < (calls-warm)*95/100:
				t.Errorf("%d of %d calls read the instructions, writes %v", reads, calls-warm, writes)
			case c.option == long && writes[short] > 0:
				t.Errorf("writes %v, want none for the short time", writes)
			case c.option == short && writes[long] > 0:
				t.Errorf("writes %v, want none for the long time", writes)
			}
		})
	}
}

// TestWriterNeedsEvidence has prompts that share nothing. None is written once a few were tried.
func TestWriterNeedsEvidence(t *testing.T) {
	w := NewWriter(WriterConfig{})
	written := 0
	for i := range 2000 {
		at := start.Add(time.Duration(i) * time.Second)
		x := w.Arrive(shared(at, uint64(i), 10, uint64(i), 0), anthropic)
		if x.Read >= 0 {
			t.Fatalf("call %d reads node %d", i, x.Read)
		}
		if x.Node >= 0 {
			written++
		}
		x.Answered(0, x.prefix(x.Node+1), at)
	}
	if written > 0 {
		t.Errorf("%d of 2000 prompts were written", written)
	}
}

// TestWriterLoss has traffic whose reuse ends from one call to the next, and then is rare. What writes lose stays within the
// budget at all times.
func TestWriterLoss(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 3))
		perMille := 1 + random.IntN(20)
		w, cache := NewWriter(WriterConfig{PerMille: perMille}), newPrefixCache()
		var lost, spend price.Pico
		for i := range 2000 {
			prefix := uint64(random.IntN(20))
			if i > 300 && random.Float64() > float64(seed)/40 {
				prefix = 1000 + uint64(i)
			}
			at := start.Add(time.Duration(i) * time.Duration(1+seed*5) * time.Second)
			p := shared(at, prefix, 1+random.IntN(20), uint64(i), random.IntN(3))
			x := w.Arrive(p, anthropic)
			cached, written := cache.serve(p, x, anthropic)
			x.Answered(cached, written, at)
			lost -= price.Pico(cached) * (anthropic.Input - anthropic.Cached)
			if written > 0 {
				lost += price.Pico(written) * (anthropic.Options[x.Option].Write - anthropic.Input)
			}
			if most := spend * price.Pico(perMille) / 1000; lost > max(most, 0)+1000*price.Pico(perMille) {
				t.Fatalf("seed %d, call %d: lost %v of %v, budget %d per mille", seed, i, lost, spend, perMille)
			}
			spend += price.Pico(p.Tokens) * anthropic.Input
		}
	}
}

// hot returns a Writer that writes the instructions of prompts that come every second, and the time of the next prompt.
func hot(t *testing.T) (w *Writer, at time.Time) {
	t.Helper()
	w, cache := NewWriter(WriterConfig{}), newPrefixCache()
	at = start
	for i := range 100 {
		p := shared(at, 1, 20, uint64(i), 1)
		x := w.Arrive(p, anthropic)
		cached, written := cache.serve(p, x, anthropic)
		x.Answered(cached, written, at)
		at = at.Add(time.Second)
	}
	x := w.Arrive(shared(at, 1, 20, 1000, 1), anthropic)
	if x.Read != 19 {
		t.Fatalf("reads node %d, want 19", x.Read)
	}
	x.Answered(10_000, 0, at)
	return w, at.Add(time.Second)
}

// TestWriterBelievesTheAnswer has a provider that lost its cache: the prefix is written again.
func TestWriterBelievesTheAnswer(t *testing.T) {
	w, at := hot(t)
	x := w.Arrive(shared(at, 1, 20, 2000, 1), anthropic)
	x.Answered(0, 0, at)
	x.Answered(10_000, 0, at) // counts no more
	x = w.Arrive(shared(at, 1, 20, 2001, 1), anthropic)
	if x.Read != -1 || x.Node != 19 {
		t.Fatalf("reads %d and writes %d, want -1 and 19", x.Read, x.Node)
	}
	x.Answered(0, 9000, at) // counted a little differently
	if x = w.Arrive(shared(at, 1, 20, 2002, 1), anthropic); x.Read != 19 || x.Node != -1 {
		t.Errorf("reads %d and writes %d, want 19 and -1", x.Read, x.Node)
	}
}

// TestWriterFailed has a write that never happened: it costs nothing, and the next prompt writes.
func TestWriterFailed(t *testing.T) {
	w, at := hot(t)
	at = at.Add(time.Hour)
	before := w.purse
	x := w.Arrive(shared(at, 1, 20, 2000, 1), anthropic)
	if x.Node != 19 || w.purse.reserved != x.cost || x.cost != 10_000*(anthropic.Options[x.Option].Write-anthropic.Input) {
		t.Fatalf("writes %d for %v, open %v", x.Node, x.cost, w.purse.reserved)
	}
	x.Failed()
	x.Failed()
	if w.purse.reserved != 0 || w.purse.earned != before.earned || w.purse.spend != before.spend {
		t.Errorf("open %v, %+v, want 0, %+v", w.purse.reserved, w.purse, before)
	}
	if x = w.Arrive(shared(at, 1, 20, 2001, 1), anthropic); x.Read != -1 || x.Node != 19 {
		t.Errorf("reads %d and writes %d, want -1 and 19", x.Read, x.Node)
	}
}

// TestWriterLongerPrefix has a prefix of which most is in the cache. Whether the rest was written is what the answer says.
func TestWriterLongerPrefix(t *testing.T) {
	for name, c := range map[string]struct {
		finish func(x *Writing, at time.Time)
		read   int // node that the next prompt should read
	}{
		"written":           {func(x *Writing, at time.Time) { x.Answered(10_000, 2500, at) }, 24},
		"counted lower":     {func(x *Writing, at time.Time) { x.Answered(8000, 2000, at) }, 24},
		"written by others": {func(x *Writing, at time.Time) { x.Answered(12_500, 0, at) }, 24},
		"all written again": {func(x *Writing, at time.Time) { x.Answered(0, 12_500, at) }, -1},
		"not written":       {func(x *Writing, at time.Time) { x.Answered(10_000, 0, at) }, 19},
		"failed":            {func(x *Writing, _ time.Time) { x.Failed() }, 19},
		"nothing there":     {func(x *Writing, at time.Time) { x.Answered(0, 0, at) }, -1},
	} {
		w, at := hot(t)
		for i := uint64(0); ; i++ {
			at = at.Add(time.Second)
			x := w.Arrive(shared(at, 1, 25, 5000+i, 1), anthropic)
			if x.Read != 19 || i > 100 {
				t.Fatalf("%s: call %d reads %d, want 19", name, i, x.Read)
			}
			if x.Node == 24 {
				c.finish(x, at)
				break
			}
			x.Answered(10_000, 0, at)
		}
		if x := w.Arrive(shared(at, 1, 25, 9000, 1), anthropic); x.Read != c.read {
			t.Errorf("%s: reads %d, want %d", name, x.Read, c.read)
		}
	}
}

// TestWriterShorterAfterLonger has a prefix in the cache for five minutes: what comes after it is not advised for an hour.
func TestWriterShorterAfterLonger(t *testing.T) {
	w, at := hot(t)
	both := anthropic
	both.Options = []WriteOption{{5 * time.Minute, 3_750_000}, {time.Hour, 3_750_000}} // the hour costs nothing more
	for i := range 200 {
		p := shared(at.Add(time.Duration(i)*time.Minute), 1, 20, uint64(5000+i/2), 5)
		x := w.Arrive(p, both)
		if x.Node > x.Read && x.Read >= 0 && x.Option == long {
			t.Fatalf("call %d: an hour is advised after node %d", i, x.Read)
		}
		x.Answered(p.Tokens, 0, p.At)
	}
}

// checkPossible fails the test if a provider could not do what is advised.
func checkPossible(t *testing.T, name string, x *Writing, p Prompt, r WriteRates) {
	t.Helper()
	switch {
	case x.Read < -1 || x.Read >= len(p.Nodes) || x.Node < -1 || x.Node >= len(p.Nodes):
		t.Errorf("%s: reads %d and writes %d of %d nodes", name, x.Read, x.Node, len(p.Nodes))
	case x.Node >= 0 && (x.Node <= x.Read || p.Nodes[x.Node].Tokens < p.Least || x.Option >= len(r.Options)):
		t.Errorf("%s: reads %d, writes %d with option %d", name, x.Read, x.Node, x.Option)
	}
}

func TestWriterBadInput(t *testing.T) {
	w, at := hot(t)
	good := shared(at, 1, 20, 1, 2)
	for name, p := range map[string]Prompt{
		"nothing":            {},
		"no nodes":           {At: at, Tokens: 100},
		"negative":           {At: at, Tokens: -5},
		"negative nodes":     {At: at, Nodes: []Node{{1, -5}, {2, -4}}},
		"nodes out of order": {At: at, Nodes: []Node{{1, 5}, {2, 4}, {3, 6}}, Tokens: 3},
		"huge":               {At: at, Nodes: []Node{{1, 1 << 62}}, Tokens: 1 << 62, Least: 1 << 40},
		"the past":           {At: start.Add(-1000 * time.Hour), Nodes: good.Nodes, Tokens: good.Tokens},
		"the far future":     {At: start.AddDate(5000, 0, 0), Nodes: good.Nodes, Tokens: good.Tokens},
		"before the past":    good,
	} {
		for rate, r := range map[string]WriteRates{
			"none": {}, "no options": {Input: 10, Cached: 1}, "dear reads": {Input: 10, Cached: 10, Options: anthropic.Options},
			"negative": {Input: -10, Cached: -20, Options: []WriteOption{{-1, -5}}}, "no time": {Input: 10, Cached: 1, Options: []WriteOption{{0, 12}}},
			"free": {Input: 10, Cached: 0, Options: []WriteOption{{time.Hour, 0}}},
			"many": {Input: 10, Cached: 1, Options: make([]WriteOption, 50)}, "good": anthropic,
			"huge": {Input: 1 << 62, Cached: 1, Options: []WriteOption{{1 << 62, 1<<63 - 1}}},
		} {
			x := w.Arrive(p, r)
			checkPossible(t, name+", rates "+rate, x, p, r)
			if (rate == "none" || rate == "no options" || rate == "dear reads" || rate == "negative" || rate == "no time") && x.Node >= 0 {
				t.Errorf("%s, rates %s: writes node %d", name, rate, x.Node)
			}
			before := w.purse.spend
			x.Answered(-5, 1<<62, p.At)
			if !r.ok() && w.purse.spend > before {
				t.Errorf("%s, rates %s: spend %v", name, rate, w.purse.spend)
			}
		}
	}
	if w.purse.reserved != 0 {
		t.Errorf("open %v", w.purse.reserved)
	}
}

// TestWriterBounded has more prefixes than are remembered. What is used again and again stays.
func TestWriterBounded(t *testing.T) {
	w := NewWriter(WriterConfig{Blocks: 1000})
	for i := range 5000 {
		at := start.Add(time.Duration(i) * time.Second)
		x := w.Arrive(shared(at, 1, 10, uint64(i), 10), anthropic)
		if i > 1000 && x.Node < 0 && x.Read < 0 {
			t.Fatalf("call %d neither reads nor writes", i)
		}
		x.Answered(x.prefix(x.Read+1), x.prefix(x.Node+1)-x.prefix(min(x.Node, x.Read)+1), at)
	}
	if n := len(w.prefixes.slots); n != 1000 {
		t.Errorf("%d prefixes are remembered, want 1000", n)
	}
	if n := len(w.learner.records); n > 500 {
		t.Errorf("%d uses wait, want at most 500", n)
	}
	perBlock := unsafe.Sizeof(slot[written]{}) + 8 + unsafe.Sizeof(record{})/blocksPerRecord
	t.Logf("%d bytes for each prefix", perBlock)
}

// TestWriterAnyOrder has requests that are answered, or fail, in any order and more than once. What is advised is always
// possible, and all that was reserved is free at the end.
func TestWriterAnyOrder(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 5))
		w := NewWriter(WriterConfig{Blocks: 100 + random.IntN(400), PerMille: 1 + random.IntN(100)})
		var open []*Writing
		at := start
		for i := range 1000 {
			at = at.Add(time.Duration(random.ExpFloat64() * float64(20*time.Second)))
			p := shared(at, uint64(random.IntN(5)), random.IntN(20), uint64(i), random.IntN(5))
			x := w.Arrive(p, anthropic)
			checkPossible(t, fmt.Sprintf("seed %d, call %d", seed, i), x, p, anthropic)
			open = append(open, x)
			for len(open) > 0 && random.IntN(3) > 0 {
				k := random.IntN(len(open))
				if random.IntN(4) == 0 {
					open[k].Failed()
				} else {
					open[k].Answered(random.Int64N(12_000), random.Int64N(12_000), at)
				}
				if random.IntN(4) > 0 {
					open = append(open[:k], open[k+1:]...)
				}
			}
			if w.purse.reserved < 0 {
				t.Fatalf("seed %d, call %d: %v is reserved", seed, i, w.purse.reserved)
			}
		}
		for _, x := range open {
			x.Failed()
		}
		if w.purse.reserved != 0 {
			t.Errorf("seed %d: %v is reserved", seed, w.purse.reserved)
		}
	}
}

func TestWriterConcurrent(t *testing.T) {
	w := NewWriter(WriterConfig{Blocks: 500})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				at := start.Add(time.Duration(i) * time.Second)
				x := w.Arrive(shared(at, uint64(i%3), 10, uint64(g*1000+i), 3), anthropic)
				if i%7 == 0 {
					x.Failed()
				}
				x.Answered(x.prefix(x.Read+1), 0, at)
			}
		})
	}
	wg.Wait()
	if w.purse.reserved != 0 {
		t.Errorf("open %v", w.purse.reserved)
	}
}

func BenchmarkWriter(b *testing.B) {
	for _, nodes := range []int{10, 100} {
		b.Run(fmt.Sprintf("%d nodes", nodes), func(b *testing.B) {
			w := NewWriter(WriterConfig{})
			prompts := make([]Prompt, 10_000)
			for i := range prompts {
				prompts[i] = shared(start, uint64(i%100), nodes/2, uint64(i), nodes-nodes/2)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p := prompts[i%len(prompts)]
				p.At = start.Add(time.Duration(i) * time.Second)
				x := w.Arrive(p, anthropic)
				x.Answered(x.prefix(x.Read+1), 0, p.At)
			}
		})
	}
}

// TestWriterOfForgetfulProvider has providers that keep little of what is written, or nothing, or do not say what they wrote.
// The marks by which a prefix is read write it again, and the loss budget counts that.
func TestWriterOfForgetfulProvider(t *testing.T) {
	for _, keys := range []int{0, 2, 8, 50, -1} { // caches that the requests are spread over; 0: nothing is kept; -1: nothing is said
		t.Run(fmt.Sprint(keys), func(t *testing.T) {
			w, random := NewWriter(WriterConfig{}), rand.New(rand.NewPCG(1, 2))
			caches := make([]*prefixCache, max(keys, 0))
			for i := range caches {
				caches[i] = newPrefixCache()
			}
			var lost, spend price.Pico
			for i := range 3000 {
				p := shared(start.Add(time.Duration(i)*20*time.Second), 1, 20, uint64(i), 1)
				x := w.Arrive(p, anthropic)
				marked := *x
				marked.Node = max(x.Node, x.Read)
				cache := newPrefixCache()
				if keys > 0 {
					cache = caches[random.IntN(keys)]
				}
				cached, written := cache.serve(p, &marked, anthropic)
				if x.Read < 0 && x.Node < 0 { // without a mark nothing is read
					cached, written = 0, 0
				}
				if keys >= 0 {
					x.Answered(cached, written, p.At.Add(time.Second))
				} else {
					x.Unknown(p.At.Add(time.Second))
				}
				lost += times(written, anthropic.Options[x.Option].Write-anthropic.Input) - times(cached, anthropic.Input-anthropic.Cached)
				spend += times(p.Tokens, anthropic.Input)
			}
			if lost*1000 > 10*spend {
				t.Errorf("lost %d per mille", lost*1000/spend)
			}
		})
	}
}

// TestWriterAtTheEnd has prompts exactly as far apart as the time to live: the provider may have the prefix, or not any more.
func TestWriterAtTheEnd(t *testing.T) {
	w, at := hot(t)
	w.Arrive(shared(at, 1, 20, 2000, 1), anthropic).Answered(10_000, 0, at)
	if x := w.Arrive(shared(at.Add(5*time.Minute), 1, 20, 2001, 1), anthropic); x.Read != -1 {
		t.Errorf("reads node %d", x.Read)
	}
}
