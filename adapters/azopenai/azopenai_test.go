package azopenai_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/ai/azopenai"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"

	adapter "github.com/skinflint-go/skinflint/adapters/azopenai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const endpoint = "https://mine.openai.azure.com"

var key = azcore.NewKeyCredential("key-test")

// prices are those that a program has with Azure; the embedded catalog has none.
const prices = `{"providers": {"azure": {"models": {
	"gpt-5": {"limits": {"max_output": 128000}, "periods": [{"source": "test", "tiers": {
		"standard": [{"usd_per_million": {"input": "1.25", "cached_input": "0.125", "output": "10"}}],
		"priority": [{"usd_per_million": {"input": "2.5", "cached_input": "0.25", "output": "20"}}]}}]},
	"text-embedding-3-small": {"periods": [{"source": "test", "tiers": {
		"standard": [{"usd_per_million": {"input": "0.02", "output": "0"}}]}}]}}}}}`

// rates are the same: dollars for a million tokens, input, cached input, output.
var rates = map[string][3]string{
	"gpt-5 default":                  {"1.25", "0.125", "10"},
	"gpt-5 priority":                 {"2.5", "0.25", "20"},
	"text-embedding-3-small default": {"0.02", "0", "0"},
}

// newStack returns a stack over a simulator of this process, for a bubble.
func newStack(t *testing.T, cfg llmtest.Config, p policy.Policy) (*middleware.Stack, *llmtest.Server) {
	t.Helper()
	server := llmtest.NewPipe(cfg)
	t.Cleanup(server.Close)
	catalog, err := price.Parse("test", strings.NewReader(prices))
	if err != nil {
		t.Fatal(err)
	}
	stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithBase(server.Transport()), middleware.WithCatalog(catalog),
		middleware.WithDeployments(map[string]string{"house": "gpt-5"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return stack, server
}

// setup returns a client over a stack over a simulator of this process, for a bubble.
func setup(t *testing.T, cfg llmtest.Config, p policy.Policy) (*azopenai.Client, *middleware.Stack, *llmtest.Server) {
	t.Helper()
	stack, server := newStack(t, cfg, p)
	client, err := adapter.NewClientWithKeyCredential(endpoint, key, stack, nil)
	if err != nil {
		t.Fatal(err)
	}
	return client, stack, server
}

// ask makes a call to the deployment, and returns what was written.
func ask(ctx context.Context, client *azopenai.Client, deployment, text string) (string, error) {
	answer, err := client.GetChatCompletions(ctx, question(deployment, text), nil)
	if err != nil {
		return "", err
	}
	return *answer.Choices[0].Message.Content, nil
}

// stream does the same by a stream.
func stream(ctx context.Context, client *azopenai.Client, deployment, text string) (string, error) {
	chunks, err := client.GetChatCompletionsStream(ctx, azopenai.ChatCompletionsStreamOptions{
		DeploymentName: to.Ptr(deployment), Messages: question(deployment, text).Messages,
	}, nil)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		chunk, err := chunks.ChatCompletionsStream.Read()
		if err == io.EOF {
			return b.String(), chunks.ChatCompletionsStream.Close()
		}
		if err != nil {
			return b.String(), errors.Join(err, chunks.ChatCompletionsStream.Close())
		}
		for _, choice := range chunk.Choices {
			if choice.Delta.Content != nil {
				b.WriteString(*choice.Delta.Content)
			}
		}
		if chunk.Usage != nil {
			return "", errors.New("usage reached a program that did not ask for it")
		}
	}
}

// modes are both ways to ask.
var modes = map[string]func(context.Context, *azopenai.Client, string, string) (string, error){"unary": ask, "stream": stream}

// check lays the rows of billed attempts beside the meter, in order.
func check(t *testing.T, stack *middleware.Stack, server *llmtest.Server) {
	t.Helper()
	rows := slices.DeleteFunc(stack.Rows(), func(r ledger.Row) bool { return r.Outcome != policy.Billed })
	meter := server.Meter()
	if len(rows) != len(meter) {
		t.Fatalf("%d rows billed, %d generations on the meter", len(rows), len(meter))
	}
	for i, g := range meter {
		r := rows[i]
		if r.UsageSource != ledger.Measured || r.Provider != g.Provider || g.Operation != "embeddings" && r.ResponseID != g.ID ||
			r.Usage.Input+r.Usage.CachedInput != g.Prompt || r.Usage.CachedInput != g.Cached || r.Usage.Output != g.Completion {
			t.Errorf("row %+v\nmeter %+v", r, g)
		}
		want := new(big.Rat)
		for j, n := range []int64{g.Prompt - g.Cached, g.Cached, g.Completion} {
			rate, ok := new(big.Rat).SetString(rates[g.Model+" "+g.Tier][j])
			if !ok {
				t.Fatalf("no rate for %s on %s", g.Model, g.Tier)
			}
			want.Add(want, rate.Mul(rate, big.NewRat(n, 1_000_000)))
		}
		if got, ok := new(big.Rat).SetString(r.Cost.String()); !ok || got.Cmp(want) != 0 {
			t.Errorf("cost %s, want %s", r.Cost, want.FloatString(12))
		}
	}
}

func TestUnaryAndStream(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, stack, server := setup(t, llmtest.Config{CachedPercent: 50}, policy.Policy{})
				ctx, call := policy.Track(policy.With(t.Context(), policy.OnTier(policy.Priority), policy.Tag("tenant", "acme")))
				text, err := mode(ctx, client, "gpt-5", strings.Repeat("Who saves? ", 1000))
				if err != nil || text == "" {
					t.Fatal(text, err)
				}
				check(t, stack, server)
				sent, row := server.Requests()[0], stack.Rows()[0]
				if sent.Tier != "priority" || sent.Header.Get("Api-Key") != "key-test" || sent.Path != "/openai/deployments/gpt-5/chat/completions" {
					t.Errorf("request: %+v", sent)
				}
				if row.ServedTier != policy.Priority || row.Tags["tenant"] != "acme" || row.Stream != (name == "stream") || row.Usage.CachedInput == 0 {
					t.Errorf("row: %+v", row)
				}
				if cost, complete := call.Cost(); !complete || cost.String() != row.Cost.String() || call.Attempts() != 1 || call.Err() != nil {
					t.Errorf("tracked: %d attempts, cost %v, %v", call.Attempts(), cost, call.Err())
				}
			})
		})
	}
}

func TestStreamWithUsageOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, _ := setup(t, llmtest.Config{}, policy.Policy{})
		chunks, err := client.GetChatCompletionsStream(t.Context(), azopenai.ChatCompletionsStreamOptions{
			DeploymentName: to.Ptr("gpt-5"), Messages: question("gpt-5", "Who counts?").Messages,
			StreamOptions: &azopenai.ChatCompletionStreamOptions{IncludeUsage: to.Ptr(true)},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer chunks.ChatCompletionsStream.Close()
		usage := 0
		for {
			chunk, err := chunks.ChatCompletionsStream.Read()
			if err != nil {
				break
			}
			if chunk.Usage != nil {
				usage++
			}
		}
		if usage != 1 {
			t.Errorf("%d chunks with usage reached a program that asked for one", usage)
		}
	})
}

func TestStreamClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stack, server := setup(t, llmtest.Config{ChunkDelay: time.Second}, policy.Policy{})
		chunks, err := client.GetChatCompletionsStream(t.Context(), azopenai.ChatCompletionsStreamOptions{
			DeploymentName: to.Ptr("gpt-5"), Messages: question("gpt-5", "Who stops?").Messages,
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := chunks.ChatCompletionsStream.Read(); err != nil {
			t.Fatal(err)
		}
		if err := chunks.ChatCompletionsStream.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if rows := stack.Rows(); len(rows) != 1 || rows[0].Outcome != policy.Partial || len(server.Requests()) != 1 {
			t.Errorf("rows: %+v", rows)
		}
	})
}

func TestEmbeddings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stack, server := setup(t, llmtest.Config{}, policy.Policy{})
		answer, err := client.GetEmbeddings(t.Context(), azopenai.EmbeddingsOptions{
			DeploymentName: to.Ptr("text-embedding-3-small"), Input: []string{"Who saves?", "Who spends?"},
		}, nil)
		if err != nil || len(answer.Data) != 2 {
			t.Fatal(answer, err)
		}
		check(t, stack, server)
	})
}

// The three constructors, at their addresses and with their credentials.
func TestClients(t *testing.T) {
	for _, c := range []struct {
		name, auth, provider string
		make                 func(*middleware.Stack) (*azopenai.Client, error)
	}{
		{"key", "key-test", "azure", func(s *middleware.Stack) (*azopenai.Client, error) {
			return adapter.NewClientWithKeyCredential(endpoint, key, s, nil)
		}},
		{"token", "Bearer token of Entra ID", "azure", func(s *middleware.Stack) (*azopenai.Client, error) {
			return adapter.NewClient(endpoint, entra{}, s, nil)
		}},
		{"OpenAI", "Bearer key-test", "openai", func(s *middleware.Stack) (*azopenai.Client, error) {
			return adapter.NewClientForOpenAI("https://api.openai.com/v1", key, s, nil)
		}},
	} {
		for name, mode := range modes {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					stack, server := newStack(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.NoFault, llmtest.ServerErrorAfterWork)}, policy.Policy{})
					client, err := c.make(stack)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := mode(t.Context(), client, "gpt-5", "Who is it?"); err != nil {
						t.Fatal(err)
					}
					got := server.Requests()[0].Header
					if auth := got.Get("Authorization") + got.Get("Api-Key"); auth != c.auth || stack.Rows()[0].Provider != c.provider {
						t.Errorf("%q; rows: %+v", auth, stack.Rows())
					}
					var response *azcore.ResponseError
					if _, err := mode(t.Context(), client, "gpt-5", "Who fails?"); !errors.As(err, &response) || response.StatusCode != 500 {
						t.Errorf("error: %v", err)
					}
					if sent, billed := len(server.Requests()), len(server.Meter()); sent != 2 || billed != 2 {
						t.Errorf("%d requests, %d generations", sent, billed)
					}
				})
			})
		}
	}
}

// A fate is what becomes of a call: requests on the wire, generations on the meter, and a part of the error, if any.
type fate struct {
	sent, billed int
	err          string
}

var (
	ambiguous = fate{1, 1, "skinflint: ambiguous failure"}
	dropped   = fate{1, 0, "skinflint: ambiguous failure"}
	fine      = fate{1, 1, ""}
	resent    = fate{2, 1, ""}
)

// faults are what befalls the first request, and what becomes of the call, in one of the modes or in both.
var faults = []struct {
	fault llmtest.Fault
	mode  string
	fate
}{
	{llmtest.NoFault, "", fine},
	{llmtest.ResetBeforeAccept, "", dropped},
	{llmtest.ResetAfterAccept, "", ambiguous},
	{llmtest.CutStream, "", fate{1, 1, "unexpected EOF"}},
	{llmtest.ErrorInStream, "unary", fate{1, 1, "500"}},
	{llmtest.ErrorInStream, "stream", fate{1, 1, "incomplete stream"}},
	{llmtest.ServerError, "", fate{1, 0, "500"}},
	{llmtest.ServerErrorAfterWork, "", fate{1, 1, "500"}},
	{llmtest.Overloaded, "", fate{1, 0, "503"}},
	{llmtest.RateLimited, "", resent},
	{llmtest.QuotaExceeded, "", fate{1, 0, "429"}},
	{llmtest.FlexUnavailable, "", resent},
	{llmtest.BadRequest, "", fate{1, 0, "400"}},
	{llmtest.Stall, "", fate{1, 1, "context deadline exceeded"}},
	{llmtest.RefusedStream, "", dropped},
	{llmtest.GoAway, "", dropped},
	{llmtest.ProtocolError, "", dropped},
	{llmtest.ProtocolErrorAfterWork, "", ambiguous},
	{llmtest.EarlyRateLimited, "", resent},
	{llmtest.StaleClose, "", fine},
	{llmtest.Slow, "", fine},
	{llmtest.RedirectSame, "", resent},
	{llmtest.RedirectAway, "", fate{1, 0, "skinflint: redirect"}},
	{llmtest.TrickledError, "", fate{1, 0, "500"}},
	{llmtest.ShouldRetryFalse, "", fate{1, 0, "429"}},
}

func TestFaults(t *testing.T) {
	for _, c := range faults {
		for name, mode := range modes {
			if c.mode != "" && c.mode != name {
				continue
			}
			t.Run(fmt.Sprintf("%v/%s", c.fault, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, stack, server := setup(t, llmtest.Config{Faults: llmtest.Sequence(c.fault)}, policy.Policy{})
					ctx, call := policy.Track(t.Context())
					ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
					defer cancel()
					// What a context says of retries is not obeyed.
					ctx = azpolicy.WithRetryOptions(ctx, azpolicy.RetryOptions{MaxRetries: 5})
					_, err := mode(ctx, client, "gpt-5", "Who pays?")
					synctest.Wait()
					judge(t, c.fate, err, server)
					if n := len(stack.Rows()); n != c.sent || call.Attempts() != c.sent {
						t.Errorf("%d rows, %d attempts tracked", n, call.Attempts())
					}
					var refusal *middleware.Error
					if typed := errors.As(err, &refusal); typed != strings.HasPrefix(c.err, "skinflint") {
						t.Errorf("typed: %v, %v", typed, err)
					}
					var response *azcore.ResponseError
					if status := len(c.err) == 3; errors.As(err, &response) != status || status && fmt.Sprint(response.StatusCode) != c.err {
						t.Errorf("error: %v", err)
					}
					if c.fault == llmtest.Stall && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("no context's error: %v", err)
					}
				})
			})
		}
	}
}

// judge compares what became of a call.
func judge(t *testing.T, want fate, err error, server *llmtest.Server) {
	t.Helper()
	if sent, billed := len(server.Requests()), len(server.Meter()); sent != want.sent || billed != want.billed {
		t.Errorf("%d requests and %d generations, want %+v", sent, billed, want)
	}
	if (err != nil) != (want.err != "") || err != nil && !strings.Contains(err.Error(), want.err) {
		t.Errorf("error: %v, want %q", err, want.err)
	}
}

// What HTTP/2 says of a request that was not worked on is believed, and nothing else.
func TestFaultsOfHTTP2(t *testing.T) {
	for fault, want := range map[llmtest.Fault]fate{
		llmtest.RefusedStream:          resent,
		llmtest.GoAway:                 resent,
		llmtest.EarlyRateLimited:       resent,
		llmtest.ResetAfterAccept:       ambiguous,
		llmtest.CutStream:              {1, 1, "INTERNAL_ERROR"},
		llmtest.ProtocolErrorAfterWork: ambiguous,
	} {
		for name, mode := range modes {
			t.Run(fmt.Sprintf("%v/%s", fault, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, _, server := setup(t, llmtest.Config{HTTP2: true, Faults: llmtest.Sequence(fault)}, policy.Policy{})
					_, err := mode(t.Context(), client, "gpt-5", "Who pays?")
					judge(t, want, err, server)
				})
			})
		}
	}
}

// The SDK's bodies are all one reader, which a new attempt rewinds while the old one may still be written.
func TestBodiesAreWhole(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			faults := llmtest.Sequence(llmtest.EarlyRateLimited, llmtest.EarlyRateLimited, llmtest.RateLimited)
			client, stack, server := setup(t, llmtest.Config{HTTP2: http2, Faults: faults}, policy.Policy{Tier: policy.Priority})
			text := strings.Repeat("Who is long? ", 100_000)
			if _, err := ask(t.Context(), client, "gpt-5", text); err != nil {
				t.Fatal(err)
			}
			requests := server.Requests()
			if len(requests) != 4 || !bytes.Equal(requests[2].Body, requests[3].Body) || !bytes.Contains(requests[3].Body, []byte(text)) {
				t.Errorf("%d requests", len(requests))
			}
			check(t, stack, server)
		})
	}
}

func TestNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stack, server := setup(t, llmtest.Config{RefuseDials: func(int) bool { return true }}, policy.Policy{MaxAttempts: 3})
		_, err := ask(t.Context(), client, "gpt-5", "Who is there?")
		judge(t, fate{0, 0, "skinflint: not sent"}, err, server)
		if rows := stack.Rows(); len(rows) != 3 || !errors.Is(err, middleware.ErrNotSent) {
			t.Errorf("%v; rows: %+v", err, rows)
		}
	})
}

func TestRefusals(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, stack, server := setup(t, llmtest.Config{}, policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: 1}}})
				hurried, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				for _, c := range []struct {
					ctx  context.Context
					kind error
				}{
					{policy.With(t.Context(), policy.MaxCost(price.MustUSD("0.000001"))), middleware.ErrCost},
					{t.Context(), nil},
					{hurried, middleware.ErrLimit},
					{policy.With(t.Context(), policy.OnTier("no such tier")), middleware.ErrPolicy},
				} {
					ctx, call := policy.Track(c.ctx)
					_, err := mode(ctx, client, "gpt-5", "Who refuses?")
					var e *middleware.Error
					if !errors.Is(err, c.kind) || errors.As(err, &e) != (c.kind != nil) || !errors.Is(call.Err(), c.kind) {
						t.Errorf("%v, tracked %v, want %v", err, call.Err(), c.kind)
					}
				}
				check(t, stack, server)
			})
		})
	}
}

func TestContextThatIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, server := setup(t, llmtest.Config{ChunkDelay: time.Minute}, policy.Policy{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := ask(ctx, client, "gpt-5", "Who is gone?")
		if !errors.Is(err, context.Canceled) || len(server.Requests()) != 0 {
			t.Errorf("%v, %d requests", err, len(server.Requests()))
		}
		ctx, cancel = context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		text, err := stream(ctx, client, "gpt-5", "Who is late?")
		if !errors.Is(err, context.DeadlineExceeded) || text == "" || len(server.Requests()) != 1 {
			t.Errorf("%q, %v, %d requests", text, err, len(server.Requests()))
		}
	})
}

// What Azure says that it may charge for although it refused, and what the SDK makes of it.
func TestBilledRefusals(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, stack, server := setup(t, llmtest.Config{}, policy.Policy{})
				_, err := mode(t.Context(), client, "filtered", "Who is violent?")
				var response *azcore.ResponseError
				if !errors.As(err, &response) || response.StatusCode != 400 || response.ErrorCode != "content_filter" {
					t.Errorf("error: %v", err)
				}
				var filtered *azopenai.ContentFilterResponseError
				if name == "unary" && !errors.As(err, &filtered) {
					t.Errorf("error: %v", err)
				}
				_, err = mode(t.Context(), client, "timeout", "Who is slow?")
				if !errors.As(err, &response) || response.StatusCode != 408 {
					t.Errorf("error: %v", err)
				}
				if rows := stack.Rows(); len(rows) != 2 || rows[0].Outcome != policy.Ambiguous || rows[1].Outcome != policy.Ambiguous {
					t.Errorf("rows: %+v", rows)
				}
				if sent, billed := len(server.Requests()), len(server.Meter()); sent != 2 || billed != 2 {
					t.Errorf("%d requests, %d generations", sent, billed)
				}
			})
		})
	}
}

// The model behind a deployment is what has a price.
func TestDeployments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, stack, server := setup(t, llmtest.Config{}, policy.Policy{})
		for deployment, detail := range map[string]string{"house": "it could cost $", "another": "nobody can say"} {
			ctx := policy.With(t.Context(), policy.MaxCost(price.MustUSD("0.000001")))
			_, err := ask(ctx, client, deployment, "Who lives here?")
			var refusal *middleware.Error
			if !errors.As(err, &refusal) || !strings.Contains(refusal.Detail, detail) {
				t.Errorf("%s: %v", deployment, err)
			}
		}
		if _, err := ask(policy.With(t.Context(), policy.MaxCost(price.MustUSD("3"))), client, "house", "Who lives here?"); err != nil {
			t.Fatal(err)
		}
		if row := stack.Rows()[2]; row.Model != "gpt-5" || server.Requests()[0].Model != "house" {
			t.Errorf("row: %+v", row)
		}
	})
}

func TestRetryOptions(t *testing.T) {
	stack, err := middleware.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		retry azpolicy.RetryOptions
		bad   bool
	}{
		{azpolicy.RetryOptions{}, false},
		{azpolicy.RetryOptions{MaxRetries: -1}, false},
		{azpolicy.RetryOptions{MaxRetries: -1, TryTimeout: time.Minute}, false},
		{azpolicy.RetryOptions{MaxRetries: 1}, true},
		{azpolicy.RetryOptions{TryTimeout: time.Minute}, true},
		{azpolicy.RetryOptions{StatusCodes: []int{}}, true},
		{azpolicy.RetryOptions{ShouldRetry: func(*http.Response, error) bool { return false }}, true},
	} {
		options := &azopenai.ClientOptions{ClientOptions: azcore.ClientOptions{Retry: c.retry}}
		_, withKey := adapter.NewClientWithKeyCredential(endpoint, key, stack, options)
		_, withToken := adapter.NewClient(endpoint, entra{}, stack, options)
		_, forOpenAI := adapter.NewClientForOpenAI(endpoint, key, stack, options)
		for _, err := range []error{withKey, withToken, forOpenAI} {
			if (err != nil) != c.bad || c.bad && !strings.Contains(err.Error(), "MaxAttempts") {
				t.Errorf("%+v: %v", c.retry, err)
			}
		}
	}
}

// A doer is a Transporter that is no http.Client.
type doer struct {
	rt http.RoundTripper
	n  int
}

func (d *doer) Do(req *http.Request) (*http.Response, error) {
	d.n++
	return d.rt.RoundTrip(req)
}

// stamp is a policy of the program's own.
type stamp struct{}

func (stamp) Do(req *azpolicy.Request) (*http.Response, error) {
	req.Raw().Header.Set("X-Stamp", "own")
	return req.Next()
}

// The program's options are kept, and left as they are.
func TestOptionsAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := llmtest.NewPipe(llmtest.Config{Faults: llmtest.Sequence(llmtest.Slow, llmtest.RateLimited)})
		defer server.Close()
		stack, err := middleware.New()
		if err != nil {
			t.Fatal(err)
		}
		defer stack.Close(t.Context())
		hc := &http.Client{Transport: server.Transport(), Timeout: time.Minute}
		plain := *hc
		policies := make([]azpolicy.Policy, 1, 2)
		policies[0] = stamp{}
		options := &azopenai.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: hc, PerCallPolicies: policies}}
		before := *options
		client, err := adapter.NewClientWithKeyCredential(endpoint, key, stack, options)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*options, before) || policies[:2][1] != nil || hc.Transport != plain.Transport {
			t.Errorf("options: %+v", options)
		}
		began := time.Now()
		_, err = ask(t.Context(), client, "gpt-5", "Whose client?")
		if err == nil || time.Since(began) != time.Minute || len(server.Requests()) != 1 || server.Requests()[0].Header.Get("X-Stamp") != "own" {
			t.Errorf("%v after %v", err, time.Since(began))
		}

		d := &doer{rt: server.Transport()}
		options.Transport = d
		client, err = adapter.NewClientWithKeyCredential(endpoint, key, stack, options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ask(t.Context(), client, "gpt-5", "Whose Transporter?"); err != nil || d.n != 2 || options.Transport != d {
			t.Errorf("%v, %d requests", err, d.n)
		}
	})
}

// A 401 that asks for other claims gets a second request, with another token.
func TestChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := llmtest.NewPipe(llmtest.Config{})
		defer server.Close()
		challenged := 0
		base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			if challenged++; challenged > 1 {
				return server.Transport().RoundTrip(req)
			}
			req.Body.Close()
			return &http.Response{
				StatusCode: http.StatusUnauthorized, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
				Header: http.Header{"Www-Authenticate": {`Bearer error="insufficient_claims", claims="e30="`}},
				Body:   io.NopCloser(strings.NewReader(`{"error":{"code":"401","message":"Claims."}}`)),
			}, nil
		})
		stack, err := middleware.New(middleware.WithBase(base))
		if err != nil {
			t.Fatal(err)
		}
		defer stack.Close(t.Context())
		client, err := adapter.NewClient(endpoint, entra{}, stack, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ask(t.Context(), client, "gpt-5", "Who claims?"); err != nil {
			t.Fatal(err)
		}
		if rows := stack.Rows(); len(rows) != 2 || rows[0].Outcome != policy.Rejected || rows[1].Outcome != policy.Billed || len(server.Meter()) != 1 {
			t.Errorf("rows: %+v", rows)
		}
	})
}
