package llmtest

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

const (
	// lookBack is how many blocks before a marker Anthropic looks for what was written.
	lookBack = 20
	// latestEnds is how many ends of messages OpenAI looks at.
	latestEnds = 50
	// longTTL is the least time to live that has the higher price.
	longTTL = time.Hour
)

// promptEntry is a prefix that was written.
type promptEntry struct {
	ttl     time.Duration
	expires time.Time
}

// promptKey is where a prefix is looked for.
type promptKey struct{ provider, model, owner, key, prefix string }

// promptStore holds the prefixes that were written. Its zero value is empty.
type promptStore struct {
	mu      sync.Mutex
	entries map[promptKey]*promptEntry
}

// use reads the longest prefix that was written and is alive, writes what is to be written, and counts both in g.
func (s *promptStore) use(g *Generation, p *prompt, owner string) {
	if p.rules == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := func(block int) promptKey {
		return promptKey{g.Provider, g.Model, owner, p.key, p.blocks[block].prefix}
	}
	for _, block := range p.places() {
		e := s.entries[at(block)]
		if e == nil || !g.At.Before(e.expires) {
			continue
		}
		e.expires = g.At.Add(e.ttl) // it is kept for as long again
		g.Cached = p.blocks[block].tokens
		break
	}
	done := g.Cached
	for _, m := range p.writes() {
		n := p.blocks[m.block].tokens
		if n < p.rules.least || n <= done {
			continue
		}
		g.Written += n - done
		if m.ttl >= longTTL {
			g.WrittenLong += n - done
		}
		done = n
		if s.entries == nil {
			s.entries = map[promptKey]*promptEntry{}
		}
		s.entries[at(m.block)] = &promptEntry{m.ttl, g.At.Add(m.ttl)}
	}
}

// writes returns the places up to which the prompt is written, in its order, with the times to live.
func (p *prompt) writes() []marker {
	all := slices.Clone(p.markers)
	for i := range all {
		all[i].ttl = cmp.Or(all[i].ttl, p.implicit)
	}
	if end := p.newest(); !p.explicit && end >= 0 && len(all) < mostMarkers {
		all = append(all, marker{end, p.implicit})
	}
	slices.SortStableFunc(all, func(a, b marker) int { return a.block - b.block })
	return all
}

// newest returns the end of the newest message that is not the model's, or -1.
func (p *prompt) newest() int {
	for i := len(p.blocks) - 1; i >= 0; i-- {
		if p.blocks[i].ends {
			return i
		}
	}
	return -1
}

// places returns the blocks at whose ends a written prefix may end that is read, the last one first.
func (p *prompt) places() (blocks []int) {
	back := 0
	if p.rules.member == "cache_control" {
		back = lookBack
	}
	for _, m := range p.markers {
		for i := m.block; i >= max(0, m.block-back); i-- {
			blocks = append(blocks, i)
		}
	}
	if !p.explicit {
		ends := 0
		for i := len(p.blocks) - 1; i >= 0 && ends < latestEnds; i-- {
			if p.blocks[i].ends {
				blocks = append(blocks, i)
				ends++
			}
		}
	}
	slices.Sort(blocks)
	slices.Reverse(blocks)
	return blocks
}
