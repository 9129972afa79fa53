package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// A tracedClient sends the calls of a trace.
type tracedClient struct {
	key, name string
	// open returns how it holds calls back, at a limit.
	open func(perMinute int64) holder
}

// A holder holds attempts back. admit fails if the attempt is not to be sent. learn gets what an answer says, and done what
// the attempt counted for.
type holder interface {
	admit(ctx context.Context, e estimate, deadline time.Time) (done func(limit.Tokens), learn func(limit.Answer), err error)
}

// An estimate is what a call is estimated to use.
type estimate = limit.Tokens

var tracedClients = []tracedClient{
	{"none", "no limiter", func(int64) holder { return free{} }},
	{"xtime", "x/time/rate", func(perMinute int64) holder {
		return paced{rate.NewLimiter(rate.Limit(float64(perMinute)/60), int(perMinute/6))}
	}},
	{"ours", "skinflint", func(perMinute int64) holder {
		return learning{limit.NewLocal([]policy.Limit{{TokensPerMinute: perMinute, Learn: true}}, nil)}
	}},
	{"learned", "skinflint, not configured: it learns the limit", func(int64) holder {
		return learning{limit.NewLocal([]policy.Limit{{Learn: true}}, nil)}
	}},
}

// free holds nothing back.
type free struct{}

func (free) admit(context.Context, estimate, time.Time) (func(limit.Tokens), func(limit.Answer), error) {
	return func(limit.Tokens) {}, func(limit.Answer) {}, nil
}

// paced waits for the tokens of the estimate.
type paced struct{ *rate.Limiter }

func (p paced) admit(ctx context.Context, e estimate, deadline time.Time) (func(limit.Tokens), func(limit.Answer), error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	err := p.WaitN(ctx, int(e.Input+e.Output))
	return func(limit.Tokens) {}, func(limit.Answer) {}, err
}

// learning waits for a Local, which learns.
type learning struct{ *limit.Local }

func (o learning) admit(ctx context.Context, e estimate, deadline time.Time) (func(limit.Tokens), func(limit.Answer), error) {
	r := &limit.Request{
		Subject: policy.Subject{Provider: "openai", Operation: "chat", Model: "code"}, Tokens: e, Deadline: deadline,
	}
	permit, err := o.Wait(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	learn := func(limit.Answer) {}
	if learner, ok := permit.(limit.LearningPermit); ok {
		learn = learner.Learn
	}
	return func(t limit.Tokens) { permit.Release(limit.Count{Requests: 1, Tokens: t}) }, learn, nil
}

// An estimator estimates as a client can that does not know the tokenizer: prompts at 0.8 to 1.4 of the truth, corrected by
// what answers reported, and outputs by the one that nine of ten did not exceed.
type estimator struct {
	mu      sync.Mutex
	random  *rand.Rand
	factor  float64 // truth over estimate
	ninth   float64 // of the outputs
	reserve bool
}

func newEstimator(how counting) *estimator {
	return &estimator{random: rand.New(rand.NewPCG(2023, 11)), factor: 1, ninth: 100, reserve: how.reserves}
}

// estimate returns an estimate, and the one of the prompt before it was corrected.
func (e *estimator) estimate(c tracedCall) (t estimate, raw float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	raw = float64(c.prompt) * (0.8 + 0.6*e.random.Float64())
	t = estimate{Input: int64(raw * e.factor), Output: int64(e.ninth)}
	if e.reserve {
		t.Output = traceOutput
	}
	return t, raw
}

// learn corrects later estimates.
func (e *estimator) learn(c tracedCall, raw float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if raw > 0 {
		e.factor += (float64(c.prompt)/raw - e.factor) / 50
	}
	if float64(c.output) > e.ninth {
		e.ninth += 9
	} else {
		e.ninth = max(1, e.ninth-1)
	}
}
