package limit

import (
	"reflect"

	"github.com/skinflint-go/skinflint/policy"
)

// A group is a rule with its buckets: one, or one for each key that is in use.
type group struct {
	rule

	single  *bucket // if it has no keys; nil before it is used
	buckets map[string]*bucket
	all     []*bucket // the same, in any order
	hand    int       // the next of them to look at: see sweep
	peak    int       // how many the map has had
}

// keptKeys is how many buckets a limit has before those that are as good as new are dropped.
const keptKeys = 1024

func newGroup(l policy.Limit) *group {
	return &group{rule: newRule(l), buckets: make(map[string]*bucket)}
}

// sweep looks at two buckets, and drops those that are as good as new. It is called for each request that has a key, so there
// are at most about twice as many buckets as are in use.
func (g *group) sweep(now instant) {
	for range 2 {
		if len(g.all) <= keptKeys {
			return
		}
		if g.hand >= len(g.all) {
			g.hand = 0
		}
		b := g.all[g.hand]
		if !b.idle(now) {
			g.hand++
			continue
		}
		last := len(g.all) - 1
		g.all[g.hand], g.all[last] = g.all[last], nil
		g.all = g.all[:last]
		delete(g.buckets, b.key)
		g.shrink()
	}
}

// shrink makes the map anew when few are left of many: a map keeps its room.
func (g *group) shrink() {
	if g.peak < 8*keptKeys || len(g.all) > g.peak/4 {
		return
	}
	buckets := make(map[string]*bucket, len(g.all))
	for _, b := range g.all {
		buckets[b.key] = b
	}
	g.buckets, g.all, g.peak = buckets, append([]*bucket(nil), g.all...), len(g.all)
}

// change gives a group the figures of another limit.
func (g *group) change(now instant, l policy.Limit) {
	if reflect.DeepEqual(g.limit, l) {
		return
	}
	g.rule = newRule(l)
	for _, b := range g.all {
		b.plan(now)
	}
}
