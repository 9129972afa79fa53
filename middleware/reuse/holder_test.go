package reuse

import (
	"cmp"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

var (
	start = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	pro   = Rates{Input: 1_250_000, Cached: 125_000, Storage: 4_500_000}
)

// prompt returns a prompt of blocks of 512 tokens. Each hash stands for all up to its block.
func prompt(at time.Time, blocks ...uint64) Prompt {
	p := Prompt{At: at, Least: 2048}
	hash := uint64(14695981039346656037)
	for _, b := range blocks {
		hash = (hash ^ b) * 1099511628211
		p.Tokens += 512
		p.Nodes = append(p.Nodes, Node{hash, p.Tokens})
	}
	return p
}

// run returns blocks that no other call of it with another first number has.
func run(first, n uint64) (blocks []uint64) {
	for i := range n {
		blocks = append(blocks, first<<20+i)
	}
	return blocks
}

// A provider holds caches, and charges for them exactly.
type provider struct {
	t       *testing.T
	holder  *Holder
	rates   Rates
	caches  map[uint64]*cache
	cost    price.Sum // of prompts, creations and storage
	without price.Sum // of the same prompts
	most    int       // caches alive at once
	origin  time.Time
}

func newProvider(t *testing.T, config HolderConfig) *provider {
	return &provider{t: t, holder: NewHolder(config), rates: pro, caches: make(map[uint64]*cache), origin: start}
}

func (p *provider) end(c *cache, at time.Time) {
	p.cost.Add(rent(c.tokens, min(at.Sub(p.origin), c.until)-c.from, p.rates.Storage))
	delete(p.caches, c.hash)
}

func (p *provider) expire(at time.Time) {
	for _, c := range p.caches {
		if c.until <= at.Sub(p.origin) {
			p.end(c, at)
		}
	}
}

func (p *provider) follow(changes []Change, at time.Time) {
	for _, change := range changes {
		c := p.caches[change.Hash]
		switch {
		case c == nil:
			p.t.Fatalf("advice about cache %d, which is not there", change.Hash)
		case change.Until.IsZero():
			p.end(c, at)
		default:
			if !change.Until.After(at) {
				p.t.Fatalf("a cache is to end at %v, and it is %v", change.Until, at)
			}
			c.until = change.Until.Sub(p.origin)
			p.holder.Extended(change.Hash, change.Until)
		}
	}
}

// call makes a call. repeated is how many of its tokens the provider may have cached by itself; none of them are.
func (p *provider) call(q Prompt, mode Mode, output int64) *Visit {
	p.expire(q.At)
	v := p.holder.Arrive(q, p.rates, mode)
	p.follow(v.Changes, q.At)
	var served int64
	if v.Read != nil {
		if p.caches[v.Read.Hash] == nil {
			p.t.Fatal("advice to read a cache that is not there")
		}
		served = v.Read.Tokens
	}
	if v.Create != nil {
		node := q.Nodes[v.Create.Node]
		if p.caches[node.Hash] != nil || node.Tokens < q.Least || v.Create.For <= 0 {
			p.t.Fatalf("bad advice to create %+v", *v.Create)
		}
		at := q.At.Sub(p.origin)
		p.caches[node.Hash] = &cache{hash: node.Hash, tokens: node.Tokens, from: at, until: at + v.Create.For}
		p.cost.Add(times(node.Tokens, cmp.Or(p.rates.Create, p.rates.Input)))
		p.most = max(p.most, len(p.caches))
		v.Made(node.Tokens, q.At, q.At.Add(v.Create.For))
		if mode == Before {
			served = node.Tokens
		}
	}
	p.without.Add(times(q.Tokens, p.rates.Input))
	p.cost.Add(times(served, p.rates.Cached))
	p.cost.Add(times(q.Tokens-served, p.rates.Input))
	p.follow(v.Answered(q.At, output, served), q.At)
	return v
}

func (p *provider) close(at time.Time) {
	for _, c := range p.caches {
		p.end(c, at)
	}
}

// lost returns how much more than nothing the caches cost, in millionths of what the calls would have cost without.
func (p *provider) lost() int64 {
	lost, _ := p.cost.Minus(p.without).Pico()
	without, _ := p.without.Pico()
	return int64(float64(lost) / float64(without) * 1e6)
}

// Instructions that all calls share are cached, and the cache earns.
func TestHolderSharedInstructions(t *testing.T) {
	for _, mode := range []Mode{Before, Beside} {
		p := newProvider(t, HolderConfig{})
		random := rand.New(rand.NewPCG(1, 2))
		shared, at := run(1, 20), start
		for i := range 2000 {
			at = at.Add(time.Duration(random.ExpFloat64() * float64(10*time.Second)))
			p.call(prompt(at, append(shared, run(100+uint64(i), 2)...)...), mode, 100)
		}
		p.close(at)
		if saved := -p.lost(); saved < 500_000 {
			t.Errorf("mode %d: saved %.3f of the cost, want more than half", mode, float64(saved)/1e6)
		}
		report := p.holder.Report(at)
		if first := report.Prefixes[0]; first.Tokens != 20*512 || first.Explicit < 1500 || first.Net.Sign() <= 0 {
			t.Errorf("mode %d: %+v", mode, first)
		}
	}
}

// Prompts that never come again are not cached for long.
func TestHolderNothingRepeats(t *testing.T) {
	for _, mode := range []Mode{Before, Beside} {
		p := newProvider(t, HolderConfig{})
		at := start
		for i := range 3000 {
			at = at.Add(5 * time.Second)
			p.call(prompt(at, run(uint64(i), 10)...), mode, 100)
			p.follow(p.holder.Tick(at), at)
		}
		p.close(at)
		if lost := p.lost(); lost > 8000 {
			t.Errorf("mode %d: lost %.4f of the cost", mode, float64(lost)/1e6)
		}
	}
}

// A failed creation is not tried again at once, and later only ever more rarely.
func TestHolderFailedCreation(t *testing.T) {
	h := NewHolder(HolderConfig{PerMille: 1000})
	shared, at := run(1, 20), start
	tries := 0
	for range 2000 {
		at = at.Add(3 * time.Second)
		v := h.Arrive(prompt(at, shared...), pro, Before)
		if v.Create != nil {
			tries++
			v.NotMade(at)
		}
		v.Answered(at, 10, 0)
	}
	if tries < 2 || tries > 8 {
		t.Errorf("%d tries in %v", tries, at.Sub(start))
	}
}

// A prefix with too few tokens is never cached.
func TestHolderLeast(t *testing.T) {
	h := NewHolder(HolderConfig{})
	at := start
	for i := range 1000 {
		at = at.Add(time.Second)
		q := prompt(at, append(run(1, 5), run(uint64(i)+2, 2)...)...)
		q.Least = 100_000
		if v := h.Arrive(q, pro, Before); v.Create != nil {
			t.Fatalf("request %d: %+v", i, *v.Create)
		} else {
			v.Answered(at, 10, 0)
		}
	}
}

// Prices by which a cache cannot earn.
func TestHolderRates(t *testing.T) {
	for _, r := range []Rates{{}, {Input: 10, Cached: 10}, {Input: 10, Cached: 11}, {Input: -1}, {Input: 10, Cached: 1, Storage: -1}, {Input: 10, Cached: 1, Create: -1}} {
		h := NewHolder(HolderConfig{})
		for range 500 {
			v := h.Arrive(prompt(start, run(1, 20)...), r, Before)
			if v.Create != nil {
				t.Fatalf("%+v: %+v", r, *v.Create)
			}
			v.Answered(start, 1, 1)
		}
	}
}

// Where the provider caches by itself, an explicit cache earns nothing.
func TestHolderImplicitHits(t *testing.T) {
	h := NewHolder(HolderConfig{})
	shared, at, created := run(1, 20), start, 0
	for i := range 2000 {
		at = at.Add(5 * time.Second)
		v := h.Arrive(prompt(at, append(shared, run(uint64(i)+2, 2)...)...), pro, Never)
		v.Answered(at, 100, 20*512)
	}
	for i := range 500 {
		at = at.Add(5 * time.Second)
		v := h.Arrive(prompt(at, append(shared, run(uint64(i)+5000, 2)...)...), pro, Beside)
		if v.Create != nil {
			created++
		}
		v.Answered(at, 100, 20*512)
	}
	if r := h.Report(at); created > 0 || r.Implicit < 2400 || r.Asked < r.Implicit {
		t.Errorf("created %d; %+v", created, r)
	}
}

// Two requests that overlap do not create the same cache twice.
func TestHolderOverlap(t *testing.T) {
	h := NewHolder(HolderConfig{PerMille: 1000})
	at := start
	var creating *Visit
	for range 200 {
		at = at.Add(time.Second)
		v := h.Arrive(prompt(at, run(1, 20)...), pro, Before)
		if v.Create == nil {
			v.Answered(at, 10, 0)
			continue
		}
		creating = v
		break
	}
	if creating == nil {
		t.Fatal("nothing was created")
	}
	second := h.Arrive(prompt(at, run(1, 20)...), pro, Before)
	if second.Create != nil || second.Read != nil {
		t.Fatalf("the second: %+v", second)
	}
	creating.Made(0, at, at.Add(time.Hour))
	third := h.Arrive(prompt(at, run(1, 20)...), pro, Before)
	if third.Read == nil || third.Read.Tokens != 20*512 {
		t.Fatalf("the third: %+v", third)
	}
	second.Answered(at, 10, 0)
	if changes := creating.Answered(at, 10, 20*512); changes != nil {
		t.Errorf("the first changes a cache that serves a later request: %v", changes)
	}
	third.Answered(at, 10, 20*512)
}

// What is created late counts all the same.
func TestHolderMadeLate(t *testing.T) {
	h := NewHolder(HolderConfig{PerMille: 1000})
	at := start
	for {
		at = at.Add(time.Second)
		v := h.Arrive(prompt(at, run(1, 20)...), pro, Before)
		if v.Create == nil {
			v.Answered(at, 10, 0)
			continue
		}
		at = at.Add(10 * time.Minute)
		h.Tick(at)
		v.Made(0, at, at.Add(time.Hour))
		break
	}
	v := h.Arrive(prompt(at, run(1, 20)...), pro, Before)
	if v.Read == nil {
		t.Error("the cache is not read")
	}
}

// A clock that jumps neither panics nor creates for ever, and a cache does not outlive its time.
func TestHolderClock(t *testing.T) {
	p := newProvider(t, HolderConfig{})
	random := rand.New(rand.NewPCG(3, 4))
	at := start
	created := 0
	for i := range 3000 {
		switch random.IntN(50) {
		case 0:
			at = at.Add(-time.Duration(random.Int64N(int64(100 * 24 * time.Hour))))
		case 1:
			at = at.Add(time.Duration(random.Int64N(int64(1000 * 24 * time.Hour))))
		case 2:
			at = time.Time{}
		case 3:
			at = start.Add(1 << 62)
		default:
			at = at.Add(time.Second)
		}
		v := p.holder.Arrive(prompt(at, append(run(1, 20), run(uint64(i)+2, 2)...)...), pro, Before)
		if v.Create != nil {
			created++
			v.Made(0, at, at.Add(v.Create.For))
		}
		v.Answered(at, 10, 0)
	}
	if created > 400 {
		t.Errorf("created %d", created)
	}
}

// The caps hold at all times on random traces, and the loss is within the budget.
func TestHolderProperties(t *testing.T) {
	for seed := range uint64(16) {
		random := rand.New(rand.NewPCG(seed, 1))
		config := HolderConfig{Blocks: 2000, Caches: 5 + random.IntN(20), PerMille: 5 + random.IntN(10)}
		if seed%2 == 0 {
			config.TokenHours = 1000 + random.Int64N(50_000)
		}
		p := newProvider(t, config)
		mode := []Mode{Before, Beside}[random.IntN(2)]
		at := start
		var longest time.Duration
		// Reuse comes and goes: the worst that a trace can do to a learner.
		for phase := range 12 {
			reuse, gap := random.Float64(), time.Duration(random.ExpFloat64()*float64(20*time.Second))
			for i := range 200 {
				step := time.Duration(random.ExpFloat64() * float64(gap))
				at, longest = at.Add(step), max(longest, step)
				id := uint64(phase)<<16 + uint64(i) + 100
				if random.Float64() < reuse {
					id = random.Uint64N(10)
				}
				p.call(prompt(at, append(run(id, 4+id%30), run(id<<24+uint64(i), random.Uint64N(4))...)...), mode, random.Int64N(2000))
				if tokenHours := p.tokenHours(at); config.TokenHours > 0 && tokenHours > float64(config.TokenHours) {
					t.Fatalf("seed %d: %.0f token-hours, cap %d", seed, tokenHours, config.TokenHours)
				}
			}
		}
		p.close(at)
		if p.most > config.Caches {
			t.Errorf("seed %d: %d caches, cap %d", seed, p.most, config.Caches)
		}
		if n := len(p.holder.prefixes.slots); n > config.Blocks {
			t.Errorf("seed %d: %d prefixes, cap %d", seed, n, config.Blocks)
		}
		if n := len(p.holder.learner.records); n > config.Blocks/blocksPerRecord {
			t.Errorf("seed %d: %d records", seed, n)
		}
		// A tenth above the budget, and what a few requests add before the next one shows that it is used up.
		if lost, most := p.lost(), int64(config.PerMille)*1200+2000; lost > most {
			t.Errorf("seed %d: lost %d millionths of the cost, budget %d", seed, lost, most)
		}
		p.checkReport(seed, at)
	}
}

func (p *provider) tokenHours(at time.Time) (sum float64) {
	for _, c := range p.caches {
		sum += float64(c.tokens) * max(0, c.until-at.Sub(p.origin)).Hours()
	}
	return sum
}

// checkReport checks that the parts of the report add up, and agree with the provider.
func (p *provider) checkReport(seed uint64, at time.Time) {
	r := p.holder.Report(at)
	var spent, saved price.Sum
	var created, explicit int64
	for _, prefix := range r.Prefixes {
		spent.AddSum(prefix.Spent)
		saved.AddSum(prefix.Saved)
		created, explicit = created+prefix.Created, explicit+prefix.Explicit
		if prefix.Explicit+prefix.Implicit > prefix.Uses {
			p.t.Errorf("seed %d: %+v", seed, prefix)
		}
	}
	if len(r.Prefixes) < reported && (spent != r.Spent || saved != r.Saved || created != r.Created || explicit != r.Explicit) {
		p.t.Errorf("seed %d: prefixes add up to spent %v, saved %v, created %d, explicit %d; the total is %+v",
			seed, spent, saved, created, explicit, r)
	}
	paid, _ := p.cost.Minus(p.without).Pico()
	said, _ := r.Spent.Minus(r.Saved).Pico()
	// The provider's implicit cache gave nothing, but the holder expects that it may: it never claims more than was saved.
	if said < paid-paid/1000-1000 {
		p.t.Errorf("seed %d: the report says that caches cost %v, they cost %v", seed, said, paid)
	}
}

func BenchmarkArrive(b *testing.B) {
	h := NewHolder(HolderConfig{Blocks: 200_000, PerMille: 1000})
	at := start
	for i := range uint64(10_000) { // live prefixes
		h.Arrive(prompt(at, run(i, 10)...), pro, Never)
	}
	long := prompt(at, run(1<<30, 2000)...)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at = at.Add(10 * time.Millisecond)
		long.At = at
		v := h.Arrive(long, pro, Before)
		v.Made(0, at, at.Add(time.Minute))
		v.Answered(at, 100, 0)
	}
}

// A provider may count more tokens than the prompt was estimated to have.
func TestHolderCountedHigher(t *testing.T) {
	h := NewHolder(HolderConfig{PerMille: 1000})
	at := start
	for range 300 {
		at = at.Add(time.Second)
		v := h.Arrive(prompt(at, run(1, 20)...), pro, Before)
		if v.Create != nil {
			v.Made(10_500, at, at.Add(v.Create.For))
			v = h.Arrive(prompt(at, run(1, 20)...), pro, Before)
			if v.Read == nil || v.Read.Tokens != 10_500 {
				t.Fatalf("it is not read: %+v", v.Read)
			}
			return
		}
		v.Answered(at, 10, 0)
	}
	t.Fatal("nothing was created")
}

// Caches that are advised and not read earn nothing: they died, or the requests were sent without them.
func TestHolderInline(t *testing.T) {
	for _, mode := range []Mode{Before, Beside} {
		for _, gone := range []bool{true, false} {
			h := NewHolder(HolderConfig{})
			at := start
			var lost, spend price.Pico
			for i := range 3000 {
				at = at.Add(5 * time.Second)
				q := prompt(at, append(run(1, 20), run(uint64(i)+2, 1)...)...)
				v := h.Arrive(q, pro, mode)
				if v.Create != nil {
					v.Made(0, at, at.Add(v.Create.For))
					lost += times(q.Nodes[v.Create.Node].Tokens, pro.Input)
				}
				if v.Read != nil && gone {
					h.Gone(v.Read.Hash, at)
				}
				v.Inline()
				v.Answered(at.Add(time.Second), 100, 0)
				spend += times(q.Tokens, pro.Input)
			}
			if lost*1000 > 10*spend {
				t.Errorf("mode %d, gone %t: lost %d per mille", mode, gone, lost*1000/spend)
			}
			if r := h.Report(at); r.Saved != (price.Sum{}) || r.Explicit != 0 || r.Asked < 2900 {
				t.Errorf("mode %d, gone %t: %+v", mode, gone, r.Prefixes[0])
			}
		}
	}
}

// Where reads are cheap and creations are not, as on a cheaper tier, a cache has to save more to be created.
func TestHolderCreate(t *testing.T) {
	flex := Rates{Input: pro.Input / 2, Cached: pro.Cached / 2, Create: pro.Input, Storage: pro.Storage}
	for _, c := range []struct {
		rates   Rates
		creates bool
	}{{flex, true}, {Rates{Input: flex.Input, Cached: flex.Cached, Create: 1000 * pro.Input, Storage: flex.Storage}, false}} {
		p := newProvider(t, HolderConfig{})
		p.rates = c.rates
		for i := range 1500 {
			p.call(prompt(start.Add(time.Duration(i)*10*time.Second), append(run(1, 20), run(uint64(i)+2, 1)...)...), Before, 100)
		}
		at := start.Add(15_000 * time.Second)
		p.close(at)
		r := p.holder.Report(at)
		if (r.Created > 0) != c.creates || c.creates != (p.lost() < -500_000) {
			t.Errorf("create at %d: %d created, lost %d", c.rates.Create, r.Created, p.lost())
		}
		p.checkReport(0, at)
	}
}
