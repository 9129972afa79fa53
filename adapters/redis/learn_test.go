package redis_test

import (
	"errors"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// A process learns from the answers of its own attempts, whether Redis has figures for the limit or not.
func TestLearn(t *testing.T) {
	store := newStore(t, newClient(t, redistest.Start(t).Addr()), redis.Config{})
	l := limiterOf(t, store, []policy.Limit{
		{Name: "figures", Match: policy.Match{Provider: "openai"}, RequestsPerMinute: 6000, Burst: 100, Learn: true},
		{Name: "no figures", Match: policy.Match{Provider: "groq"}, Learn: true},
		{Name: "does not learn", Match: policy.Match{Provider: "gemini"}, RequestsPerMinute: 6000, Burst: 100},
	}, nil)
	for provider, want := range map[string]bool{"openai": true, "groq": true, "gemini": false} {
		r := limit.Request{Subject: policy.Subject{Provider: provider}, Call: provider, Attempt: 1}
		p, err := l.Wait(t.Context(), &r)
		if err != nil {
			t.Fatal(err)
		}
		learner, ok := p.(limit.LearningPermit)
		if ok != want {
			t.Fatalf("%s: LearningPermit: %t", provider, ok)
		}
		if ok {
			learner.Learn(limit.Answer{Limited: true, RetryAfter: time.Hour})
		}
		p.Release(limit.Count{Requests: 1})
		r.Attempt, r.Deadline = 2, time.Now().Add(time.Minute)
		p, err = l.Wait(t.Context(), &r)
		var e *limit.Error
		if errors.As(err, &e) != want || err != nil && e.Wait < 59*time.Minute {
			t.Errorf("%s: after the answer: %v", provider, err)
		}
		if p != nil {
			p.Release(limit.Count{Requests: 1})
		}
	}
}
