package reuse

import (
	"container/heap"
	"math"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// Visit is one request's advice and what becomes of it. Its fields are for reading. Its methods are safe for concurrent use,
// may be called in any order or never, and do nothing when they are called again.
type Visit struct {
	Read    *Cached  // the cache that this request is best served from; nil: none
	Create  *Create  // the cache to create; nil: none. With Before, the request is then served from it instead of Read
	Changes []Change // other caches to delete now

	holder *Holder
	order  uint64
	now    time.Duration
	rates  Rates
	tokens int64 // of the prompt
	least  int64
	shared int64 // tokens of the repeated prefix

	is         circumstances
	tip, stem  candidate
	both       [2]*candidate
	repeated   price.Pico // expected price of a repeated token without an explicit cache
	gain       float64    // of a token that is read from an explicit cache instead
	again      float64    // what creating the cache at the next use would cost more
	rent       float64
	read, made *cache
	answered   bool
	before     bool // the cache is created before the call
}

// Cached names a living cache.
type Cached struct {
	Hash   uint64
	Tokens int64
}

// Create is advice to create a cache.
type Create struct {
	Node int           // its index in Prompt.Nodes
	For  time.Duration // its first time to live
}

// Change is advice about a living cache.
type Change struct {
	Hash  uint64
	Until time.Time // when it should end; zero: now
}

// prepare notes what the decisions about a request need.
func (v *Visit) prepare(h *Holder, p *Prompt, s sight, r Rates, before bool) {
	v.before = before
	v.now, v.rates, v.tokens, v.least, v.is = s.now, r, p.Tokens, p.Least, s.is
	input, discount := float64(r.Input), float64(r.Input-r.Cached)
	saved := math.Round(h.hits.rate() * discount)
	v.repeated = r.Input - price.Pico(saved)
	v.gain = float64(v.repeated-r.Cached) / input
	v.rent = float64(r.Storage) / 3600 / input
	if v.again = 1; before {
		v.again += float64(r.Cached-v.repeated) / input
	}
	n := 0
	if s.tip > 0 {
		node := p.Nodes[s.tip-1]
		v.tip = candidate{s.tip - 1, node.Hash, node.Tokens, s.is.bucketOf(0), s.is.tip(0), ticket{}}
		v.both[n] = &v.tip
		n++
	}
	if s.repeated > 0 {
		node := p.Nodes[s.repeated-1]
		v.shared = node.Tokens
		v.stem = candidate{s.repeated - 1, node.Hash, node.Tokens, s.is.bucketOf(1), s.is.stem(0), ticket{}}
		if s.repeated != s.tip {
			v.both[n] = &v.stem
		}
	}
}

// candidates returns the prefixes that may be held, without those that are not there.
func (v *Visit) candidates() []*candidate {
	n := 0
	for n < len(v.both) && v.both[n] != nil {
		n++
	}
	return v.both[:n]
}

// input returns the expected price of the prompt when so many tokens are read from an explicit cache, in input tokens.
func (v *Visit) input(cached int64) float64 { return float64(v.cost(cached)) / float64(v.rates.Input) }

// cost returns the expected price of the prompt when so many tokens are read from an explicit cache.
func (v *Visit) cost(cached int64) price.Pico {
	sum := times(cached, v.rates.Cached)
	sum = add(sum, times(max(0, v.shared-cached), v.repeated))
	return add(sum, times(max(0, v.tokens-max(cached, v.shared)), v.rates.Input))
}

// saving returns what a request saves when so many tokens are read from an explicit cache.
func (v *Visit) saving(cached int64) price.Pico { return v.cost(0) - v.cost(cached) }

// Made says that the cache of v.Create exists: with how many tokens, as the provider counted them (0: as the node says), since
// when and until when. Without this call, or NotMade, the cache counts as not made.
func (v *Visit) Made(tokens int64, at, until time.Time) {
	h := v.holder
	h.mu.Lock()
	defer h.mu.Unlock()
	c := v.made
	if c == nil || c.made {
		return
	}
	now := h.clock.read(at)
	if h.caches[c.hash] != c {
		if h.caches[c.hash] != nil {
			return
		}
		h.caches[c.hash] = c
		heap.Push(&h.ends, c)
	}
	if tokens > 0 {
		c.tokens = tokens
	}
	h.expire(now)
	c.made, c.from, c.until = true, now, max(now, h.clock.end(until))
	heap.Fix(&h.ends, c.index)
	h.purse.rate += c.rate()
	cost := times(c.tokens, v.rates.Input)
	c.spent.Add(cost)
	h.purse.earned = add(h.purse.earned, -cost)
	if was := h.prefixes.find(c.hash); was != nil {
		was.failures = 0
	}
}

// NotMade says that the cache of v.Create was refused or failed at a time. It is not advised again for a while: for longer
// each time.
func (v *Visit) NotMade(at time.Time) {
	h := v.holder
	h.mu.Lock()
	defer h.mu.Unlock()
	c := v.made
	if c == nil || c.made {
		return
	}
	v.made = nil
	now := h.clock.read(at)
	if h.caches[c.hash] == c {
		h.end(c, now)
	}
	if was := h.prefixes.find(c.hash); was != nil {
		was.failures = min(was.failures+1, 10)
		was.retry = uint32(min((now+time.Minute<<was.failures)/time.Second, math.MaxUint32))
	}
}

// Answered says that the answer came: how many tokens it has, and how many of the prompt the provider read from caches of any
// kind. It returns what to do with the caches now that this is known. A request that failed is not answered.
func (v *Visit) Answered(at time.Time, output, cached int64) []Change {
	h := v.holder
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.clock.read(at)
	h.expire(now)
	if v.answered || len(v.candidates()) == 0 {
		return nil
	}
	v.answered = true
	class := outputClass(output)
	v.tip.traits, v.stem.traits = v.is.tip(class), v.is.stem(class)
	for _, c := range v.candidates() {
		h.learner.revise(c.wait, c.traits)
	}
	tip, tipHold := h.hold(v, &v.tip.traits)
	stem, stemHold := h.hold(v, &v.stem.traits)
	if v.tip.hash != 0 {
		h.learnWorth(&v.tip.bucket, max(tip, 0))
	}
	if v.stem.hash != 0 {
		h.learnWorth(&v.stem.bucket, max(stem, 0))
	}
	h.purse.spend = add(h.purse.spend, v.cost(0))
	served := v.read
	if v.made != nil && v.made.made && v.before {
		served = v.made
	}
	if served == nil {
		if v.shared > 0 {
			h.hits.add(min(1, float64(max(cached, 0))/float64(v.shared)))
		}
	} else {
		h.purse.earned = add(h.purse.earned, v.saving(served.tokens))
		if served == v.made {
		} else {
		}
	}
	var changes []Change
	for _, c := range []*cache{v.read, v.made} {
		if c == nil || !c.made || h.caches[c.hash] != c || c.visit != v.order {
			continue
		}
		hold, sure := tipHold, !c.stem
		if c.hash == v.stem.hash && c.hash != v.tip.hash || v.tip.hash == 0 {
			hold, sure = stemHold, true
		} else if c.stem && c.hash != v.tip.hash {
			hold = stemHold
		}
		if c.hash == v.tip.hash {
			sure = true
		}
		if c == v.read && v.made != nil && v.made.made && !c.stem {
			hold = 0
		}
		if hold == 0 && sure {
			changes = append(changes, Change{Hash: c.hash})
			h.end(c, now)
			continue
		}
		hold = h.capped(c.tokens, hold)
		until := now + hold
		if !sure {
			until = max(until, c.until)
		}
		if until != c.until {
			changes = append(changes, Change{c.hash, h.clock.time(until)})
		}
	}
	return changes
}
