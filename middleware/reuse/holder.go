package reuse

import (
	"cmp"
	"sync"
	"time"
)

// HolderConfig bounds a [Holder]. The zero value is ready: each zero is the default that its comment names.
type HolderConfig struct {
	Blocks     int   // how many prefixes are remembered, at less than 100 bytes each; 100,000
	Caches     int   // how many caches may live at once; 10,000
	TokenHours int64 // how many token-hours the living caches may cost from now until they end; no limit
	PerMille   int   // how much caches may lose, of what the calls would cost without them, before they are stopped; 8
}

// blocksPerRecord is how many prefixes are remembered for each whose next use is waited for.
const blocksPerRecord = 2

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

// What the holder assumes. The values were tuned on the first half of a recorded trace; see benchmarks/cacheeconomics.
const (
	holderBias = -4.5            // logit of a hazard of which nothing is known
	caution    = 0.95            // share of the gain that counts: of several estimates, the best is most often too high
	profit     = 0.02            // of the price of a prefix: what its cache has to be expected to earn at least
	shrink     = 20              // uses that a finer bucket has to have seen, to count as much as the coarser one
	firstLeast = 2 * time.Minute // the shortest first time to live: the call has to be over by then
	worthMost  = 3               // the most that holding a token counts at the next use, in its price
)

// Holder decides which prefixes of one scope (one provider, key and model) are held in a cache, and for how long.
//
// It estimates for each prompt what it is worth to hold its prefix: the hazard of the next use, age by age, times what a read
// saves, less the rent. A cache is advised if that exceeds what it costs to create it, and is held for as long as the hazard
// pays the rent. What an implicit cache of the provider would have saved anyway is not counted as saved: the share of such
// hits is measured on the calls without an explicit cache.
//
// A loss budget bounds what wrong estimates cost. No cache is advised whose price could exceed the budget, and all are
// deleted when it is overdrawn. Caches cost rent between requests too: call [Holder.Tick] from time to time while some live.
//
// A Holder is safe for concurrent use.
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
	caches   caches
	visits   uint64
	books    books
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
	failures uint8  // creations that failed in a row
}

// holderHalfLife is after how long half of what caches earned is forgotten.
const holderHalfLife = 24 * time.Hour

// NewHolder returns a Holder that has learned nothing yet.
func NewHolder(config HolderConfig) *Holder {
	config = config.withDefaults()
	h := &Holder{
		config: config, prefixes: newLRU[prefix](config.Blocks), caches: newCaches(), books: newBooks(),
		learner: newLearner(holderBias, ageds, flats, config.Blocks/blocksPerRecord),
		short:   shortfall{30}, hits: implicit{hits: 2, of: 4}, purse: purse{halfLife: holderHalfLife},
	}
	h.learner.blank = beforeAnswer
	return h
}

// Arrive learns that a request is about to be sent, and advises which cache it should read or create. The prompt's nodes are not
// kept.
func (h *Holder) Arrive(p Prompt, r Rates, mode Mode) *Visit {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.advance(p.At)
	p = p.checked()
	h.visits++
	v := &Visit{holder: h, order: h.visits, Changes: h.stop(now)}
	if !r.ok() {
		return v
	}
	r.Create = cmp.Or(r.Create, r.Input)
	s := h.look(&p, now)
	v.prepare(h, &p, s, r, mode == Before)
	if v.read = h.deepest(&p); v.read != nil {
		v.Read = &Cached{v.read.hash, v.read.tokens}
		v.read.visit = v.order
	}
	if mode != Never {
		h.create(v)
	}
	h.remember(v, &p, s)
	return v
}

// advance learns from the time that passed.
func (h *Holder) advance(at time.Time) time.Duration {
	now := h.clock.read(at)
	h.learner.advance(now)
	h.expire(now)
	return now
}

// look finds how much of a prompt was seen before, and in which circumstances it is.
func (h *Holder) look(p *Prompt, now time.Duration) sight {
	n := 0
	var stem *prefix
	for ; n < len(p.Nodes); n++ {
		was := h.prefixes.find(p.Nodes[n].Hash)
		if was == nil {
			break
		}
		stem = was
	}
	return see(p, n, stem, &h.short, now)
}

// deepest returns the living cache with the most tokens that can serve a prompt; nil if there is none.
func (h *Holder) deepest(p *Prompt) *cache {
	if len(h.caches.byHash) == 0 {
		return nil
	}
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		if c := h.caches.byHash[p.Nodes[i].Hash]; c != nil && c.made {
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
func (h *Holder) create(v *Visit) {
	var current int64 // tokens that are served already
	var kept float64  // what it is worth to hold these
	if v.read != nil {
		current = v.read.tokens
		by := v.tip
		if v.stem != nil && (by == nil || v.stem.hash == v.read.hash) {
			by = v.stem
		}
		if by != nil {
			kept = float64(current) * h.value(v, by)
		}
	}
	var best *candidate
	most := 0.0
	for _, c := range v.places {
		if c.tokens <= current || h.caches.byHash[c.hash] != nil {
			continue
		}
		advantage := float64(c.tokens)*(h.value(v, c)-v.create-profit) - kept
		if v.before {
			advantage += v.input(current) - v.input(c.tokens)
		}
		if advantage > most && h.allowed(v, c) {
			best, most = c, advantage
		}
	}
	if best == nil {
		return
	}
	_, hold := h.hold(v, &best.traits)
	if hold = h.caches.capped(max(hold, firstLeast), best.tokens, v.now, h.config.TokenHours); hold < firstLeast {
		return
	}
	v.Create = &Create{best.node, hold}
	v.made = &cache{
		hash: best.hash, tokens: best.tokens, stem: best == v.stem, rates: v.rates, visit: v.order,
		until: v.now + claimed, reserved: v.overhead(best.tokens),
	}
	h.caches.add(v.made, v.now+hold)
	h.purse.reserved = add(h.purse.reserved, v.made.reserved)
}

// allowed reports whether the cap on caches, earlier failures and the loss budget allow a cache.
func (h *Holder) allowed(v *Visit, c *candidate) bool {
	if len(h.caches.byHash) >= h.config.Caches {
		return false
	}
	if was := h.prefixes.find(c.hash); was != nil && time.Duration(was.retry)*time.Second > v.now {
		return false
	}
	return h.purse.room(h.config.PerMille) >= v.overhead(c.tokens)
}

// remember learns that all prefixes of a prompt are used, and begins to wait for the next use of its candidates.
func (h *Holder) remember(v *Visit, p *Prompt, s sight) {
	var best float64
	for _, c := range v.places {
		worth, _ := h.hold(v, &c.traits)
		best = max(best, min(worth, worthMost))
	}
	depth := uint16(min(len(p.Nodes), 1<<16-1))
	turn := uint8(min(s.turn, 1<<8-1))
	// From the last to the first: what many prompts share is touched last and forgotten last.
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		was, isNew := h.prefixes.touch(p.Nodes[i].Hash)
		if isNew {
			was.born = turn
		}
		if r := h.learner.find(was.wait); r != nil && p.Nodes[i].Tokens >= p.Least {
			h.next[r.traits.aged[0]].add(best)
			h.learner.used(was.wait)
			was.wait = ticket{}
		}
		was.last, was.depth, was.turn = s.now, depth, turn
		was.uses = min(was.uses, 1<<16-2) + 1
	}
	for _, c := range v.places {
		c.wait = h.learner.begin(s.now, c.traits)
		if was := h.prefixes.find(c.hash); was != nil { // a prompt may have more nodes than are remembered
			was.wait = c.wait
		}
	}
}

// hold returns what it is worth at a visit's rates to hold a token of a prefix, and for how long it should be held.
func (h *Holder) hold(v *Visit, t *traits) (worth float64, hold time.Duration) {
	var hazards [bins]float64
	h.learner.hazards(t, &hazards)
	next := min(h.next[t.aged[0]].value(0, 5), v.again)
	return holding(&hazards, caution*v.gain+next, v.rent)
}

// expected returns the mean worth of holding a prefix of a bucket: finer levels count as far as they have been seen.
func (h *Holder) expected(b *bucket) (worth float64) {
	for _, i := range b {
		m := &h.worth[i]
		if m.weight == 0 {
			break
		}
		worth = m.value(worth, shrink)
	}
	return worth
}

// value returns what it is expected to be worth to hold a token of a prefix, before the answer's length is known. It is the mean
// of two estimates, whose errors are different: what the learner says now, and what it said after the answers to such prompts.
func (h *Holder) value(v *Visit, c *candidate) float64 {
	worth, _ := h.hold(v, &c.traits)
	return (worth + h.expected(&c.bucket)) / 2
}

// implicit measures how often the provider has a repeated prefix cached by itself. Older requests count less.
type implicit struct{ hits, of float64 }

func (i *implicit) add(share float64) {
	const fade = 0.999
	i.hits, i.of = i.hits*fade+share, i.of*fade+1
}

func (i *implicit) rate() float64 { return i.hits / i.of }

// Tick learns that time has passed. It returns the caches to delete now, because they have lost too much. Arrive does so too;
// Tick is for the times in which nothing arrives.
func (h *Holder) Tick(at time.Time) []Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stop(h.advance(at))
}

// stop returns the deletion of all caches if they have lost too much.
func (h *Holder) stop(now time.Duration) (changes []Change) {
	if !h.purse.overdrawn(h.config.PerMille) {
		return nil
	}
	for _, c := range h.caches.byHash {
		if c.made {
			changes = append(changes, Change{Hash: c.hash})
			h.end(c, now)
		}
	}
	return changes
}

// expire ends the caches whose time is over, in the order of their ends.
func (h *Holder) expire(now time.Duration) {
	for c := h.caches.first(); c != nil && c.until <= now; c = h.caches.first() {
		h.end(c, c.until)
	}
	h.purse.advance(now)
}

// end forgets a cache that ended, or one that was not made.
func (h *Holder) end(c *cache, at time.Duration) {
	h.purse.advance(at)
	h.caches.remove(c)
	if !c.made {
		h.purse.reserved -= c.reserved
		return
	}
	h.purse.perHour = add(h.purse.perHour, -c.perHour())
	h.books.ended(c, at)
}

// Gone says that a cache ended at a time: it died, was deleted, or is not known to the provider.
func (h *Holder) Gone(hash uint64, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.advance(at)
	if c := h.caches.byHash[hash]; c != nil && c.made {
		h.end(c, now)
	}
}

// Extended says that a cache now lives until a time. Without it, advice to extend counts as not followed.
func (h *Holder) Extended(hash uint64, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.caches.byHash[hash]; c != nil && c.made {
		h.caches.move(c, h.clock.end(until))
	}
}
