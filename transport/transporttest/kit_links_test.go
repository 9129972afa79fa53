package transporttest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/transporttest"
)

var (
	flexFirst = policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}
	twiceMost = policy.Policy{AllowDoubleBilling: true, MaxAttempts: 4, AttemptTimeout: 4 * time.Hour, StreamIdle: 2 * time.Hour}
	limited   = []policy.Limit{
		{RequestsPerMinute: 600, Burst: 10, Concurrency: 50},
		{Match: policy.Match{Model: "gpt-5*"}, Concurrency: 1},
	}
)

// TestLinks tests each link alone, as a program may use it, and the whole stack.
func TestLinks(t *testing.T) {
	stack := func(p policy.Policy, options ...middleware.Option) transport.Middleware {
		return func(base http.RoundTripper) http.RoundTripper {
			s, err := middleware.New(append(options, middleware.WithPolicy(p))...)
			if err != nil {
				t.Fatal(err)
			}
			return s.Chain(base)
		}
	}
	whole := flexFirst
	whole.Limits = limited
	for name, wrap := range map[string]transport.Middleware{
		"identify": anew(func() transport.Middleware { return middleware.Identify(policy.Policy{}) }),
		"identify_flex": anew(func() transport.Middleware {
			return together(middleware.Identify(flexFirst), middleware.Retry(policy.Policy{}), middleware.Tier(policy.Policy{}))
		}),
		"ledger":             anew(func() transport.Middleware { return middleware.Ledger(ledger.NewMemory(0)) }),
		"budget":             anew(func() transport.Middleware { return middleware.Budget(policy.Policy{}) }),
		"retry":              anew(func() transport.Middleware { return middleware.Retry(policy.Policy{}) }),
		"retry_all":          anew(func() transport.Middleware { return middleware.Retry(twiceMost) }),
		"tier":               anew(func() transport.Middleware { return middleware.Tier(flexFirst) }),
		"limit":              anew(func() transport.Middleware { return middleware.Limit(limited...) }),
		"limit_none":         anew(func() transport.Middleware { return middleware.Limit() }),
		"stack":              stack(policy.Policy{}),
		"stack_flex_limited": stack(whole),
		"stack_leaves":       stack(policy.Policy{LeaveStreams: true}),
		"stack_retries_all":  stack(twiceMost),
		"stack_watched":      stack(flexFirst, middleware.WithStore(ledger.NewMemory(0))),
	} {
		t.Run(name, func(t *testing.T) { transporttest.TestRoundTripper(t, wrap) })
	}
}

// together puts links next to each other.
func together(links ...transport.Middleware) transport.Middleware {
	return func(base http.RoundTripper) http.RoundTripper { return transport.Chain(base, links...) }
}

// anew returns a middleware that makes a new link for each RoundTripper, so that its limits belong to the right bubble.
func anew(link func() transport.Middleware) transport.Middleware {
	return func(base http.RoundTripper) http.RoundTripper { return link()(base) }
}

// TestChain tests a chain of links that do nothing.
func TestChain(t *testing.T) {
	through := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		return next.RoundTrip(req)
	})
	transporttest.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
		return transport.Chain(base, through, through, through, through, through)
	})
}
