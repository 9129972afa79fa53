package main

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy/price"
)

// TestBaselinesByHand has a prefix of eight blocks that is used four times, a minute apart, by requests with a block of their
// own that is not full. Prices are of 2.5 Pro per token.
func TestBaselinesByHand(t *testing.T) {
	requests := uses(8, 0, time.Minute, 2*time.Minute, 3*time.Minute)
	const (
		in, cached, hour = 1_250_000, 125_000, 4_500_000
		tokens, own      = 8 * block, block - 100
	)
	inline, read := price.Pico((tokens+own)*in), price.Pico(tokens*cached+own*in)
	create, minute := price.Pico(tokens*in), price.Pico(tokens*hour/60)
	for _, c := range []struct {
		name   string
		scale  float64
		beside bool
		want   price.Pico
	}{
		// A full block is the last that a cache can have, so all requests have the same cache. It lives until the end.
		{"always 1 h", 1, false, create + 4*read + 3*minute},
		{"always 1 h", 1, true, create + inline + 3*read + 3*minute},
		{"second sighting", 1, false, inline + create + 3*read + 2*minute},
		{"second sighting", 1, true, 2*inline + create + 2*read + 2*minute},
		// Ten minutes apart, storage until the next use costs most of what it saves: 15 minutes are the break-even.
		{"second sighting", 10, false, inline + create + 3*read + 20*minute},
		// The last block of a prompt is not full, so nothing is known of how prompts go on after the prefix.
		{"branch", 1, false, 4 * inline},
	} {
		s := setting{models[0], c.scale, 0, reuse.Before}
		if c.beside {
			s.mode = reuse.Beside
		}
		for i := range simple {
			if simple[i].name != c.name {
				continue
			}
			if got := simple[i].run(requests, s, 0); got != c.want {
				t.Errorf("%s, x%g, beside %v: %v, want %v", c.name, c.scale, c.beside, got, c.want)
			}
		}
	}
}

// TestBranchByHand has prompts that go on differently after eight blocks. The third sees that two have parted there.
func TestBranchByHand(t *testing.T) {
	m := newMaker(1)
	prefix := m.fresh(8)
	for i := range 4 {
		m.ask(time.Duration(i)*time.Minute, prefix, 2, 10)
	}
	requests := newTrace("branches", m.requests).requests
	s := setting{models[0], 1, 0, reuse.Before}
	const tokens = 8 * block
	none := s.without(requests)
	// The second sees that it parts from the first.
	want := none + tokens*1_250_000 + 2*tokens*4_500_000/60 - 3*tokens*1_125_000
	if got := simple[2].run(requests, s, 0); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestBaselinesOnConversations holds the figures of another implementation.
func TestBaselinesOnConversations(t *testing.T) {
	c := recorded(t)
	want := map[string][]float64{ // x0.1, x1, x10 without implicit hits
		"always 1 h": {1.102, 1.800, 3.923}, "second sighting": {0.893, 1.018, 1.274}, "branch": {0.982, 0.995, 1.031},
	}
	for i := range simple {
		for k, scale := range scales {
			s := setting{models[0], scale, 0, reuse.Before}
			cost, none := simple[i].run(c.requests, s, c.half()), s.without(c.since(c.half()))
			if got := over(cost, none); got != want[simple[i].name][k] {
				t.Errorf("%s, x%g: %v, want %v", simple[i].name, scale, got, want[simple[i].name][k])
			}
		}
	}
}
