package reuse

import (
	"cmp"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// Prefix is what a [Report] says of one prefix.
type Prefix struct {
	Hash     uint64
	Tokens   int64
	Uses     int64     // answered requests that were served from its cache, or had it as the part that they repeat
	Explicit int64     // of these, those that were served from its cache
	Implicit int64     // of these, those without an explicit cache that the provider read from its own
	Created  int64     // caches that were created for it
	Spent    price.Sum // on creation and storage, until the time of the report
	Saved    price.Sum // by its hits, less what implicit hits would have saved
	Net      price.Sum // Saved less Spent
}

// Report is a summary of a [Holder].
type Report struct {
	Requests int64 // that were answered
	Repeated int64 // of these, those with a repeated prefix that is large enough for a cache
	Explicit int64 // requests that were served from an explicit cache
	Asked    int64 // requests with a repeated prefix and without an explicit cache
	Implicit int64 // of these, those that the provider read from its own cache
	Created  int64 // explicit caches that were created
	Living   int   // explicit caches that live
	Stopped  bool  // whether the loss budget is used up: nothing is created until calls have refilled it

	Without price.Sum // what the requests' prompts would have cost without explicit caches
	Spent   price.Sum // on creation and storage, until the time of the report
	Saved   price.Sum // by hits, less what implicit hits would have saved
	Net     price.Sum // Saved less Spent

	Prefixes []Prefix // those that had a cache or were used at least three times, the latest 1,000; the most used first
}

// reported is how many prefixes a report has at most.
const reported = 1000

// books are what a report is made of.
type books struct {
	total    Report
	prefixes *lru[Prefix]
}

func newBooks() books { return books{prefixes: newLRU[Prefix](reported)} }

// of returns the account of a prefix.
func (b *books) of(hash uint64, tokens int64) *Prefix {
	p, _ := b.prefixes.touch(hash)
	p.Hash, p.Tokens = hash, tokens
	return p
}

func (b *books) made(c *cache) {
	b.total.Created++
	b.of(c.hash, c.tokens).Created++
}

func (b *books) ended(c *cache, at time.Duration) {
	spent := c.spent(at)
	b.total.Spent.AddSum(spent)
	b.of(c.hash, c.tokens).Spent.AddSum(spent)
}

// answered counts a request. served is the cache that it was served from, nil if none.
func (b *books) answered(v *Visit, served *cache, without, saved price.Pico, cached int64, often bool) {
	b.total.Requests++
	b.total.Without.Add(without)
	if v.shared > 0 {
		b.total.Repeated++
	}
	if served != nil {
		b.total.Explicit++
		b.total.Saved.Add(saved)
		p := b.of(served.hash, served.tokens)
		p.Uses++
		p.Explicit++
		p.Saved.Add(saved)
		return
	}
	if v.shared == 0 {
		return
	}
	var hit int64
	if cached > 0 {
		hit = 1
	}
	b.total.Asked++
	b.total.Implicit += hit
	if v.stem != nil && (often || b.prefixes.find(v.stem.hash) != nil) {
		p := b.of(v.stem.hash, v.stem.tokens)
		p.Uses++
		p.Implicit += hit
	}
}

// Report returns what caches did up to a time.
func (h *Holder) Report(at time.Time) Report {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.advance(at)
	r := h.books.total
	r.Stopped = r.Requests > 0 && h.purse.room(h.config.PerMille) <= 0
	living := make(map[uint64]price.Sum)
	for _, c := range h.caches.byHash {
		if c.made {
			living[c.hash] = c.spent(now)
			r.Spent.AddSum(living[c.hash])
		}
	}
	r.Living, r.Net = len(living), r.Saved.Minus(r.Spent)
	for i := range h.books.prefixes.slots {
		p := h.books.prefixes.slots[i].value
		p.Spent.AddSum(living[p.Hash])
		p.Net = p.Saved.Minus(p.Spent)
		r.Prefixes = append(r.Prefixes, p)
	}
	slices.SortFunc(r.Prefixes, func(a, b Prefix) int {
		return cmp.Or(cmp.Compare(b.Uses, a.Uses), b.Net.Cmp(a.Net), cmp.Compare(a.Hash, b.Hash))
	})
	return r
}
