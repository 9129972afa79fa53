package limit

import (
	"slices"

	"github.com/skinflint-go/skinflint/policy"
)

// match finds the buckets and budgets that match a request.
func (q *Local) match(now instant, r *Request) {
	q.buckets, q.refs = q.buckets[:0], q.refs[:0]
	for _, g := range q.groups {
		if !r.MoneyOnly && g.limit.Selects(&r.Subject, r.Tier, r.Tags) {
			q.buckets = append(q.buckets, q.bucket(now, g, r))
		}
	}
	q.refs = q.accounts.Match(q.refs, &r.Subject, r.Tier, r.Key, r.Tags)
}

// holds reports whether one of the limits that were matched last is on concurrency.
func (q *Local) holds() bool {
	return slices.ContainsFunc(q.buckets, func(b *bucket) bool { return b.rule.limit.Concurrency > 0 })
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
	b := &bucket{rule: &g.rule, key: key, id: q.made, zone: r.Zone}
	b.plan(now)
	g.all = append(g.all, b)
	g.peak = max(g.peak, len(g.all))
	return b
}
