package limit

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// A group is a limit with its buckets: one, or one for each key that is in use.
type group struct {
	limit policy.Limit
	text  string // for errors
	per   []string
	zone  *time.Location // where its day ends; nil: the request says it
	plan  []planned      // the flows of a new bucket
	daily bool           // it counts by the day

	single  *bucket // if it has no keys; nil before it is used
	buckets map[string]*bucket
	all     []*bucket // the same, in any order
	hand    int       // the next of them to look at: see sweep
	peak    int       // how many the map has had
}

// A planned is a flow of the policy's.
type planned struct {
	unit             unit
	perMinute, burst int64
}

// keptKeys is how many buckets a limit has before those that are as good as new are dropped.
const keptKeys = 1024

func newGroup(l policy.Limit) *group {
	return &group{limit: l, text: Describe(l), per: l.Dimensions(), zone: l.Location(), plan: planOf(&l),
		daily: l.RequestsPerDay > 0 || l.TokensPerDay > 0, buckets: make(map[string]*bucket)}
}

// planOf returns the flows of a limit.
func planOf(l *policy.Limit) (plan []planned) {
	for _, p := range [...]planned{
		{unitRequests, int64(l.RequestsPerMinute), int64(l.Bursts())},
		{unitTokens, l.TokensPerMinute, l.TokenBursts(l.TokensPerMinute)},
		{unitInput, l.InputTokensPerMinute, l.TokenBursts(l.InputTokensPerMinute)},
		{unitOutput, l.OutputTokensPerMinute, l.TokenBursts(l.OutputTokensPerMinute)},
	} {
		if p.perMinute > 0 {
			plan = append(plan, p)
		}
	}
	return plan
}

// bucket returns the bucket of the request, which is new if there is none.
func (q *Local) bucket(now instant, g *group, r *Request) *bucket {
	if len(g.per) == 0 {
		if g.single == nil {
			g.single = q.newBucket(now, g, r, "")
		}
		return g.single
	}
	g.sweep(now)
	q.key = policy.AppendKey(q.key[:0], g.per, &r.Subject, r.Tier, r.Key, r.Tags)
	b := g.buckets[string(q.key)]
	if b == nil {
		b = q.newBucket(now, g, r, string(q.key))
		g.buckets[b.key] = b
	}
	return b
}

// newBucket returns a bucket of which nothing is used.
func (q *Local) newBucket(now instant, g *group, r *Request, key string) *bucket {
	q.made++
	b := &bucket{group: g, key: key, id: q.made}
	b.plan(now, r)
	g.all = append(g.all, b)
	g.peak = max(g.peak, len(g.all))
	return b
}

// plan gives a bucket the flows and days of its group. Those that are there keep what was taken from them.
func (b *bucket) plan(now instant, r *Request) {
	g := b.group
	old := bucket{flows: b.flows}
	b.flows = make([]flow, len(g.plan))
	for i, p := range g.plan {
		f := &b.flows[i]
		f.unit = p.unit
		f.set(time.Time{}, p.perMinute, p.burst) // a flow of which the last change was so long ago is full
		if was := old.flow(p.unit); was != nil {
			if missing := was.burst - was.left(now.Time); missing > 0 {
				f.take(now.Time, missing)
			}
		}
	}
	switch {
	case !g.daily:
		b.days = nil
	case b.days == nil:
		b.days = &days{zone: zoneOf(g, r)}
	}
	if b.learned != nil {
		b.setFlows(now)
	}
}

// zoneOf returns where a day ends.
func zoneOf(g *group, r *Request) *time.Location {
	switch {
	case g.zone != nil:
		return g.zone
	case r != nil && r.Zone != nil:
		return r.Zone
	}
	return time.UTC
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
