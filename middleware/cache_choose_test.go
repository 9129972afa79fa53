package middleware_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A pace is a load of calls that share a prompt.
type pace struct {
	calls  int
	gap    time.Duration
	policy policy.Policy
	dies   bool // the provider loses each cache before the next call
}

// run returns what the calls and their caches cost, and how many caches there were.
func (p pace) run(t *testing.T) (cost price.Pico, created int) {
	t.Helper()
	inWorld(t, llmtest.Config{}, p.policy, func(w *world) {
		time.Sleep(time.Until(time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)))
		for n := range p.calls {
			for _, c := range w.provider.Caches() {
				if p.dies && c.Alive(time.Now()) {
					w.provider.KillCache(c.Name)
				}
			}
			if status := w.gemini(w.Context(), asking(fmt.Sprintf("Question %d?", n))); status != 200 {
				w.Fatalf("call %d: %d", n, status)
			}
			time.Sleep(p.gap)
			synctest.Wait()
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		cost, _ = w.stack.Totals().Cost.Pico()
		created = len(w.provider.Caches())
	})
	return cost, created
}

// Calls at a steady pace, on each tier: caches save what they should, or cost next to nothing. A pace of which the expected next
// use is at the very end of a cache is one that a cache serves.
func TestAutomaticCacheAtSteadyPace(t *testing.T) {
	if raceEnabled {
		t.Skip("it compares money over many calls, which takes minutes under the race detector")
	}
	for _, c := range []struct {
		gap    time.Duration
		tier   policy.Tier
		create policy.CacheTiming
		most   float64 // of the cost without caches
	}{
		{45 * time.Second, "", policy.CacheBefore, 0.75}, {90 * time.Second, "", policy.CacheBeside, 0.65},
		{180 * time.Second, "", policy.CacheBefore, 0.8}, {180 * time.Second, "", policy.CacheBeside, 0.98},
		{60 * time.Second, policy.Flex, policy.CacheBefore, 0.8}, {180 * time.Second, policy.Flex, policy.CacheBefore, 1.01},
		{300 * time.Second, policy.Flex, policy.CacheBeside, 1.01},
	} {
		p := pace{calls: 300, gap: c.gap, policy: policy.Policy{Tier: c.tier}}
		without, _ := p.run(t)
		p.policy.Cache = policy.Cache{Mode: policy.CacheAuto, Create: c.create}
		with, created := p.run(t)
		if ratio := float64(with) / float64(without); ratio > c.most || created > 70 {
			t.Errorf("each %v, tier %q, %s: %.3f of the cost without caches, want %.2f; %d caches", c.gap, c.tier, c.create, ratio, c.most, created)
		}
	}
}

// Caches that are lost before they are read earn nothing, so the loss budget stops them.
func TestAutomaticCacheThatDies(t *testing.T) {
	if raceEnabled {
		t.Skip("it compares money over many calls, which takes minutes under the race detector")
	}
	p := pace{calls: 600, gap: 3 * time.Second, dies: true}
	without, _ := p.run(t)
	for _, create := range []policy.CacheTiming{policy.CacheBefore, policy.CacheBeside} {
		p.policy.Cache = policy.Cache{Mode: policy.CacheAuto, Create: create}
		with, created := p.run(t)
		if created == 0 || float64(with) > 1.01*float64(without) {
			t.Errorf("%s: %d caches, cost $%s, without $%s", create, created, with, without)
		}
	}
}
