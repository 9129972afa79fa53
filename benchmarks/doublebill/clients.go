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

// A client is a row of the table: a way to make calls.
type client struct {
	name, set string
	open      func(context.Context, *provider) (caller, error)
	free500   bool // its provider documents that a 500 is not charged
}

// A caller makes a call, and reads a stream to its end. Its error is what the program gets to see.
type caller func(ctx context.Context, prompt string, stream bool) error

func clients() []client {
	all := []client{
		{name: "ours", set: "openai-go; flex, then standard", open: openAI(ours(policy.Policy{}))},
		{name: "ours, SDK retries left on", set: "the same in the SDK's http.Client, with its timeout", open: openAI(oursBeneathRetries)},
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

// openAI makes a caller of openai-go. Where we are not asked to do it, the program itself asks for flex.
func openAI(open func(*provider) (openai.Client, error)) func(context.Context, *provider) (caller, error) {
	return func(_ context.Context, p *provider) (caller, error) {
		client, err := open(p)
		if err != nil {
			return nil, err
		}
		var tier openai.ChatCompletionNewParamsServiceTier
		if p.books == nil {
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

// cheap is our policy: flex if there is room, and otherwise standard. A policy has a timeout for each attempt itself.
func cheap(p policy.Policy) policy.Policy {
	p.Tier, p.Fallback, p.AttemptTimeout = policy.Flex, policy.Standard, timeout
	return p
}

func ours(p policy.Policy) func(*provider) (openai.Client, error) {
	return func(at *provider) (client openai.Client, err error) {
		stack, err := at.stack(cheap(p))
		if err == nil {
			client = openaigo.NewClient(openAIKey, stack)
		}
		return client, err
	}
}

// oursBeneathRetries changes nothing in a program but the transport of its http.Client.
func oursBeneathRetries(p *provider) (openai.Client, error) {
	stack, err := p.stack(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard})
	if err != nil {
		return openai.Client{}, err
	}
	hc := &http.Client{Transport: stack, Timeout: timeout}
	return openai.NewClient(option.WithAPIKey(openAIKey), option.WithHTTPClient(hc)), nil
}

func plain(p *provider) (openai.Client, error) {
	return openai.NewClient(option.WithAPIKey(openAIKey), option.WithHTTPClient(p.client()), option.WithRequestTimeout(timeout)), nil
}

func plainTimeout(p *provider) (openai.Client, error) {
	hc := p.client()
	hc.Timeout = timeout
	return openai.NewClient(option.WithAPIKey(openAIKey), option.WithHTTPClient(hc)), nil
}

// over puts openai-go over a peer that retries. The SDK's own retries are off: they would multiply. The timeout is that
// of the transport beneath, so that each attempt has it anew, as ours has; http.Client's would be one for them all, and
// for the waits between them.
func over(peer func(http.RoundTripper) http.RoundTripper) func(*provider) (openai.Client, error) {
	return func(p *provider) (openai.Client, error) {
		base := p.Transport()
		base.ResponseHeaderTimeout = timeout // what is slow is so before its headers
		hc := &http.Client{Transport: peer(base)}
		return openai.NewClient(option.WithAPIKey(openAIKey), option.WithHTTPClient(hc), option.WithMaxRetries(0)), nil
	}
}

// failsafeRetries: by default it retries any error, 429 and 5xx but 501, twice, and without a wait where the server asks
// for none. Three times, the waits, and that the last answer reaches the caller, have to be asked for.
func failsafeRetries(base http.RoundTripper) http.RoundTripper {
	retries := failsafehttp.NewRetryPolicyBuilder().WithMaxRetries(3).WithBackoff(500*time.Millisecond, 30*time.Second).ReturnLastFailure()
	return failsafehttp.NewRoundTripper(base, retries.Build())
}

// retryablehttpRetries: by default it retries any error, 429 and 5xx but 501, four times, and waits from 1 s to 30 s, or
// as the server asks. Three times, and that the last answer reaches the caller, have to be asked for.
func retryablehttpRetries(base http.RoundTripper) http.RoundTripper {
	c := retryablehttp.NewClient()
	c.RetryMax, c.Logger, c.HTTPClient.Transport, c.ErrorHandler = 3, nil, base, retryablehttp.PassthroughErrorHandler
	return &retryablehttp.RoundTripper{Client: c}
}

// rehttpRetries: it has no defaults, and is told to retry what the others do, and to wait as its documentation shows.
func rehttpRetries(base http.RoundTripper) http.RoundTripper {
	failed := func(err error) bool { return err != nil }
	return rehttp.NewTransport(base,
		rehttp.RetryAll(rehttp.RetryMaxRetries(3), rehttp.RetryAny(
			rehttp.RetryIsErr(failed), rehttp.RetryStatuses(http.StatusTooManyRequests), rehttp.RetryStatusInterval(500, 600))),
		rehttp.ExpJitterDelay(500*time.Millisecond, 30*time.Second))
}
