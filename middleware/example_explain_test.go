package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
)

func ExampleStack_Explain() {
	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	stack, err := middleware.New(middleware.WithPolicy(policy.Policy{
		Tier:   policy.Flex,
		Limits: []policy.Limit{{Match: policy.Match{Provider: "openai"}, RequestsPerMinute: 500, Concurrency: 32}},
	}))
	if err != nil {
		panic(err)
	}
	ctx := policy.With(context.Background(), policy.MaxAttempts(3))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.openai.com/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	explanation, err := stack.Explain(req)
	if err != nil {
		panic(err)
	}
	fmt.Print(explanation)
	// Output:
	// call                     openai chat of gpt-5
	// tier                     flex         (policy)
	// patience                 0s           (default)
	// flex_minimum             1m0s         (default)
	// max_wait                 10m0s        (default)
	// max_elapsed              45m0s        (default)
	// attempt_timeout          0s           (default)
	// backoff_base             500ms        (default)
	// backoff_max              30s          (default)
	// stream_idle              10m0s        (default)
	// max_attempts             3            (context)
	// retry_quota              100          (default)
	// override_body            false        (default)
	// only_documented          false        (default)
	// allow_double_billing     false        (default)
	// leave_streams            false        (default)
	// class                    interactive  (default)
	// cache_mode               off          (default)
	// cache_create             beside       (default)
	// cache_writes             off          (default)
	// cache_key                false        (default)
	// cache_compatible         false        (default)
	// cache_max_cost           2            (default)
	// cache_max_cost_per_hour  10           (default)
	// cache_max_live           100          (default)
	// limit                    500 requests per minute, 32 at once
	// costs at most            $0.00076625
}
