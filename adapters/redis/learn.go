package redis

import (
	"context"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// newLearner returns the limiter of what this process learns; nil if no limit does. The figures of the limits are left out:
// Redis has them.
func newLearner(limits []policy.Limit) *limit.Local {
	var learn []policy.Limit
	for _, l := range limits {
		if l.Learn {
			learn = append(learn, policy.Limit{Name: l.Name, Match: l.Match, Tier: l.Tier, Per: l.Per, Zone: l.Zone, Learn: true})
		}
	}
	if learn == nil {
		return nil
	}
	return limit.NewLocal(learn, nil)
}

// waitLearned waits for what this process has learned; it returns nil if nothing that learns matches.
func (l *Limiter) waitLearned(ctx context.Context, r *limit.Request) (limit.Permit, error) {
	if !l.Learns(r) {
		return nil, nil
	}
	return l.learner.Wait(ctx, r)
}

// Learns implements [limit.Learner].
func (l *Limiter) Learns(r *limit.Request) bool { return l.learner != nil && l.learner.Learns(r) }

// Learn implements [limit.Learner]. Each process learns by itself, from its own answers. What it learns bounds only what itself
// sends: a stated limit holds for each process, until its answers say that others use it, too. Set figures in limits that
// processes share, and use Learn beside them.
func (l *Limiter) Learn(r *limit.Request, a limit.Answer) {
	if l.learner != nil {
		l.learner.Learn(r, a)
	}
}
