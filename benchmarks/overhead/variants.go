package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/PuerkitoBio/rehttp"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// The keys of the rows that other code here refers to.
const (
	bare      = "bare"
	bareSDK   = "bare-sdk"
	ours      = "ours"
	oursSDK   = "ours-sdk"
	loneRetry = "lone-retry"
)

// A variant is one way to make the same call: one row of the tables.
type variant struct {
	key, name, does string

	// wrap returns the client around a bare transport. It is nil for our stack, and for an SDK, which is no RoundTripper.
	wrap func(base http.RoundTripper) http.RoundTripper

	// policy is that of our stack. It is nil for everything else.
	policy *policy.Policy

	// retryCount is the value of the header X-Stainless-Retry-Count; "" sends no such header.
	retryCount string

	// reference is the key of the bare transport that sends the same request; "" is bare.
	reference string

	// short is whether only short bodies are measured, to save time.
	short bool
}

// tier returns the tier that the body has to name; "" is none.
func (v *variant) tier() string {
	if v.policy == nil {
		return ""
	}
	return string(v.policy.Tier)
}

// isSDK reports whether the variant is an SDK, which makes its request itself.
func (v *variant) isSDK() bool { return v.policy == nil && v.wrap == nil }

// sendsLong reports whether the variant is also measured with long bodies. An SDK is not: it would send another body than
// all others, and spend most of the time on making its JSON.
func (v *variant) sendsLong() bool { return !v.isSDK() && !v.short }

// busy, if it is not 0, adds a row that shows what this much work of any kind costs. Over loopback it costs more
// than its own time, because the server goes to sleep in the meantime and has to be woken.
var busy time.Duration

// busyTransport keeps the CPU busy before and after a request.
type busyTransport struct{ base http.RoundTripper }

func (t busyTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	spin(busy / 2)
	resp, err := t.base.RoundTrip(req)
	spin(busy / 2)
	return resp, err
}

func spin(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

// variants returns all variants, the bare transport first. All but the bare transports would retry after a failure, but
// there is none.
func variants() []variant {
	all := append(own(), peers()...)
	if busy > 0 {
		all = append(all, variant{key: "bare-busy", name: fmt.Sprintf("bare transport, busy for %v", busy), does: "nothing",
			wrap: func(base http.RoundTripper) http.RoundTripper { return busyTransport{base} }})
	}
	return all
}

func own() []variant {
	nothing := func(base http.RoundTripper) http.RoundTripper { return base }
	flex := &policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}
	// The OpenAI SDK for Go sends this with the first try of a call.
	const firstTry = "0"
	return []variant{
		{key: bare, name: "bare transport", does: "nothing", wrap: nothing},
		{key: ours, name: "skinflint, flex then standard", does: "retry, tier, limit, ledger with exact cost", policy: flex},
		{key: "ours-default", name: "skinflint, default policy", does: "retry, limit, ledger with exact cost", policy: &policy.Policy{}},
		{key: loneRetry, name: "skinflint, Retry alone", does: "retry", short: true,
			wrap: func(base http.RoundTripper) http.RoundTripper {
				return transport.Chain(base, middleware.Retry(policy.Policy{}))
			}},
		{key: bareSDK, name: "bare transport, under an SDK", does: "nothing", wrap: nothing, retryCount: firstTry, short: true},
		{key: oursSDK, name: "skinflint, under an SDK", does: "the same, and keeps track of the SDK's retries", policy: flex,
			retryCount: firstTry, reference: bareSDK, short: true},
	}
}

func peers() []variant {
	return []variant{
		{key: "rehttp", name: "rehttp", does: "retry",
			wrap: func(base http.RoundTripper) http.RoundTripper {
				return rehttp.NewTransport(base,
					rehttp.RetryAll(rehttp.RetryMaxRetries(2), rehttp.RetryStatuses(429, 503)),
					rehttp.ExpJitterDelay(500*time.Millisecond, 30*time.Second))
			}},
		{key: "go-retryablehttp", name: "go-retryablehttp", does: "retry",
			wrap: func(base http.RoundTripper) http.RoundTripper {
				client := retryablehttp.NewClient()
				client.Logger = nil
				client.HTTPClient.Transport = base
				return &retryablehttp.RoundTripper{Client: client}
			}},
		{key: "failsafe-retry", name: "failsafe-go, retry", does: "retry",
			wrap: func(base http.RoundTripper) http.RoundTripper {
				return failsafehttp.NewRoundTripper(base, failsafehttp.NewRetryPolicyBuilder().Build())
			}},
		{key: "failsafe-retry-limit", name: "failsafe-go, retry and limit", does: "retry, limit",
			wrap: func(base http.RoundTripper) http.RoundTripper {
				// The limit is never reached, because no other variant waits either.
				limit := ratelimiter.NewBurstyBuilder[*http.Response](1<<30, time.Second).Build()
				return failsafehttp.NewRoundTripper(base, failsafehttp.NewRetryPolicyBuilder().Build(), limit)
			}},
		{key: "openai-go", name: "openai-go v3, the SDK itself", does: "retry; writes and reads the JSON too"},
	}
}

// A call makes the request once, and reads the response to its end.
type call func() error

// open returns the variant's call on a backend, and the audit of its ledger if it is a stack of ours.
func (v *variant) open(b *backend, body []byte) (call, *audit, error) {
	if v.isSDK() {
		return sdkCalls(b.base(), b.root), nil, nil
	}
	rt, audit, err := v.roundTripper(b.base())
	if err != nil {
		return nil, nil, err
	}
	return roundTrips(rt, b.root+path, body, v.retryCount), audit, nil
}

// roundTripper returns the variant's client around a bare transport, and the audit of its ledger if it is a stack of ours.
// The variant must not be an SDK.
func (v *variant) roundTripper(base http.RoundTripper) (http.RoundTripper, *audit, error) {
	if v.policy == nil {
		return v.wrap(base), nil, nil
	}
	audit, err := newAudit(v.policy.Tier)
	if err != nil {
		return nil, nil, err
	}
	stack, err := middleware.New(middleware.WithPolicy(*v.policy), middleware.WithBase(base), middleware.WithStore(audit))
	return stack, audit, err
}

var errStatus = errors.New("not answered with 200")

// roundTrips returns the call as a program without an SDK makes it: it builds a request, sends it, and reads the response.
// A retryCount that is not "" is sent as X-Stainless-Retry-Count. The call must not be made concurrently.
func roundTrips(rt http.RoundTripper, url string, body []byte, retryCount string) call {
	buf := make([]byte, 4<<10)
	return func() error {
		req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		if retryCount != "" {
			req.Header.Set("X-Stainless-Retry-Count", retryCount)
		}
		req.Header.Set("Authorization", "Bearer sk-none")
		resp, err := rt.RoundTrip(req)
		if err != nil {
			return err
		}
		// io.Copy would allocate a buffer only for bodies without io.WriterTo, which some clients hide.
		size := 0
		for err == nil {
			var n int
			n, err = resp.Body.Read(buf)
			size += n
		}
		if err != io.EOF {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK || size != len(answer) {
			return fmt.Errorf("%w and %d bytes: %s, %d", errStatus, len(answer), resp.Status, size)
		}
		return nil
	}
}

// sdkCalls returns the call as openai-go makes it, with its retries turned on.
func sdkCalls(base http.RoundTripper, root string) call {
	client := openai.NewClient(option.WithAPIKey("sk-none"), option.WithBaseURL(root),
		option.WithHTTPClient(&http.Client{Transport: base}))
	params := question()
	return func() error {
		completion, err := client.Chat.Completions.New(context.Background(), params)
		if err != nil {
			return err
		}
		if completion.Usage.TotalTokens != 511 {
			return fmt.Errorf("openai-go read %d tokens", completion.Usage.TotalTokens)
		}
		return nil
	}
}

// question returns the request that every variant sends: a system prompt and a question of usual form, with line breaks
// and quotes that JSON has to escape.
func question() openai.ChatCompletionNewParams {
	const rules = `You review pull requests for a payment service written in Go. Answer in plain text.

1. Say first whether the change can be merged as it is, with one of the words "Yes", "No" or "Almost".
2. Then name at most three problems, the worst one first. For each give the file, the line, and what goes wrong for whom: "a customer is charged twice" says more than "race condition".
3. Leave style alone unless it hides a mistake. The linter has already run: what it accepts is accepted.
4. Where you are not sure, say so, and say what you would have to see. Never invent a function that the diff does not show.
5. Money is held in integers of the smallest unit. A float anywhere near an amount is a problem of the first rank.
`
	const diff = `Please review this change. It is meant to stop double charges when the client's connection drops.

--- a/charge/client.go
+++ b/charge/client.go
@@ -41,9 +41,14 @@ func (c *Client) Charge(ctx context.Context, amount Cents, card string) error {
-	resp, err := c.http.Do(req)
-	if err != nil {
-		return fmt.Errorf("charge: %w", err)
+	var resp *http.Response
+	for try := 0; try < 3; try++ {
+		resp, err = c.http.Do(req)
+		if err == nil {
+			break
+		}
+		time.Sleep(time.Duration(try) * 100 * time.Millisecond)
 	}
+	if err != nil {
+		return fmt.Errorf("charge: gave up: %w", err)
+	}
 	defer resp.Body.Close()
 	if resp.StatusCode != http.StatusOK {
 		return fmt.Errorf("charge: status %q", resp.Status)
 	}

The tests pass. The retry was asked for by support, who see about forty complaints a week, most of them from phones on trains.
The server logs of two such cases show the first request answered after 9.8 seconds with 201, the second with 201 as well, and both with the same "order" and "amount". The client's timeout is 10 seconds. Nobody has looked at what the third attempt does.
`
	return openai.ChatCompletionNewParams{
		Model:    "gpt-5",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage(rules), openai.UserMessage(diff)},
	}
}
