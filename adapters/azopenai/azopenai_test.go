package azopenai_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/ai/azopenai"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	adapter "github.com/skinflint-go/skinflint/adapters/azopenai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const endpoint = "https://mine.openai.azure.com"

var key = azcore.NewKeyCredential("key-test")

// prices are what a program pays to Azure. The embedded catalog has no prices for Azure.
const prices = `{"providers": {"azure": {"models": {
	"gpt-5": {"limits": {"max_output": 128000}, "periods": [{"source": "test", "tiers": {
		"standard": [{"usd_per_million": {"input": "1.25", "cached_input": "0.125", "output": "10"}}],
		"priority": [{"usd_per_million": {"input": "2.5", "cached_input": "0.25", "output": "20"}}]}}]},
	"text-embedding-3-small": {"periods": [{"source": "test", "tiers": {
		"standard": [{"usd_per_million": {"input": "0.02", "output": "0"}}]}}]}}}}}`

// The descriptions are of the three constructors.
var (
	onKey = describe("azure", func(s *middleware.Stack, o *azopenai.ClientOptions) (*azopenai.Client, error) {
		return adapter.NewClientWithKeyCredential(endpoint, key, s, o)
	})
	onToken = describe("azure", func(s *middleware.Stack, o *azopenai.ClientOptions) (*azopenai.Client, error) {
		return adapter.NewClient(endpoint, entra{}, s, o)
	})
	onOpenAI = func() adaptertest.Adapter {
		a := describe("openai", func(s *middleware.Stack, o *azopenai.ClientOptions) (*azopenai.Client, error) {
			return adapter.NewClientForOpenAI("https://api.openai.com/v1", key, s, o)
		})
		a.Stack = nil // the embedded prices are those of OpenAI
		a.Models, a.Tiers = []string{"gpt-5", "gpt-5-mini"}, []policy.Tier{policy.Flex, policy.Priority}
		return a
	}()
)

func TestKeyCredential(t *testing.T) { adaptertest.Test(t, onKey) }

func TestTokenCredential(t *testing.T) { adaptertest.Test(t, onToken) }

func TestOpenAI(t *testing.T) { adaptertest.Test(t, onOpenAI) }

// describe describes the SDK, whose client build returns.
func describe(provider string, build func(*middleware.Stack, *azopenai.ClientOptions) (*azopenai.Client, error)) adaptertest.Adapter {
	catalog, err := price.Parse("test", strings.NewReader(prices))
	if err != nil {
		panic(err)
	}
	return adaptertest.Adapter{
		Provider: provider,
		Models:   []string{"gpt-5"},
		Tiers:    []policy.Tier{policy.Priority},
		Stack:    []middleware.Option{middleware.WithCatalog(catalog), middleware.WithDeployments(map[string]string{"house": "gpt-5"})},
		New: func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
			options := new(azopenai.ClientOptions)
			if o.HTTPClient != nil {
				options.Transport = o.HTTPClient
			}
			if o.Timeout > 0 {
				options.Retry = azpolicy.RetryOptions{MaxRetries: -1, TryTimeout: o.Timeout}
			}
			client, err := build(w.Stack, options)
			if err != nil {
				w.Fatal(err)
			}
			return caller{client, o.Retries}.client()
		},
		Failure:    failure,
		CutStream:  adaptertest.Ending{Text: "unexpected EOF"},
		Cut:        adaptertest.Ending{Text: "unexpected EOF"},
		ErrorEvent: adaptertest.Ending{Text: "incomplete stream"},
		Cannot: map[adaptertest.Ability]string{
			adaptertest.ReadTier: "the answer's type has no member for it",
		},
	}
}

// A caller makes the calls of the kit.
type caller struct {
	*azopenai.Client
	retries bool // contexts ask for retries, which the adapter does not obey
}

func (c caller) client() adaptertest.Client {
	return adaptertest.Client{
		Ask: c.ask,
		Stream: func(ctx context.Context, model, text string) (adaptertest.Answer, error) {
			return c.stream(ctx, model, text, nil)
		},
		StreamUsage: func(ctx context.Context, model, text string) (adaptertest.Answer, error) {
			return c.stream(ctx, model, text, &azopenai.ChatCompletionStreamOptions{IncludeUsage: to.Ptr(true)})
		},
		Open: c.open,
	}
}

func (c caller) context(ctx context.Context) context.Context {
	if c.retries {
		return azpolicy.WithRetryOptions(ctx, azpolicy.RetryOptions{MaxRetries: 5})
	}
	return ctx
}

// ask makes a call to a deployment.
func (c caller) ask(ctx context.Context, deployment, text string) (adaptertest.Answer, error) {
	got, err := c.GetChatCompletions(c.context(ctx), question(deployment, text), nil)
	if err != nil {
		return adaptertest.Answer{}, err
	}
	return adaptertest.Answer{
		Text: *got.Choices[0].Message.Content, Input: int64(*got.Usage.PromptTokens), Output: int64(*got.Usage.CompletionTokens),
	}, nil
}

// start starts a stream.
func (c caller) start(ctx context.Context, deployment, text string, usage *azopenai.ChatCompletionStreamOptions) (*azopenai.EventReader[azopenai.ChatCompletions], error) {
	got, err := c.GetChatCompletionsStream(c.context(ctx), azopenai.ChatCompletionsStreamOptions{
		DeploymentName: to.Ptr(deployment), Messages: question(deployment, text).Messages, StreamOptions: usage,
	}, nil)
	return got.ChatCompletionsStream, err
}

func (c caller) stream(ctx context.Context, deployment, text string, usage *azopenai.ChatCompletionStreamOptions) (answer adaptertest.Answer, err error) {
	chunks, err := c.start(ctx, deployment, text, usage)
	if err != nil {
		return answer, err
	}
	for usages := 0; ; {
		chunk, err := chunks.Read()
		switch {
		case err == io.EOF && (usages == 1) != (usage != nil):
			return answer, fmt.Errorf("the usage came %d times", usages)
		case err == io.EOF:
			return answer, chunks.Close()
		case err != nil:
			return answer, errors.Join(err, chunks.Close())
		case chunk.Usage != nil:
			usages++
			answer.Input, answer.Output = int64(*chunk.Usage.PromptTokens), int64(*chunk.Usage.CompletionTokens)
		}
		for _, choice := range chunk.Choices {
			if choice.Delta.Content != nil {
				answer.Text += *choice.Delta.Content
			}
		}
	}
}

func (c caller) open(ctx context.Context, deployment, text string) (io.Closer, error) {
	chunks, err := c.start(ctx, deployment, text, nil)
	if err != nil {
		return nil, err
	}
	_, err = chunks.Read()
	return chunks, err
}

func failure(err error) adaptertest.Failure {
	var e *azcore.ResponseError
	if !errors.As(err, &e) {
		return adaptertest.Failure{}
	}
	return adaptertest.Failure{Status: e.StatusCode, Code: e.ErrorCode, Message: e.Error()}
}

// The three constructors go to their addresses with their credentials.
func TestRequests(t *testing.T) {
	for _, c := range []struct {
		adaptertest.Adapter
		auth, path string
	}{
		{onKey, "key-test", "/openai/deployments/gpt-5/chat/completions"},
		{onToken, "Bearer token of Entra ID", "/openai/deployments/gpt-5/chat/completions"},
		{onOpenAI, "Bearer key-test", "/v1/chat/completions"},
	} {
		c.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
			for i, ask := range []func(context.Context, string, string) (adaptertest.Answer, error){w.Client.Ask, w.Client.Stream} {
				if _, err := ask(w.Context(), "gpt-5", "Who is it?"); err != nil {
					w.Fatal(err)
				}
				r := w.Server.Requests()[i]
				if auth := r.Header.Get("Authorization") + r.Header.Get("Api-Key"); auth != c.auth || r.Path != c.path {
					w.Errorf("%q at %s, want %q at %s", auth, r.Path, c.auth, c.path)
				}
			}
		})
	}
}

func TestEmbeddings(t *testing.T) {
	onKey.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		answer, err := newClient(w).GetEmbeddings(w.Context(), azopenai.EmbeddingsOptions{
			DeploymentName: to.Ptr("text-embedding-3-small"), Input: []string{"Who saves?", "Who spends?"},
		}, nil)
		if err != nil || len(answer.Data) != 2 {
			w.Fatal(answer, err)
		}
		w.Balance()
	})
}

// Azure may charge for what its content filter rejects, and for what is not done in time.
func TestBilledRejections(t *testing.T) {
	for _, stream := range []bool{false, true} {
		onKey.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
			ask := w.Client.Ask
			if stream {
				ask = w.Client.Stream
			}
			_, err := ask(w.Context(), "filtered", "Who is violent?")
			var response *azcore.ResponseError
			if !errors.As(err, &response) || response.StatusCode != 400 || response.ErrorCode != "content_filter" {
				w.Errorf("error: %v", err)
			}
			var filtered *azopenai.ContentFilterResponseError
			if !stream && !errors.As(err, &filtered) {
				w.Errorf("error: %v", err)
			}
			_, err = ask(w.Context(), "timeout", "Who is slow?")
			if !errors.As(err, &response) || response.StatusCode != 408 {
				w.Errorf("error: %v", err)
			}
			if rows := w.Stack.Rows(); len(rows) != 2 || rows[0].Outcome != policy.Ambiguous || rows[1].Outcome != policy.Ambiguous {
				w.Errorf("rows: %+v", rows)
			}
			w.Wire(2, 2)
		})
	}
}

// All attempts of a call share one reader of the SDK. A new attempt rewinds it while the one before may still be written.
func TestBodiesAreWhole(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		faults := llmtest.Sequence(llmtest.EarlyRateLimited, llmtest.EarlyRateLimited, llmtest.RateLimited)
		onKey.Run(t, adaptertest.Setup{
			Config: llmtest.Config{HTTP2: http2, Faults: faults}, Policy: policy.Policy{Tier: policy.Priority},
		}, func(w *adaptertest.World) {
			text := strings.Repeat("Who is long? ", 100_000)
			if _, err := w.Client.Ask(w.Context(), "gpt-5", text); err != nil {
				w.Fatal(err)
			}
			requests := w.Server.Requests()
			if len(requests) != 4 || !bytes.Equal(requests[2].Body, requests[3].Body) || !bytes.Contains(requests[3].Body, []byte(text)) {
				w.Errorf("%d requests", len(requests))
			}
			w.Balance()
		})
	}
}

// The model behind a deployment has the price. Where it is unknown, so is the cost.
func TestDeployments(t *testing.T) {
	onKey.Run(t, adaptertest.Setup{}, func(w *adaptertest.World) {
		for deployment, known := range map[string]bool{"house": true, "another": false} {
			ctx := policy.With(w.Context(), policy.MaxCost(price.MustUSD("0.000001")))
			_, err := w.Client.Ask(ctx, deployment, "Who lives here?")
			var refusal *middleware.Error
			if !errors.As(err, &refusal) || strings.Contains(refusal.Detail, "it could cost $") != known {
				w.Errorf("%s: %v", deployment, err)
			}
		}
		ctx := policy.With(w.Context(), policy.MaxCost(price.MustUSD("3")))
		if _, err := w.Client.Ask(ctx, "house", "Who lives here?"); err != nil {
			w.Fatal(err)
		}
		if row := w.Stack.Rows()[2]; row.Model != "gpt-5" || w.Server.Requests()[0].Model != "house" {
			w.Errorf("row: %+v", row)
		}
	})
}

// newClient returns a client of Azure with a key.
func newClient(w *adaptertest.World) *azopenai.Client {
	client, err := adapter.NewClientWithKeyCredential(endpoint, key, w.Stack, nil)
	if err != nil {
		w.Fatal(err)
	}
	return client
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

// A doer is a Transporter that is not an http.Client.
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

// The program's options are used and not changed.
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
		_, err = (caller{client, false}).ask(t.Context(), "gpt-5", "Whose client?")
		if err == nil || time.Since(began) != time.Minute || len(server.Requests()) != 1 || server.Requests()[0].Header.Get("X-Stamp") != "own" {
			t.Errorf("%v after %v", err, time.Since(began))
		}

		d := &doer{rt: server.Transport()}
		options.Transport = d
		client, err = adapter.NewClientWithKeyCredential(endpoint, key, stack, options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (caller{client, false}).ask(t.Context(), "gpt-5", "Whose Transporter?"); err != nil || d.n != 2 || options.Transport != d {
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
		if _, err := (caller{client, false}).ask(t.Context(), "gpt-5", "Who claims?"); err != nil {
			t.Fatal(err)
		}
		if rows := stack.Rows(); len(rows) != 2 || rows[0].Outcome != policy.Rejected || rows[1].Outcome != policy.Billed || len(server.Meter()) != 1 {
			t.Errorf("rows: %+v", rows)
		}
	})
}
