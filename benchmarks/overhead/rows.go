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
)

// The keys of the rows that others are compared with.
const (
	bare = "bare"
	ours = "ours"
)

// A kind is one row of the table: a way to make the same call.
type kind struct {
	key, name, does string

	// over puts the client over a base; nil for one that is no RoundTripper.
	over func(base http.RoundTripper) http.RoundTripper

	// ours is the policy of a stack of ours; nil for everyone else.
	ours *policy.Policy
}

// busy, if not 0, adds a row: what any work of that length costs, whatever it is. Over loopback that is more than its
// time, as the server goes to sleep meanwhile and has to be woken.
var busy time.Duration

// idler keeps its processor busy before a request and after it.
type idler struct{ base http.RoundTripper }

func (t idler) RoundTrip(req *http.Request) (*http.Response, error) {
	spin(busy / 2)
	resp, err := t.base.RoundTrip(req)
	spin(busy / 2)
	return resp, err
}

func spin(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

// kinds returns who is measured. All are set to go on after failures, and none ever has to.
func kinds() []kind {
	all := peers()
	if busy > 0 {
		all = append(all, kind{key: "bare-busy", name: fmt.Sprintf("bare transport, busy for %v", busy), does: "nothing",
			over: func(base http.RoundTripper) http.RoundTripper { return idler{base} }})
	}
	return all
}

func peers() []kind {
	return []kind{
		{key: bare, name: "bare transport", does: "nothing",
			over: func(base http.RoundTripper) http.RoundTripper { return base }},
		{key: ours, name: "skinflint, flex then standard", does: "retry, tier, limit, ledger with exact cost",
			ours: &policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}},
		{key: "ours-default", name: "skinflint, default policy", does: "retry, limit, ledger with exact cost",
			ours: &policy.Policy{}},
		{key: "rehttp", name: "rehttp", does: "retry",
			over: func(base http.RoundTripper) http.RoundTripper {
				return rehttp.NewTransport(base,
					rehttp.RetryAll(rehttp.RetryMaxRetries(2), rehttp.RetryStatuses(429, 503)),
					rehttp.ExpJitterDelay(500*time.Millisecond, 30*time.Second))
			}},
		{key: "go-retryablehttp", name: "go-retryablehttp", does: "retry",
			over: func(base http.RoundTripper) http.RoundTripper {
				client := retryablehttp.NewClient()
				client.Logger = nil
				client.HTTPClient.Transport = base
				return &retryablehttp.RoundTripper{Client: client}
			}},
		{key: "failsafe-retry", name: "failsafe-go, retry", does: "retry",
			over: func(base http.RoundTripper) http.RoundTripper {
				return failsafehttp.NewRoundTripper(base, failsafehttp.NewRetryPolicyBuilder().Build())
			}},
		{key: "failsafe-retry-limit", name: "failsafe-go, retry and limit", does: "retry, limit",
			over: func(base http.RoundTripper) http.RoundTripper {
				// A limit that nobody reaches, as none of the others waits for anything.
				limit := ratelimiter.NewBurstyBuilder[*http.Response](1<<30, time.Second).Build()
				return failsafehttp.NewRoundTripper(base, failsafehttp.NewRetryPolicyBuilder().Build(), limit)
			}},
		{key: "openai-go", name: "openai-go v3, the SDK itself", does: "retry; writes and reads the JSON too"},
	}
}

// A call makes the request once, and reads its answer to the end.
type call func() error

// open returns the call of a kind on a ground, and for ours the books that it keeps.
func (k *kind) open(g *ground, body []byte) (call, *audit, error) {
	if k.ours == nil && k.over == nil {
		return sdkCalls(g.base(), g.root), nil, nil
	}
	rt, books, err := k.client(g.base())
	if err != nil {
		return nil, nil, err
	}
	return roundTrips(rt, g.root+path, body), books, nil
}

// client returns the client of a kind that is a RoundTripper, over a base, and for ours the books that it keeps.
func (k *kind) client(base http.RoundTripper) (http.RoundTripper, *audit, error) {
	if k.ours == nil {
		return k.over(base), nil, nil
	}
	books, err := newAudit(k.ours.Tier)
	if err != nil {
		return nil, nil, err
	}
	stack, err := middleware.New(middleware.WithPolicy(*k.ours), middleware.WithBase(base), middleware.WithStore(books))
	return stack, books, err
}

var errStatus = errors.New("not answered with 200")

// roundTrips returns the call as a program without an SDK makes it: a request built, sent, and its answer read.
func roundTrips(rt http.RoundTripper, url string, body []byte) call {
	buf := make([]byte, 4<<10)
	return func() error {
		req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer sk-none")
		resp, err := rt.RoundTrip(req)
		if err != nil {
			return err
		}
		// Not io.Copy: it asks bodies for io.WriterTo, which not all clients let through, and then needs a buffer for
		// those alone.
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

// sdkCalls returns the call as openai-go makes it, retries and all.
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

// question is the call that every kind makes: a system prompt and a question of the usual shape, with line breaks and
// quotes that JSON has to escape.
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
