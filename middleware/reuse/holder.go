package reuse

import (
	"container/heap"
	"sync"
	"time"
)

// HolderConfig bounds a [Holder]. The zero value is ready: each zero is the default that its comment names.
type HolderConfig struct {
	Blocks     int   // how many prefixes are remembered, at less than 100 bytes each; 100,000
	Caches     int   // how many caches may live at once; 10,000
	TokenHours int64 // how many token-hours the living caches may be going to cost from now to their ends; no limit
	PerMille   int   // how much caches may lose, of what the calls would cost without them, before they are stopped; 8
}

const (
	blocksPerRecord = 2
	minuteLeast     = 2 * time.Minute // the shortest first time to live: the call has to be over by then
)

func (c HolderConfig) withDefaults() HolderConfig {
	if c.Blocks <= 0 {
		c.Blocks = 100_000
	}
	if c.Caches <= 0 {
		c.Caches = 10_000
	}
	if c.PerMille <= 0 {
		c.PerMille = 8
	}
	c.Blocks = max(c.Blocks, 2*blocksPerRecord)
	return c
}

// Holder decides which prefixes of one scope (one provider, key and model) are held in a cache. It is safe for concurrent
// use.
type Holder struct {
	config HolderConfig

	mu       sync.Mutex
	clock    clock
	prefixes *lru[prefix]
	learner  *learner
	worth    [buckets]mean // of holding a token of such a prefix
	next     [kinds]mean   // the same, at the next use
	short    shortfall
	hits     implicit
	purse    purse
	caches   map[uint64]*cache
	ends     endings
	visits   uint64
	report   books
}

// prefix is what is remembered of a node.
type prefix struct {
	last     time.Duration // when it was last used
	wait     ticket        // of that use
	retry    uint32        // seconds of the clock before which no cache is tried again
	uses     uint16
	depth    uint16 // nodes of the last prompt that had it
	born     uint8  // turn of the first prompt that had it
	turn     uint8  // turn of the last one
	failures uint8
}

// NewHolder returns a Holder that has learned nothing yet.
func NewHolder(config HolderConfig) *Holder {
	config = config.withDefaults()
	return &Holder{
		config: config, prefixes: newLRU[prefix](config.Blocks), caches: make(map[uint64]*cache),
		learner: newLearner(-4.5, ageds, flats, config.Blocks/blocksPerRecord), report: newBooks(),
		short: shortfall{30}, hits: implicit{hits: 2, of: 4},
	}
}

// Arrive learns that a request is about to be sent, and advises which cache it should read or create.
func (h *Holder) Arrive(p Prompt, r Rates, mode Mode) *Visit {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.clock.read(p.At)
	h.learner.advance(now)
	h.expire(now)
	p = p.checked()
	v := &Visit{holder: h, Changes: h.stop(now)}
	h.visits++
	v.order = h.visits
	if !r.ok() || len(p.Nodes) == 0 {
		return v
	}
	s := h.look(&p, now)
	v.prepare(h, &p, s, r, mode == Before)
	read := h.deepest(&p)
	if read != nil {
		v.read = read
		v.Read = &Cached{read.hash, read.tokens}
		read.visit = v.order
	}
	if mode != Never {
		h.create(v, &p, mode == Before)
	}
	h.remember(v, &p, s)
	return v
}

// checked returns the prompt without the nodes that are out of order.
func (p Prompt) checked() Prompt {
	p.Least = max(p.Least, 1)
	for i := range p.Nodes {
		if i > 0 && p.Nodes[i].Tokens <= p.Nodes[i-1].Tokens || p.Nodes[i].Tokens <= 0 {
			p.Nodes = p.Nodes[:i]
			break
		}
	}
	if n := len(p.Nodes); n > 0 {
		p.Tokens = max(p.Tokens, p.Nodes[n-1].Tokens)
	}
	return p
}

// sight is what is seen of a prompt before it is remembered.
type sight struct {
	now      time.Duration
	repeated int // nodes, from the first, that were seen before and have enough tokens for a cache; 0: none
	tip      int // nodes of the prefix that the next turn is likely to have
	turn     int
	is       circumstances
}

// look finds how much of a prompt was seen before, and in which circumstances it is.
func (h *Holder) look(p *Prompt, now time.Duration) (s sight) {
	s.now = now
	for s.repeated < len(p.Nodes) && h.prefixes.find(p.Nodes[s.repeated].Hash) != nil {
		s.repeated++
	}
	if s.repeated > 0 && p.Nodes[s.repeated-1].Tokens < p.Least {
		s.repeated = 0
	}
	s.tip = max(h.short.likely(p), s.repeated)
	var repeated int64
	if s.repeated > 0 {
		stem := p.Nodes[s.repeated-1]
		repeated = stem.Tokens
		was := h.prefixes.find(stem.Hash)
		missed := int(was.depth) - s.repeated
		if s.turn = 1 + int(was.born); missed <= 1 {
			s.turn = 1 + int(was.turn)
		} else {
			s.is.fork = true
		}
		s.is.uses = classify(int(was.uses))
		s.is.gap = gapClass(now - was.last)
		h.short.add(missed)
	}
	s.is.turn = classify(s.turn)
	if s.is.fork {
		s.is.turn = turns - 1
	}
	s.is.size = min(octave(p.Tokens/2048), sizes-1)
	s.is.growth = growthClass(p.Tokens, repeated, s.turn)
	s.is.fresh = min(octave((p.Tokens-repeated)/64), fresh-1)
	if s.turn == 0 {
		s.is.fresh = 0
	}
	return s
}

// deepest returns the living cache with the most tokens that can serve a prompt; nil if there is none.
func (h *Holder) deepest(p *Prompt) *cache {
	if len(h.caches) == 0 {
		return nil
	}
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		if c := h.caches[p.Nodes[i].Hash]; c != nil && c.made {
			return c
		}
	}
	return nil
}

// candidate is a prefix that a cache may be created for.
type candidate struct {
	node   int // its index
	hash   uint64
	tokens int64
	bucket bucket
	traits traits
	wait   ticket
}

// create decides whether to create a cache for a visit, and which.
func (h *Holder) create(v *Visit, p *Prompt, before bool) {
	var served, kept float64 // by the cache that there is: tokens, and the worth of holding it
	var current int64
	if v.read != nil {
		current = v.read.tokens
		kept = float64(current) * h.expected(&v.tip.bucket)
		if v.stem.hash == v.read.hash && v.stem.hash != v.tip.hash {
			kept = float64(current) * h.expected(&v.stem.bucket)
		}
	}
	served = v.input(current)
	best, most := -1, 0.0
	for i, c := range v.candidates() {
		if c.tokens <= current || h.caches[c.hash] != nil {
			continue
		}
		n := float64(c.tokens)
		advantage := n*h.expected(&c.bucket) - kept - n
		if before {
			advantage += served - v.input(c.tokens)
		}
		if advantage > most && h.allowed(v, c, before) {
			best, most = i, advantage
		}
	}
	if best < 0 {
		return
	}
	c := v.candidates()[best]
	_, hold := h.hold(v, &c.traits)
	hold = max(hold, minuteLeast)
	if hold = h.capped(c.tokens, hold); hold < minuteLeast {
		return
	}
	v.Create = &Create{c.node, hold}
	v.made = h.claim(c.hash, c.tokens, v, best == 1 || c.hash == v.stem.hash, hold)
}

// allowed reports whether caps, failures and the loss budget allow a cache.
func (h *Holder) allowed(v *Visit, c *candidate, before bool) bool {
	if len(h.caches) >= h.config.Caches {
		return false
	}
	if was := h.prefixes.find(c.hash); was != nil && time.Duration(was.retry)*time.Second > v.now {
		return false
	}
	cost := times(c.tokens, v.rates.Input)
	if before {
		cost -= v.saving(c.tokens)
	}
	return h.purse.room(h.config.PerMille) >= cost
}

// capped shortens a time to live to what the cap on token-hours leaves.
func (h *Holder) capped(tokens int64, hold time.Duration) time.Duration {
	if h.config.TokenHours <= 0 {
		return hold
	}
	left := float64(h.config.TokenHours) - h.committed()
	return min(hold, time.Duration(max(left, 0)/float64(tokens)*float64(time.Hour)))
}

// committed returns how many token-hours the living caches cost from now to their ends.
func (h *Holder) committed() (sum float64) {
	for _, c := range h.caches {
		sum += float64(c.tokens) * (c.until - h.clock.now).Hours()
	}
	return sum
}

// remember learns that all prefixes of a prompt are used, and begins to wait for the next use of its candidates.
func (h *Holder) remember(v *Visit, p *Prompt, s sight) {
	best, _ := h.hold(v, &v.tip.traits)
	if v.stem.hash != 0 {
		worth, _ := h.hold(v, &v.stem.traits)
		best = max(best, worth)
	}
	best = min(best, 3)
	depth := uint16(min(len(p.Nodes), 1<<16-1))
	// From the last to the first: what many prompts share is touched last and forgotten last.
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		was, isNew := h.prefixes.touch(p.Nodes[i].Hash)
		if isNew {
			was.born = uint8(min(s.turn, 255))
		}
		if r := h.learner.find(was.wait); r != nil && p.Nodes[i].Tokens >= p.Least {
			h.next[r.traits.aged[0]].add(best)
			h.learner.used(was.wait)
			was.wait = ticket{}
		}
		was.last, was.depth, was.turn = s.now, depth, uint8(min(s.turn, 255))
		was.uses = min(was.uses, 1<<16-2) + 1
	}
	for _, c := range v.candidates() {
		c.wait = h.learner.begin(s.now, c.traits)
		h.prefixes.find(c.hash).wait = c.wait
	}
}

// hold returns the worth of holding a prefix for a visit's rates, and for how long.
func (h *Holder) hold(v *Visit, t *traits) (worth float64, hold time.Duration) {
	var hazards [bins]float64
	h.learner.hazards(t, &hazards)
	next := h.next[t.aged[0]].value(0, 5)
	return holding(&hazards, v.gain+min(next, v.again), v.rent)
}

// expected returns the mean worth of holding a prefix of a bucket: finer levels count as far as they have been seen.
func (h *Holder) expected(b *bucket) (worth float64) {
	for _, i := range b {
		m := &h.worth[i]
		if m.weight == 0 {
			break
		}
		worth = m.value(worth, 20)
	}
	return worth
}

func (h *Holder) learnWorth(b *bucket, worth float64) {
	for _, i := range b {
		h.worth[i].add(worth)
	}
}

// shortfall counts by how many nodes the next turns missed the ends of prompts. What is new in a prompt often ends in a part
// that the next turn does not repeat.
type shortfall [8]float64

func (s *shortfall) add(missed int) {
	s[min(max(missed, 0), len(s)-1)]++
	if s[0] > 2000 {
		for i := range s {
			s[i] /= 2
		}
	}
}

// likely returns how many nodes of a prompt to hold: more tokens are worth more, fewer are more often used again. It is 0 if
// the prompt is too small for a cache.
func (s *shortfall) likely(p *Prompt) (nodes int) {
	total := 0.0
	for _, n := range s {
		total += n
	}
	n := len(p.Nodes)
	reached, best := 0.0, 0.0
	for missed := 0; missed < len(s)-1 && missed < n && p.Nodes[n-1-missed].Tokens >= p.Least; missed++ {
		reached += s[missed]
		worth := reached / total * float64(p.Nodes[n-1-missed].Tokens) / float64(p.Nodes[n-1].Tokens)
		if missed == 0 || worth > best+0.005 {
			best, nodes = worth, n-missed
		}
	}
	return nodes
}

// implicit measures how often the provider has a repeated prefix cached by itself. Older requests count less.
type implicit struct{ hits, of float64 }

func (i *implicit) add(share float64) {
	i.hits, i.of = i.hits*0.999+share, i.of*0.999+1
}

func (i *implicit) rate() float64 { return i.hits / i.of }

// stop returns the deletion of all caches if they have lost too much.
func (h *Holder) stop(now time.Duration) (changes []Change) {
	if !h.purse.overdrawn(h.config.PerMille) {
		return nil
	}
	for _, c := range h.caches {
		if c.made {
			changes = append(changes, Change{Hash: c.hash})
			h.end(c, now)
		}
	}
	return changes
}

// expire ends the caches whose time is over, in the order of their ends.
func (h *Holder) expire(now time.Duration) {
	for len(h.ends) > 0 && h.ends[0].until <= now {
		h.end(h.ends[0], h.ends[0].until)
	}
	h.purse.advance(now)
}

// end forgets a cache that ended.
func (h *Holder) end(c *cache, at time.Duration) {
	at = max(at, h.purse.now)
	h.purse.advance(at)
	delete(h.caches, c.hash)
	heap.Remove(&h.ends, c.index)
	h.purse.rate -= c.rate()
	h.report.ended(c, at)
}

// Gone says that a cache ended at a time: it died, was deleted, or is not known to the provider.
func (h *Holder) Gone(hash uint64, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.clock.read(at)
	h.expire(now)
	if c := h.caches[hash]; c != nil && c.made {
		h.end(c, now)
	}
}

// Extended says that a cache now lives until a time. Advice to extend counts as not followed without it.
func (h *Holder) Extended(hash uint64, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.caches[hash]; c != nil && c.made {
		c.until = max(h.clock.end(until), h.purse.now)
		heap.Fix(&h.ends, c.index)
	}
}
