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
	if l.learner == nil {
		return nil, nil
	}
	return l.learner.Wait(ctx, r)
}

// A learningPermit is a permit of an attempt from whose answer this process learns.
type learningPermit struct {
	*permit
	learner limit.LearningPermit
}

// Learn implements [limit.LearningPermit].
func (p learningPermit) Learn(a limit.Answer) { p.learner.Learn(a) }
