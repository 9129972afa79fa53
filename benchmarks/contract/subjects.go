package main

import (
	"net/http"
	"time"

	"github.com/PuerkitoBio/rehttp"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
)

const bare = "bare" // does nothing

// A subject is a RoundTripper to be judged.
type subject struct {
	name string
	over func(base http.RoundTripper) http.RoundTripper
}

// extra are subjects of this program's own tests.
var extra []subject

func subjects() []subject {
	return append([]subject{
		{bare, func(base http.RoundTripper) http.RoundTripper { return base }},
		{"skinflint", ours(policy.Policy{})},
		{"skinflint-flex", ours(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard})},
		{"rehttp", func(base http.RoundTripper) http.RoundTripper {
			return rehttp.NewTransport(base,
				rehttp.RetryAll(rehttp.RetryMaxRetries(2), rehttp.RetryStatuses(429, 503)),
				rehttp.ExpJitterDelay(500*time.Millisecond, 30*time.Second))
		}},
		{"go-retryablehttp", func(base http.RoundTripper) http.RoundTripper {
			client := retryablehttp.NewClient()
			client.Logger = nil
			client.HTTPClient.Transport = base
			client.ErrorHandler = retryablehttp.PassthroughErrorHandler
			return &retryablehttp.RoundTripper{Client: client}
		}},
		{"failsafe-go", func(base http.RoundTripper) http.RoundTripper {
			return failsafehttp.NewRoundTripper(base,
				failsafehttp.NewRetryPolicyBuilder().WithBackoff(500*time.Millisecond, 30*time.Second).ReturnLastFailure().Build())
		}},
	}, extra...)
}

func ours(p policy.Policy) func(http.RoundTripper) http.RoundTripper {
	return func(base http.RoundTripper) http.RoundTripper {
		stack, err := middleware.New(middleware.WithPolicy(p))
		if err != nil {
			panic(err)
		}
		return stack.Chain(base)
	}
}
