package reuse

import "time"

// sight is what is seen of a prompt before it is remembered.
type sight struct {
	now      time.Duration
	repeated int // nodes, from the first, that were seen before and have enough tokens for a cache; 0: none
	tip      int // nodes of the prefix that the next turn is likely to have
	turn     int
	is       circumstances
}

// see returns the circumstances of a prompt of which the first n nodes were seen before. stem is what is remembered of the last
// of them, nil if n is 0.
func see(p *Prompt, n int, stem *prefix, short *shortfall, now time.Duration) (s sight) {
	s.now = now
	if n > 0 && p.Nodes[n-1].Tokens >= p.Least {
		s.repeated = n
	}
	s.tip = max(short.likely(p), s.repeated)
	var repeated int64
	if s.repeated > 0 {
		repeated = p.Nodes[n-1].Tokens
		missed := int(stem.depth) - s.repeated
		if s.turn = 1 + int(stem.born); missed <= 1 {
			s.turn = 1 + int(stem.turn)
		} else {
			s.is.fork = true
		}
		s.is.uses = classify(int(stem.uses))
		s.is.gap = gapClass(now - stem.last)
		short.add(missed)
	}
	s.is.turn = classify(s.turn)
	if s.is.fork {
		s.is.turn = forked
	}
	s.is.size = min(octave(p.Tokens/2048), sizes-1)
	s.is.growth = growthClass(p.Tokens, repeated, s.turn)
	s.is.fresh = min(octave((p.Tokens-repeated)/64), fresh-1)
	if s.turn == 0 {
		s.is.fresh = 0
	}
	return s
}
