package main

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// hindsight returns what caches save whose prefix, beginning and end are chosen with the future known. Each cache is one
// prefix, created at one request (which is served from it, unless caches are created beside) and deleted at its last use.
// Each request is served from at most one cache. The choice is greedy: always the cache that saves the most, given those
// chosen before. It is no bound, as the choice is not the best one, but no policy without the future has come near it.
//
// What a cache saves can only fall when another is chosen, because requests that have a cache gain less from a second. So a
// candidate is counted again only when it comes first in the order of what it last saved.
func hindsight(requests []request, nodes []node, s setting) price.Pico {
	c := newChooser(requests, s)
	c.find(nodes)
	heap.Init(&c.queue)
	var saved price.Pico
	for len(c.queue) > 0 {
		best := &c.queue[0]
		if now := c.count(best, false); now < best.saves {
			if now <= 0 {
				heap.Pop(&c.queue)
				continue
			}
			best.saves = now
			heap.Fix(&c.queue, 0)
			continue
		}
		saved += best.saves
		c.count(best, true)
		heap.Pop(&c.queue)
	}
	return saved
}

// A candidate is a cache that may be chosen.
type candidate struct {
	tokens int64
	users  []int32    // requests that have the prefix, from the cache's beginning to its end
	saves  price.Pico // when it was counted last
}

// A chooser has what is chosen so far. Per request it keeps only what count needs, because count takes nearly all the time.
type chooser struct {
	setting
	gains    []gain
	ofRepeat price.Pico // what a token saves that is read from a cache, where the prompt's repeated prefix has it
	ofFresh  price.Pico // and elsewhere
	queue    candidates
}

// gain is what a request saves by the cache that it is served from.
type gain struct {
	at       time.Duration
	repeated int64 // tokens of the repeated prefix
	saved    price.Pico
}

func newChooser(requests []request, s setting) *chooser {
	c := &chooser{
		setting: s, gains: make([]gain, len(requests)),
		ofRepeat: s.repeated() - s.model.rates.Cached, ofFresh: s.model.rates.Input - s.model.rates.Cached,
	}
	for i := range requests {
		c.gains[i] = gain{at: s.time(requests[i].at), repeated: requests[i].repeatable()}
	}
	return c
}

// find fills the queue with the prefixes that were used more than once. Where the storage until the next use costs more than
// a new cache, the prefix is several candidates.
func (c *chooser) find(nodes []node) {
	for _, n := range nodes {
		if n.depth < leastBlocks {
			continue
		}
		longest := c.breakEven(c.model.rates.Input)
		from := 0
		for i := 1; i <= len(n.users); i++ {
			if i < len(n.users) && c.between(n.users[i-1], n.users[i]) <= longest {
				continue
			}
			if i-from > 1 {
				one := candidate{tokens: int64(n.depth) * block, users: n.users[from:i]}
				if one.saves = c.count(&one, false); one.saves > 0 {
					c.queue = append(c.queue, one)
				}
			}
			from = i
		}
	}
}

func (c *chooser) between(a, b int32) time.Duration {
	return c.gains[b].at - c.gains[a].at
}

// count returns what a candidate saves. The cache begins at the first request that it is created for and ends at the last
// that gains from it. With take, the requests that gain are served from it from now on.
func (c *chooser) count(one *candidate, take bool) price.Pico {
	first, last, served := int32(-1), int32(-1), 0
	var sum price.Pico
	users := one.users
	if c.beside() {
		first, served, users = users[0], 1, users[1:]
	}
	for _, u := range users {
		g := &c.gains[u]
		repeated := min(one.tokens, g.repeated)
		saved := price.Pico(repeated)*c.ofRepeat + price.Pico(one.tokens-repeated)*c.ofFresh
		if saved <= g.saved {
			continue
		}
		sum += saved - g.saved
		if take {
			g.saved = saved
		}
		if first < 0 {
			first = u
		}
		last = u
		served++
	}
	if served < 2 {
		return 0
	}
	return sum - c.create(one.tokens) - c.rent(one.tokens, c.between(first, last))
}

type candidates []candidate

func (q candidates) Len() int           { return len(q) }
func (q candidates) Less(i, j int) bool { return q[i].saves > q[j].saves }
func (q candidates) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *candidates) Push(x any)        { *q = append(*q, x.(candidate)) }
func (q *candidates) Pop() any {
	one := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return one
}

// A node is a prefix of prompts, up to the end of a full block.
type node struct {
	depth int     // in blocks
	users []int32 // the requests that have it, in order
}

// nodesOf returns all prefixes of the requests, in an order that is the same in each run.
func nodesOf(requests []request) []node {
	at := make(map[uint64]int32)
	var nodes []node
	for i := range requests {
		r := &requests[i]
		for d, id := range r.blocks[:r.full] {
			k, ok := at[id]
			if !ok {
				k = int32(len(nodes))
				at[id] = k
				nodes = append(nodes, node{depth: d + 1})
			}
			nodes[k].users = append(nodes[k].users, int32(i))
		}
	}
	slices.SortStableFunc(nodes, func(a, b node) int { return cmp.Compare(b.depth, a.depth) })
	return nodes
}
