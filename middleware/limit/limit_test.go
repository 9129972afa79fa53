package limit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

func TestDescribe(t *testing.T) {
	for want, l := range map[string]policy.Limit{
		"500 requests per minute":             {RequestsPerMinute: 500, Burst: 9},
		"32 at once":                          {Concurrency: 32, Match: policy.Match{Provider: "openai"}},
		"500 requests per minute, 32 at once": {RequestsPerMinute: 500, Concurrency: 32},
	} {
		if got := limit.Describe(l); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// An error says why the wait ended or, if it was not begun, for how long it would have been.
func TestError(t *testing.T) {
	for want, e := range map[string]*limit.Error{
		"limit: gave up waiting for our limit from the provider's answers: context canceled":                                                   {Limit: limit.Describe(policy.Limit{Learn: true}), Err: context.Canceled},
		"limit: gave up waiting for our limit for tenant acme, because the provider has asked to send nothing for some time: context canceled": {Limit: "32 at once", Key: "tenant acme", Blocked: true, Err: context.Canceled},
		"limit: it needs 9, and our limit \"a\" allows at most 5":                                                                              {Name: "a", Limit: "32 at once", Asked: 9, Allowed: 5},
		"limit: gave up waiting for our limit of 32 at once: context canceled":                                                                 {Limit: "32 at once", Err: context.Canceled},
		"limit: our limit of 6 requests per minute would hold it back for 9.999s, and it has 500ms left":                                       {Limit: "6 requests per minute", Wait: 9_999_400 * time.Microsecond, Left: 500 * time.Millisecond},
	} {
		if e.Error() != want || "limit: "+e.Detail() != want && e.Err == nil || !errors.Is(e, e.Err) && e.Err != nil {
			t.Errorf("%q, want %q", e, want)
		}
	}
}
