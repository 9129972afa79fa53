package main

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// scripted writes as many blocks of each request as the script says.
type scripted struct {
	depths []int
	next   int
}

func (s *scripted) arrive(*request, time.Duration) int {
	s.next++
	return s.depths[s.next-1]
}
func (*scripted) answered(_, _ int64, _ time.Duration) {}

// TestClairvoyant compares with the best of all ways to write a small trace: no policy is below, and one reaches it.
func TestClairvoyant(t *testing.T) {
	for seed := range uint64(60) {
		tr := small(seed, 6, 3)
		for i := range products {
			p := &products[i]
			for _, scale := range []float64{1, 10} {
				want := cheapest(p, tr, scale)
				if got := p.clairvoyant(tr.requests, scale); got != want {
					t.Errorf("seed %d, %s, x%g: %v, want %v", seed, p.name, scale, got, want)
				}
			}
		}
	}
}

// cheapest tries every number of blocks for every request.
func cheapest(p *product, tr *trace, scale float64) price.Pico {
	best := p.never(tr.requests)
	depths := make([]int, len(tr.requests))
	for {
		best = min(best, p.run(tr.requests, scale, 0, &scripted{depths: depths}))
		i := 0
		for i < len(depths) && depths[i] == len(tr.requests[i].blocks) {
			depths[i] = 0
			i++
		}
		if i == len(depths) {
			return best
		}
		depths[i]++
	}
}

// TestWritesByHand has a prompt of three blocks that comes three times, four minutes apart, and once more after an hour.
func TestWritesByHand(t *testing.T) {
	requests := uses(3, 0, 4*time.Minute, 8*time.Minute, 68*time.Minute+time.Second)
	for i := range requests {
		requests[i].blocks, requests[i].tokens = requests[i].blocks[:3], 3*block
	}
	const all = 3 * block * 10_000                    // a percent of the prompt
	for name, want := range map[string][3]price.Pico{ // never, always, clairvoyant
		"5m": {400, 125 + 10 + 10 + 125, 125 + 10 + 10 + 100}, "30m": {400, 125 + 5 + 5 + 125, 125 + 5 + 5 + 100},
		"1h": {400, 200 + 10 + 10 + 200, 200 + 10 + 10 + 100}, "12h": {400, 250 + 5 + 5 + 5, 250 + 5 + 5 + 5},
	} {
		for i := range products {
			p := &products[i]
			if p.name != name {
				continue
			}
			got := [3]price.Pico{p.never(requests), p.run(requests, 1, 0, always{}), p.clairvoyant(requests, 1)}
			for k := range want {
				if got[k] != want[k]*all {
					t.Errorf("%s: never, always, clairvoyant: %v, want %v times %d", name, got, want, all)
					break
				}
			}
		}
	}
}

// TestWritesOnConversations holds what is promised: shares of what the clairvoyant saves, and how much is lost at most.
func TestWritesOnConversations(t *testing.T) {
	c := recorded(t)
	second := c.since(c.half())
	least := map[string]float64{"5m": 0.50, "30m": 0.60, "1h": 0.35, "12h": 0.30}
	reference := map[string]float64{"5m": 0.772, "30m": 0.707, "1h": 0.829, "12h": 0.847} // of another implementation
	for i := range products {
		p := &products[i]
		never, best := p.never(second), p.clairvoyant(second, 1)
		if got := over(best, never); got != reference[p.name] {
			t.Errorf("%s: clairvoyant %v, want %v", p.name, got, reference[p.name])
		}
		cost := p.run(c.requests, 1, c.half(), newLearned(*p))
		if got := share(never-cost, never-best); got < least[p.name] {
			t.Errorf("%s: share %.3f, want %.2f", p.name, got, least[p.name])
		}
	}
}

// TestWritesNeverLoseMuch holds that no setting of a generated trace costs a hundredth more than to write nothing.
func TestWritesNeverLoseMuch(t *testing.T) {
	for _, w := range workloads(nil, generated()) {
		loseLittle(t, w)
	}
}

func TestWritesNeverLoseMuchOnConversations(t *testing.T) {
	for _, w := range workloads(recorded(t), nil) {
		loseLittle(t, w)
	}
}

func loseLittle(t *testing.T, w workload) {
	for i := range products {
		p := &products[i]
		for _, scale := range scales {
			never, cost := p.never(w.requests), p.run(w.trace.requests, scale, w.begin, newLearned(*p))
			if got := over(cost, never); got > 1.01 {
				t.Errorf("%s, %s, x%g: %v times the cost without", w.name, p.name, scale, got)
			}
		}
	}
}
