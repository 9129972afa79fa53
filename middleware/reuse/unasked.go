package reuse

import (
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// unasked follows what a provider that writes each prompt by itself would have in its cache if all requests were left alone.
// Only the prefixes are readable at whose ends a prompt ended (OpenAI).
type unasked struct {
	ends  *lru[time.Duration] // when each prefix leaves that cache
	fixed *lru[time.Duration] // until when beginnings that cannot be marked are in it, as parts of prompts

	// Of the latest prompts that were long enough to be written, how many there were, and how many began as an earlier one.
	long, repeated float64
}

// left is what would become of a request that is left alone.
type left struct {
	nodes         int   // that are read
	read, written int64 // tokens
}

// see notes that a prompt is used, and returns what becomes of it. fixed says whether its fixed beginning could be read.
func (m *unasked) see(p *Prompt, ttl, now time.Duration) (l left, fixed bool) {
	last := len(p.Nodes) - 1
	for i := last; i >= 0; i-- {
		if until := m.ends.find(p.Nodes[i].Hash); until != nil && *until >= now {
			*until = now + ttl
			l.nodes, l.read = i+1, p.Nodes[i].Tokens
			break
		}
	}
	if p.Nodes[last].Tokens >= p.Least {
		l.written = p.Nodes[last].Tokens - l.read
		until, _ := m.ends.touch(p.Nodes[last].Hash)
		*until = now + ttl
	}
	if p.Fixed.Tokens >= p.Least {
		until, isNew := m.fixed.touch(p.Fixed.Hash)
		fixed = !isNew && *until >= now
		*until = now + ttl
	}
	return l, fixed
}

// shareForgotten is how much less a prompt counts with each later one, and minShare the share of prompts that begin as an earlier
// one for which a write pays: it costs a quarter of the input, and a read saves nearly all of it.
const (
	shareForgotten = 0.02
	minShare       = 0.2
)

// expected reports whether there is evidence that the prompt, or others like it, are used again.
func (m *unasked) expected(p *Prompt, repeated bool) bool {
	if p.Nodes[len(p.Nodes)-1].Tokens < p.Least {
		return true // it is not written
	}
	share := m.repeated > minShare*m.long
	m.long, m.repeated = m.long*(1-shareForgotten)+1, m.repeated*(1-shareForgotten)
	if repeated {
		m.repeated++
	}
	return repeated || share
}

// maxFixed is how many beginnings that cannot be marked are remembered.
const maxFixed = 1000

// leave leaves a request to a provider that writes by itself, unless something else is known to be better.
func (w *Writer) leave(x *Writing, p *Prompt, s *sight, places *[2]place, now time.Duration) {
	if w.unasked == nil {
		w.unasked = &unasked{ends: newLRU[time.Duration](w.config.Blocks), fixed: newLRU[time.Duration](min(w.config.Blocks, maxFixed))}
	}
	expected := w.unasked.expected(p, s.repeated > 0)
	short := x.rates.Options[0]
	off, fixed := w.unasked.see(p, short.TTL, now)
	x.off = off
	last := len(x.nodes) - 1
	switch read := off.nodes - 1; {
	case w.purse.room(w.config.PerMille) < 0:
	case x.Node == last:
		if x.Option > 0 || x.Read > read {
			return
		}
	case x.Node >= 0 && x.Node > read:
		return // what it writes ends where the provider's own does not
	case x.Read > read && x.prefix(x.Read+1) >= p.Least:
		return // only with a mark is it read
	case off.read > 0 || fixed:
		// It would be read, and what comes after it as well.
	default:
		if !expected || !w.mayEarn(x, &places[0], short) { // nothing is written without evidence that it is used again
			return
		}
	}
	x.Leave, x.Node, x.Option, x.cost = true, last, 0, 0
	if x.nodes[last].Tokens < p.Least {
		x.Node = -1
	}
}

// mayEarn reports whether a write may earn what it costs, as far as is known.
func (w *Writer) mayEarn(x *Writing, at *place, o WriteOption) bool {
	if at.nodes == 0 {
		return true // too short to be written at all
	}
	in := float64(x.rates.Input)
	gain := 1 - float64(x.rates.Cached)/in + w.next[0][at.traits.aged[0]].value(0, 5)
	return w.learner.assuming(hopeful, &at.traits, o.TTL)*gain >= max(float64(o.Write)/in-1, 0)
}

// beyond returns by how much less a request has cost than it would have if it had been left alone, given the tokens that were
// read and written.
func (x *Writing) beyond(cached, written int64) price.Pico {
	r := &x.rates
	saves, short := r.Input-r.Cached, r.base()-r.Input
	if x.Leave {
		// It has cost the same, unless an earlier request had something not written. Counts of tokens are not exact.
		if cached >= x.off.read-x.off.read/10 {
			return 0
		}
		return -times(x.off.read-cached, saves+short)
	}
	each := short
	if x.Node >= 0 {
		each = max(r.Options[x.Option].Write-r.Input, 0)
	}
	beyond := add(times(cached, saves), -times(written, each))
	return add(beyond, add(times(x.off.written, short), -times(x.off.read, saves)))
}
