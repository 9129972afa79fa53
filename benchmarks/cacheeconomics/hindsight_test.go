package main

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy/price"
)

// uses returns requests that have the same first n blocks and one block of their own each.
func uses(n int, at ...time.Duration) []request {
	m := newMaker(1)
	prefix := m.fresh(n)
	for _, t := range at {
		m.ask(t, prefix, 1, 10)
	}
	return newTrace("uses", m.requests).requests
}

// TestHindsightByHand has a prefix of eight blocks that is used three times in a minute, and once more after a day.
func TestHindsightByHand(t *testing.T) {
	requests := uses(8, 0, 30*time.Second, time.Minute, 24*time.Hour)
	nodes := nodesOf(requests)
	const tokens = 8 * block
	for _, c := range []struct {
		implicit int
		mode     reuse.Mode
		reads    price.Pico // in hundredths of what a read saves that would not have been cached otherwise
	}{
		{0, reuse.Before, 300}, {0, reuse.Beside, 200}, {30, reuse.Before, 240}, {70, reuse.Before, 160},
	} {
		s := setting{models[0], 1, c.implicit, c.mode}
		create, rent := price.Pico(tokens*1_250_000), price.Pico(tokens*4_500_000/60)
		want := max(0, tokens*1_125_000*c.reads/100-create-rent)
		if got := hindsight(requests, nodes, s); got != want {
			t.Errorf("%+v saves %v, want %v", s, got, want)
		}
		if got := bound(requests, nodes, s); got < want {
			t.Errorf("%+v: bound %v, below %v", s, got, want)
		}
	}
}

// TestHindsightOneCachePerRequest has a short prefix that all share and a long one within it: each request gains by the one
// that it is served from.
func TestHindsightOneCachePerRequest(t *testing.T) {
	m := newMaker(1)
	short := m.fresh(4)
	long := append(append([]uint64{}, short...), m.fresh(4)...)
	for i := range 10 {
		at := time.Duration(i) * time.Second
		m.ask(at, short, 1, 10)
		m.ask(at, long, 1, 10)
	}
	requests := newTrace("two", m.requests).requests
	s := setting{models[0], 1, 0, reuse.Before}
	want := price.Pico(0)
	for _, tokens := range []price.Pico{4 * block, 8 * block} {
		want += tokens*1_125_000*10 - tokens*1_250_000 - tokens*4_500_000*9/3600
	}
	if got := hindsight(requests, nodesOf(requests), s); got != want {
		t.Errorf("saves %v, want %v", got, want)
	}
}

// TestHindsightOnConversations holds the figures of another implementation of the same method.
func TestHindsightOnConversations(t *testing.T) {
	c := recorded(t)
	requests := c.since(c.half())
	nodes := nodesOf(requests)
	for _, k := range []struct {
		scale          float64
		implicit       int
		before, beside float64
	}{{0.1, 0, 24.3, 12.1}, {0.1, 70, 6.3, 1.2}, {1, 0, 19.2, 8.9}, {1, 30, 12.0, 4.3}} {
		for mode, want := range map[reuse.Mode]float64{reuse.Before: k.before, reuse.Beside: k.beside} {
			s := setting{models[0], k.scale, k.implicit, mode}
			got := 100 * float64(hindsight(requests, nodes, s)) / float64(s.without(requests))
			if got < want-0.051 || got > want+0.051 {
				t.Errorf("%+v: saves %.2f %%, want %.1f", s, got, want)
			}
		}
	}
}
