package reuse

import (
	"math"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// Visit is one request's advice and what becomes of it. Its fields are for reading. Its methods may be called at any time, in any
// order, from any goroutine, or never. They do nothing when they are called again.
type Visit struct {
	Read    *Cached  // the cache that this request is best served from; nil: none
	Create  *Create  // the cache to create; nil: none. With Before, the request is then served from it instead of Read
	Changes []Change // caches to delete now: they have lost too much

	holder *Holder
	order  uint64
	now    time.Duration
	rates  Rates
	before bool
	tokens int64 // of the prompt
	shared int64 // of its repeated prefix, if that has enough for a cache

	is     circumstances
	tip    *candidate   // nil: the prompt has too few tokens, or the stem is all that is worth holding
	stem   *candidate   // nil: nothing is repeated, or the tip is the same
	places []*candidate // those of the two that there are

	repeated   price.Pico // expected price of a repeated token without an explicit cache
	gain       float64    // what reading it from one saves. This and the next three are in the price of an input token
	create     float64    // what it costs to create it
	again      float64    // what it would cost to create it at the next use, at most
	rent       float64    // of a token for a second
	read, made *cache
	inline     bool
	answered   bool
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
	Until time.Time // when it should end; zero: it should be deleted now
}

// prepare notes what the decisions about a request need.
func (v *Visit) prepare(h *Holder, p *Prompt, s sight, r Rates, before bool) {
	v.now, v.rates, v.before, v.tokens, v.is = s.now, r, before, p.Tokens, s.is
	input := float64(r.Input)
	v.repeated = r.Input - price.Pico(math.Round(h.hits.rate()*float64(r.Input-r.Cached)))
	v.gain = float64(v.repeated-r.Cached) / input
	v.rent = float64(r.Storage) / 3600 / input
	v.create = float64(r.Create) / input
	if v.again = v.create; before { // the call that waits for it reads it
		v.again -= v.gain
	}
	if s.repeated > 0 {
		v.shared = p.Nodes[s.repeated-1].Tokens
	}
	// Where the next turn is likely to repeat only what this one repeats, that part is the stem of a fork, or else the tip.
	same := s.repeated == s.tip
	if s.tip > 0 && !(same && s.is.fork) {
		v.tip = newCandidate(p, s.tip, s.is.bucketOf(0), s.is.tip(0))
		v.places = append(v.places, v.tip)
	}
	if s.repeated > 0 && (!same || s.is.fork) {
		v.stem = newCandidate(p, s.repeated, s.is.bucketOf(1), s.is.stem(0))
		v.places = append(v.places, v.stem)
	}
}

func newCandidate(p *Prompt, nodes int, b bucket, t traits) *candidate {
	node := p.Nodes[nodes-1]
	return &candidate{node: nodes - 1, hash: node.Hash, tokens: node.Tokens, bucket: b, traits: t}
}

// cost returns the expected price of the prompt when so many tokens are read from an explicit cache.
func (v *Visit) cost(cached int64) price.Pico {
	cached = min(cached, v.tokens)
	sum := times(cached, v.rates.Cached)
	sum = add(sum, times(max(0, v.shared-cached), v.repeated))
	return add(sum, times(v.tokens-max(cached, v.shared), v.rates.Input))
}

// input returns the same in the price of an input token.
func (v *Visit) input(cached int64) float64 { return float64(v.cost(cached)) / float64(v.rates.Input) }

// overhead returns what it costs to create a cache, less what it saves this request.
func (v *Visit) overhead(tokens int64) price.Pico {
	cost := times(tokens, v.rates.Create)
	if v.before {
		cost = add(cost, -v.saving(tokens))
	}
	return cost
}

// saving returns what a request saves when so many tokens are read from an explicit cache.
func (v *Visit) saving(cached int64) price.Pico { return v.cost(0) - v.cost(cached) }

// Made says that the cache of v.Create exists: with how many tokens, as the provider counted them (0: as the node says), since
// when and until when. Without this call, the cache counts as not made.
func (v *Visit) Made(tokens int64, at, until time.Time) {
	h := v.holder
	h.mu.Lock()
	defer h.mu.Unlock()
	c := v.made
	if c == nil || c.made {
		return
	}
	now := h.advance(at)
	switch other := h.caches.byHash[c.hash]; {
	case other == c:
		h.end(c, now) // the claim
	case other != nil && other.made:
		return
	case other != nil:
		h.end(other, now)
	}
	if tokens > 0 {
		c.tokens = tokens
	}
	c.made, c.from, c.until = true, now, max(now, h.clock.end(until))
	h.caches.add(c, c.until)
	h.purse.perHour = add(h.purse.perHour, c.perHour())
	h.purse.earned = add(h.purse.earned, -times(c.tokens, c.rates.Create))
	h.books.made(c)
	if was := h.prefixes.find(c.hash); was != nil {
		was.failures = 0
	}
}

// NotMade says that the cache of v.Create was refused or failed at a time. It is not advised again for a while: two minutes
// after the first failure, twice as long after each further one, up to a day.
func (v *Visit) NotMade(at time.Time) {
	h := v.holder
	h.mu.Lock()
	defer h.mu.Unlock()
	c := v.made
	if c == nil || c.made {
		return
	}
	v.made = nil
	now := h.advance(at)
	if h.caches.byHash[c.hash] == c {
		h.end(c, now)
	}
	if was := h.prefixes.find(c.hash); was != nil {
		const most = 10
		was.failures = min(was.failures+1, most)
		was.retry = uint32(min((now+time.Minute<<was.failures)/time.Second, math.MaxUint32))
	}
}

// Inline says that the request was sent, or served, without any of the Holder's caches, whatever the advice was: so none saved
// anything. It has to be called before Answered.
func (v *Visit) Inline() {
	v.holder.mu.Lock()
	defer v.holder.mu.Unlock()
	v.inline = true
}

// Answered says that the answer came: how many tokens it has, and how many of the prompt the provider read from caches of any
// kind. Unless Inline was called, the request counts as served from the cache of the advice. Answered returns what to do with the
// caches now. A request that failed is not answered.
func (v *Visit) Answered(at time.Time, output, cached int64) []Change {
	h := v.holder
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.advance(at)
	if v.answered || v.tokens == 0 {
		return nil
	}
	v.answered = true
	h.settle(v, cached)
	tip, stem := h.relearn(v, outputClass(output))
	var changes []Change
	for _, c := range []*cache{v.read, v.made} {
		if c != nil && c.made && h.caches.byHash[c.hash] == c && c.visit == v.order {
			changes = h.review(changes, v, c, now, tip, stem)
		}
	}
	return changes
}

// settle counts what a request saved, or whether the provider had its prefix cached by itself.
func (h *Holder) settle(v *Visit, cached int64) {
	served := v.read
	if v.before && v.made != nil && v.made.made {
		served = v.made
	}
	if v.inline {
		served = nil
	}
	without := v.cost(0)
	h.purse.spend = add(h.purse.spend, without)
	var saved price.Pico
	if served != nil {
		saved = v.saving(served.tokens)
		h.purse.earned = add(h.purse.earned, saved)
		h.purse.limit(h.config.PerMille)
	} else if v.shared > 0 {
		h.hits.add(min(1, float64(max(cached, 0))/float64(v.shared)))
	}
	h.books.answered(v, served, without, saved, cached, h.usedOften(v))
}

// usedOften reports whether the repeated prefix of a visit has been used often enough to be in the report without a cache.
func (h *Holder) usedOften(v *Visit) bool {
	if v.stem == nil {
		return false
	}
	was := h.prefixes.find(v.stem.hash)
	return was != nil && was.uses > 2
}

// relearn estimates again now that the length of the answer is known. It returns for how long to hold the tip and the stem.
func (h *Holder) relearn(v *Visit, output int) (tip, stem time.Duration) {
	learn := func(c *candidate, t traits) time.Duration {
		if c == nil {
			return 0
		}
		c.traits = t
		h.learner.revise(c.wait, t)
		worth, hold := h.hold(v, &t)
		for _, i := range c.bucket {
			h.worth[i].add(worth)
		}
		return hold
	}
	return learn(v.tip, v.is.tip(output)), learn(v.stem, v.is.stem(output))
}

// review decides on a cache that served a request, or that was made for it.
func (h *Holder) review(changes []Change, v *Visit, c *cache, now, tip, stem time.Duration) []Change {
	hold, sure := tip, true
	switch {
	case v.tip != nil && c.hash == v.tip.hash:
	case v.stem != nil && c.hash == v.stem.hash:
		hold = stem
	case c.stem: // others use it too
		hold, sure = stem, false
	case c == v.read && v.made != nil && v.made.made: // a longer one of the same conversation is there
		hold = 0
	}
	if hold == 0 && sure {
		h.end(c, now)
		return append(changes, Change{Hash: c.hash})
	}
	h.caches.count(c, -1) // what it has may be used for itself
	until := now + h.caches.capped(hold, c.tokens, now, h.config.TokenHours)
	h.caches.count(c, 1)
	if !sure {
		until = max(until, c.until)
	}
	if until == c.until {
		return changes
	}
	return append(changes, Change{c.hash, h.clock.time(until)})
}
