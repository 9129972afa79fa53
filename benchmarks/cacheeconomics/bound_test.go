package main

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy/price"
)

func modes() []setting { return append(settings(reuse.Before), settings(reuse.Beside)...) }

// TestBound holds that nothing saves more than the bound: not hindsight, no simple policy, and not ours.
func TestBound(t *testing.T) {
	for seed := range uint64(6) {
		tr := small(seed, 150, 12)
		nodes := nodesOf(tr.requests)
		for _, s := range modes() {
			most, none := bound(tr.requests, nodes, s), s.without(tr.requests)
			if h := hindsight(tr.requests, nodes, s); h < 0 || h > most {
				t.Errorf("seed %d, %+v: hindsight saves %v, bound %v", seed, s, h, most)
			}
			for i := range simple {
				if saved := none - simple[i].run(tr.requests, s, 0); saved > most {
					t.Errorf("seed %d, %+v: %s saves %v, bound %v", seed, s, simple[i].name, saved, most)
				}
			}
			o, err := hold(tr, s, 0, reuse.HolderConfig{})
			if err != nil || none-o.cost > most {
				t.Errorf("seed %d, %+v: ours saves %v, bound %v, %v", seed, s, none-o.cost, most, err)
			}
		}
	}
}

// TestBoundBlock compares the bound of a block with the best of all ways to hold it.
func TestBoundBlock(t *testing.T) {
	for seed := range uint64(40) {
		tr := small(seed, 12, 6)
		for _, n := range nodesOf(tr.requests) {
			if len(n.users) > 9 {
				continue
			}
			for _, s := range modes() {
				want := bestHolding(tr.requests, n, s)
				if got := boundBlock(tr.requests, n, s); got != want {
					t.Fatalf("seed %d, %+v, users %v: %v, want %v", seed, s, n.users, got, want)
				}
			}
		}
	}
}

// bestHolding tries all: after each use, the block is held until the next or it is not.
func bestHolding(requests []request, n node, s setting) (best price.Pico) {
	for held := range 1 << len(n.users) {
		var saved price.Pico
		living := false
		var before time.Duration
		for i, u := range n.users {
			at := s.time(requests[u].at)
			after := held>>i&1 == 1
			gain := (s.model.rates.Input - s.model.rates.Cached) * block
			if int64(n.depth)*block <= requests[u].repeatable() {
				gain = (s.repeated() - s.model.rates.Cached) * block
			}
			switch {
			case living:
				saved += gain - s.rent(block, at-before)
			case after && s.beside():
				saved -= s.create(block)
			case after:
				saved += gain - s.create(block)
			}
			living, before = after, at
		}
		best = max(best, saved)
	}
	return best
}
