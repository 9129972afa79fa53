package reuse

import (
	"container/heap"
	"math"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// claimed is how long a creation may take. After that it counts as failed, unless Made is called yet.
const claimed = 2 * time.Minute

// cache is a cache that lives, or whose creation is under way.
type cache struct {
	hash     uint64
	tokens   int64
	rates    Rates
	stem     bool // it is for what several prompts share, and not for one conversation
	made     bool
	from     time.Duration
	until    time.Duration
	counted  time.Duration // the end that its token-hours are counted to
	visit    uint64        // the latest one that it serves
	index    int           // in the heap
	reserved price.Pico    // of the loss budget, while it is not made
}

// perHour is what it costs to hold it for an hour.
func (c *cache) perHour() price.Pico { return times(c.tokens, c.rates.Storage) }

// spent is what its creation and its storage until a time cost.
func (c *cache) spent(at time.Duration) (s price.Sum) {
	s.Add(times(c.tokens, c.rates.Create))
	s.Add(rent(c.tokens, at-c.from, c.rates.Storage))
	return s
}

// caches are the caches of a holder by hash, and by their ends.
type caches struct {
	byHash map[uint64]*cache
	ends   endings
	tokens int64 // of all
	// The sum of each one's tokens times the second at which it ends. It may wrap around; what is left of it after the part up to
	// now is taken away does not.
	tokenEnds int64
}

func newCaches() caches { return caches{byHash: make(map[uint64]*cache)} }

// add enters a cache. Its token-hours are counted to the time counted.
func (s *caches) add(c *cache, counted time.Duration) {
	s.byHash[c.hash] = c
	heap.Push(&s.ends, c)
	c.counted = counted
	s.count(c, 1)
}

func (s *caches) remove(c *cache) {
	s.count(c, -1)
	delete(s.byHash, c.hash)
	heap.Remove(&s.ends, c.index)
}

// move changes the end of a cache.
func (s *caches) move(c *cache, until time.Duration) {
	s.count(c, -1)
	c.until, c.counted = until, until
	s.count(c, 1)
	heap.Fix(&s.ends, c.index)
}

func (s *caches) count(c *cache, by int64) {
	s.tokens += by * c.tokens
	s.tokenEnds += by * c.tokens * int64((c.counted+time.Second-1)/time.Second)
}

// first returns the cache that ends first; nil if there is none.
func (s *caches) first() *cache {
	if len(s.ends) == 0 {
		return nil
	}
	return s.ends[0]
}

// capped shortens a time to live to what a cap on token-hours leaves for a cache with so many tokens. A cap of 0 is none.
func (s *caches) capped(hold time.Duration, tokens int64, now time.Duration, tokenHours int64) time.Duration {
	if tokenHours <= 0 || tokens <= 0 {
		return hold
	}
	const hour = int64(time.Hour / time.Second)
	left := min(tokenHours, math.MaxInt64/hour)*hour - (s.tokenEnds - s.tokens*int64(now/time.Second))
	seconds := min(max(left/tokens, 0), int64(horizon/time.Second))
	return min(hold, time.Duration(seconds)*time.Second)
}

// endings is a heap of caches by their ends.
type endings []*cache

func (e endings) Len() int           { return len(e) }
func (e endings) Less(i, k int) bool { return e[i].until < e[k].until }
func (e endings) Swap(i, k int) {
	e[i], e[k] = e[k], e[i]
	e[i].index, e[k].index = i, k
}

func (e *endings) Push(x any) {
	c := x.(*cache)
	c.index = len(*e)
	*e = append(*e, c)
}

func (e *endings) Pop() any {
	last := len(*e) - 1
	c := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return c
}
