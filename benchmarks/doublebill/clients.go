package main

import (
	"context"
	"net/http"
	"time"

	"github.com/PuerkitoBio/rehttp"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/skinflint-go/skinflint/adapters/openaigo"
	"github.com/skinflint-go/skinflint/policy"
)

// A client is one row of the table: one way to make calls.
type client struct {
	name, set string
	open      func(context.Context, *provider) (caller, error)
	free500   bool // the provider documents that it does not charge for a 500
}

// A caller makes a call, and reads a stream to its end. Its error is what the program sees.
type caller func(ctx context.Context, prompt string, stream bool) error

func clients() []client {
	all := []client{
		{name: "ours", set: "openai-go; flex, then standard", open: openAI(ours(policy.Policy{}))},
		{name: "ours, SDK retries left on", set: "the same in the SDK's http.Client, with its timeout", open: openAI(oursBelowRetries)},
		{name: "ours, double billing allowed", set: "AllowDoubleBilling", open: openAI(ours(policy.Policy{AllowDoubleBilling: true}))},
		{name: "openai-go", set: "default, 2 retries; its own timeout", open: openAI(plain)},
		{name: "openai-go, http.Client.Timeout", set: "default, 2 retries; the timeout of http.Client", open: openAI(plainTimeout)},
		{name: "openai-go over failsafe-go", set: peerSet, open: openAI(over(failsafeRetries))},
		{name: "openai-go over go-retryablehttp", set: peerSet, open: openAI(over(retryablehttpRetries))},
		{name: "openai-go over rehttp", set: peerSet, open: openAI(over(rehttpRetries))},
	}
	return append(all, others()...)
}

const (
	openAIKey = "sk-none"
	peerSet   = "3 retries, none of the SDK's; ResponseHeaderTimeout, for each attempt"
)

// openAI makes a caller of openai-go. If there is no stack to ask for the flex tier, the program itself does.
func openAI(open func(*provider) (openai.Client, error)) func(context.Context, *provider) (caller, error) {
	return func(_ context.Context, p *provider) (caller, error) {
		client, err := open(p)
		if err != nil {
			return nil, err
		}
		var tier openai.ChatCompletionNewParamsServiceTier
		if p.store == nil {
			tier = openai.ChatCompletionNewParamsServiceTierFlex
		}
		return func(ctx context.Context, prompt string, stream bool) error {
			params := openai.ChatCompletionNewParams{
				Model: "gpt-5", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(prompt)}, ServiceTier: tier,
			}
			if !stream {
				_, err := client.Chat.Completions.New(ctx, params)
				return err
			}
			s := client.Chat.Completions.NewStreaming(ctx, params)
			defer s.Close()
			for s.Next() {
			}
			return s.Err()
		}, nil
	}
}

// cheap adds to a policy: flex if there is room, otherwise standard, and the timeout of an attempt.
func cheap(p policy.Policy) policy.Policy {
	p.Tier, p.Fallback, p.AttemptTimeout = policy.Flex, policy.Standard, timeout
	return p
}

// ours puts openai-go over a stack.
func ours(p policy.Policy) func(*provider) (openai.Client, error) {
	return func(at *provider) (client openai.Client, err error) {
		stack, err := at.stack(cheap(p))
		if err == nil {
			client = openaigo.NewClient(openAIKey, stack)
		}
		return client, err
	}
}

// oursBelowRetries is a program of which only the transport of its http.Client has changed.
func oursBelowRetries(p *provider) (openai.Client, error) {
	stack, err := p.stack(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard})
	if err != nil {
		return openai.Client{}, err
	}
	hc := &http.Client{Transport: stack, Timeout: timeout}
	return openai.NewClient(option.WithAPIKey(openAIKey), option.WithHTTPClient(hc)), nil
}

// plain is openai-go alone, with its own timeout.
func plain(p *provider) (openai.Client, error) {
	return openai.NewClient(option.WithAPIKey(openAIKey), option.WithHTTPClient(p.client()), option.WithRequestTimeout(timeout)), nil
}

// plainTimeout is openai-go alone, with the timeout of http.Client.
func plainTimeout(p *provider) (openai.Client, error) {
	hc := p.client()
	hc.Timeout = timeout
	return openai.NewClient(option.WithAPIKey(openAIKey), option.WithHTTPClient(hc)), nil
}

// over puts openai-go over a peer that retries. The SDK's own retries are off, because they would multiply. The timeout is
// that of the transport below, so that each attempt has it, as with skinflint. The timeout of http.Client would be one for
// all attempts and the waits between them.
func over(peer func(http.RoundTripper) http.RoundTripper) func(*provider) (openai.Client, error) {
	return func(p *provider) (openai.Client, error) {
		base := p.Transport()
		base.ResponseHeaderTimeout = timeout // a slow answer has late headers
		hc := &http.Client{Transport: peer(base)}
		return openai.NewClient(option.WithAPIKey(openAIKey), option.WithHTTPClient(hc), option.WithMaxRetries(0)), nil
	}
}

// failsafeRetries uses failsafe-go. By default it retries errors, 429 and 5xx except 501, twice, and does not wait unless the
// server says so. Three retries, the waits, and returning the last answer to the caller are options.
func failsafeRetries(base http.RoundTripper) http.RoundTripper {
	retries := failsafehttp.NewRetryPolicyBuilder().WithMaxRetries(3).WithBackoff(500*time.Millisecond, 30*time.Second).ReturnLastFailure()
	return failsafehttp.NewRoundTripper(base, retries.Build())
}

// retryablehttpRetries uses go-retryablehttp. By default it retries errors, 429 and 5xx except 501, four times, and waits
// between 1 s and 30 s or as the server says. Three retries, and returning the last answer to the caller, are options.
func retryablehttpRetries(base http.RoundTripper) http.RoundTripper {
	c := retryablehttp.NewClient()
	c.RetryMax, c.Logger, c.HTTPClient.Transport, c.ErrorHandler = 3, nil, base, retryablehttp.PassthroughErrorHandler
	return &retryablehttp.RoundTripper{Client: c}
}

// rehttpRetries uses rehttp. It has no defaults. Here it retries what the others do, and waits as its documentation shows.
func rehttpRetries(base http.RoundTripper) http.RoundTripper {
	failed := func(err error) bool { return err != nil }
	return rehttp.NewTransport(base,
		rehttp.RetryAll(rehttp.RetryMaxRetries(3), rehttp.RetryAny(
			rehttp.RetryIsErr(failed), rehttp.RetryStatuses(http.StatusTooManyRequests), rehttp.RetryStatusInterval(500, 600))),
		rehttp.ExpJitterDelay(500*time.Millisecond, 30*time.Second))
}
