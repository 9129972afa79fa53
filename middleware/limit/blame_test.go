package limit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// An error says which of a limit's figures held the attempt back, and names a limit that has a name.
func TestErrorNamesTheFigure(t *testing.T) {
	both := policy.Limit{RequestsPerMinute: 600, Burst: 10, TokensPerMinute: 200_000, TokenBurst: 200_000, RequestsPerDay: 5, TokensPerDay: 1_000_000, Concurrency: 4}
	inUse := func(t *testing.T, l *limit.Local, n int, r limit.Request, count limit.Count) {
		for range n {
			p, err := l.Wait(t.Context(), &r)
			if err != nil {
				t.Fatal(err)
			}
			p.Release(count)
		}
	}
	for name, test := range map[string]struct {
		limit  policy.Limit
		use    func(*testing.T, *limit.Local)
		tokens int64
		waits  bool // until its deadline; else it is refused at once
		want   string
		unit   string
		n      int64
	}{
		"requests": {
			limit: policy.Limit{RequestsPerMinute: 6, Burst: 1, Concurrency: 4},
			use:   func(t *testing.T, l *limit.Local) { inUse(t, l, 1, request("a"), limit.Count{Requests: 1}) },
			want:  "limit: our limit of 6 requests per minute would hold it back for 10s, and it has 1s left", unit: "requests per minute", n: 6,
		},
		"tokens": {
			limit: both, tokens: 200_000,
			use: func(t *testing.T, l *limit.Local) {
				inUse(t, l, 1, tokens(200_000), limit.Count{Requests: 1, Tokens: limit.Tokens{Input: 200_000}})
			},
			want: "limit: our limit of 200000 tokens per minute would hold it back for 1m0s, and it has 1s left", unit: "tokens per minute", n: 200_000,
		},
		"with a name": {
			limit: policy.Limit{Name: "a", RequestsPerMinute: 600, Burst: 10, TokensPerMinute: 60, TokenBurst: 60}, tokens: 60,
			use: func(t *testing.T, l *limit.Local) {
				inUse(t, l, 1, tokens(60, "a"), limit.Count{Requests: 1, Tokens: limit.Tokens{Input: 60}})
			},
			want: `limit: our limit "a" of 60 tokens per minute would hold it back for 1m0s, and it has 1s left`, unit: "tokens per minute", n: 60,
		},
		"requests of a day": {
			limit: both,
			use:   func(t *testing.T, l *limit.Local) { inUse(t, l, 5, request("a"), limit.Count{Requests: 1}) },
			want:  "limit: our limit of 5 requests per day would hold it back for 24h0m0s, and it has 1s left", unit: "requests per day", n: 5,
		},
		"tokens of a day": {
			limit: both, tokens: 1000,
			use: func(t *testing.T, l *limit.Local) {
				inUse(t, l, 1, tokens(10), limit.Count{Requests: 1, Tokens: limit.Tokens{Input: 999_999}})
			},
			want: "limit: our limit of 1000000 tokens per day would hold it back for 24h0m0s, and it has 1s left", unit: "tokens per day", n: 1_000_000,
		},
		"permits": {
			limit: both, waits: true,
			use: func(t *testing.T, l *limit.Local) {
				for range 4 {
					if w := wait(t.Context(), l, request("a")); !w.admitted() {
						t.Fatal(w.err)
					}
				}
			},
			want: "limit: gave up waiting for our limit of 4 at once: context deadline exceeded", unit: "at once", n: 4,
		},
		"a learned figure": {
			limit: policy.Limit{Learn: true, Per: []string{}},
			use: func(t *testing.T, l *limit.Local) {
				learnOnce(t, l, limit.Answer{Quotas: []wire.Quota{perMinute(wire.QuotaRequests, 6, -1)}})
				inUse(t, l, 1, request("a"), limit.Count{Requests: 1})
			},
			want: "limit: our limit of 6 requests per minute, learned from the provider's answers, would hold it back for 10s, and it has 1s left", unit: "requests per minute", n: 6,
		},
		"the provider has asked to wait": {
			limit: policy.Limit{Learn: true, Per: []string{}},
			use: func(t *testing.T, l *limit.Local) {
				learnOnce(t, l, limit.Answer{Limited: true, RetryAfter: 7 * time.Second, Quotas: []wire.Quota{perMinute(wire.QuotaRequests, 600, -1)}})
			},
			want: "limit: our limit would hold it back for 7s, because the provider has asked to send nothing for that long, and it has 1s left",
		},
		"more than one may use": {
			limit: both, tokens: 300_000,
			use:  func(*testing.T, *limit.Local) {},
			want: "limit: it needs 300000 tokens, and our limit allows 200000 per minute", unit: "tokens per minute", n: 200_000,
		},
		"more than the burst": {
			limit: policy.Limit{TokensPerMinute: 100, TokenBurst: 150}, tokens: 160,
			use:  func(*testing.T, *limit.Local) {},
			want: "limit: it needs 160 tokens, and our limit allows 150 at once", unit: "tokens per minute", n: 100,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limit.NewLocal([]policy.Limit{test.limit}, nil)
				test.use(t, l)
				r := tokens(test.tokens, "a")
				r.Deadline = time.Now().Add(time.Second)
				_, err := l.Wait(t.Context(), &r)
				var e *limit.Error
				if !errors.As(err, &e) || err.Error() != test.want || e.Unit != test.unit || e.Figure != test.n || e.Name != test.limit.Name {
					t.Errorf("%+v\n %v\nwant\n %s", e, err, test.want)
				}
				if test.waits != errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// learnOnce has a limiter learn from the answer to one attempt.
func learnOnce(t *testing.T, l *limit.Local, a limit.Answer) {
	t.Helper()
	r := request("a")
	p, err := l.Wait(t.Context(), &r)
	if err != nil {
		t.Fatal(err)
	}
	a.At = time.Now()
	p.(limit.LearningPermit).Learn(a)
	p.Release(limit.Count{Requests: 1})
}
