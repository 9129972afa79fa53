package genai_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/auth"
	"google.golang.org/genai"
	"google.golang.org/genai/interactions/models/operations"

	adapter "github.com/skinflint-go/skinflint/adapters/genai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const generated = `{"responseId":"r","candidates":[{"content":{"role":"model","parts":[{"text":"Hm."}]},"finishReason":"STOP"}],` +
	`"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5}}`

// over returns a client of the Gemini API over a stack over base.
func over(t *testing.T, cfg genai.ClientConfig, p policy.Policy, base func(*http.Request) (*http.Response, error)) (*genai.Client, *middleware.Stack) {
	t.Helper()
	stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithBase(transport.RoundTripperFunc(base)))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Backend == genai.BackendUnspecified {
		cfg.Backend, cfg.APIKey = genai.BackendGeminiAPI, "AI-test"
	}
	client, err := adapter.NewClient(t.Context(), &cfg, stack)
	if err != nil {
		t.Fatal(err)
	}
	return client, stack
}

// bubble runs a subtest in a bubble of synctest.
func bubble(t *testing.T, name string, f func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// answering returns a base that counts requests and answers with these statuses, and then always with the last one.
func answering(n *atomic.Int64, statuses ...int) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		if req.Body != nil {
			io.Copy(io.Discard, req.Body)
			req.Body.Close()
		}
		status := statuses[min(int(n.Add(1)), len(statuses))-1]
		body := `{"error":{"code":"x","message":"No."}}`
		if status == http.StatusOK {
			body = generated
		}
		return answer(req, status, body), nil
	}
}

// repeating is a config that makes the SDK resend a call four times.
func repeating() *genai.GenerateContentConfig {
	return &genai.GenerateContentConfig{HTTPOptions: &genai.HTTPOptions{RetryOptions: &genai.HTTPRetryOptions{}}}
}

// The RetryOptions of a single call resend nothing that may have been billed.
func TestRetryOptionsOfACall(t *testing.T) {
	for _, fault := range []llmtest.Fault{llmtest.ResetAfterAccept, llmtest.Stall, llmtest.Slow} {
		for _, stream := range []bool{false, true} {
			bubble(t, fmt.Sprint(fault, stream), func(t *testing.T) {
				server := llmtest.NewPipe(llmtest.Config{Faults: llmtest.Sequence(fault, fault)})
				defer server.Close()
				server.Transport().DisableKeepAlives = true
				stack, err := middleware.New(middleware.WithBase(server.Transport()))
				if err != nil {
					t.Fatal(err)
				}
				client, err := adapter.NewClient(t.Context(), &genai.ClientConfig{
					Backend: genai.BackendGeminiAPI, APIKey: "AI-test", HTTPClient: &http.Client{Timeout: time.Minute},
				}, stack)
				if err != nil {
					t.Fatal(err)
				}
				if stream {
					for _, e := range client.Models.GenerateContentStream(t.Context(), flash, genai.Text("Who pays?"), repeating()) {
						err = e
					}
				} else {
					_, err = client.Models.GenerateContent(t.Context(), flash, genai.Text("Who pays?"), repeating())
				}
				if err == nil || len(server.Requests()) != 1 || len(server.Meter()) > 1 || len(stack.Rows()) != 1 {
					t.Errorf("%d requests, %d billed, %v", len(server.Requests()), len(server.Meter()), err)
				}
				if fault == llmtest.ResetAfterAccept && (!errors.Is(err, middleware.ErrRepeat) || !errors.Is(err, middleware.ErrAmbiguous)) {
					t.Error(err)
				}
			})
		}
	}
}

// That also holds if http.Client copies the header for each try, and for an answer that was billed.
func TestRetryOptionsInOtherWords(t *testing.T) {
	for name, c := range map[string]struct {
		base   string
		retry  genai.HTTPRetryOptions
		status int
	}{
		"user":   {"https://user:secret@gateway.example/", genai.HTTPRetryOptions{}, http.StatusBadGateway},
		"status": {"", genai.HTTPRetryOptions{HTTPStatusCodes: []int32{200}}, http.StatusOK},
	} {
		bubble(t, name, func(t *testing.T) {
			var sent atomic.Int64
			client, _ := over(t, genai.ClientConfig{HTTPOptions: genai.HTTPOptions{BaseURL: c.base}}, policy.Policy{}, answering(&sent, c.status))
			config := &genai.GenerateContentConfig{HTTPOptions: &genai.HTTPOptions{RetryOptions: &c.retry}}
			_, err := client.Models.GenerateContent(t.Context(), flash, genai.Text("Who pays?"), config)
			if n := sent.Load(); n != 1 || !errors.Is(err, middleware.ErrRepeat) {
				t.Errorf("%d requests, %v", n, err)
			}
		})
	}
}

// The stack resends a call as often as its policy says, with any options of the SDK, and the program sees how that
// ended.
func TestTheStackStillRetries(t *testing.T) {
	for name, c := range map[string]struct {
		send func(context.Context, *genai.Client) error
		sdk  bool
	}{
		"call": {func(ctx context.Context, client *genai.Client) error {
			_, err := client.Models.GenerateContent(ctx, flash, genai.Text("Who waits?"), nil)
			return err
		}, false},
		"call with RetryOptions": {func(ctx context.Context, client *genai.Client) error {
			_, err := client.Models.GenerateContent(ctx, flash, genai.Text("Who waits?"), repeating())
			return err
		}, true},
		"interaction":              {func(ctx context.Context, client *genai.Client) error { return interact(ctx, client) }, false},
		"interaction with retries": {func(ctx context.Context, client *genai.Client) error { return interact(ctx, client, insistently()...) }, true},
	} {
		bubble(t, name, func(t *testing.T) {
			var sent atomic.Int64
			client, _ := over(t, genai.ClientConfig{}, policy.Policy{MaxAttempts: 3}, answering(&sent, 500))
			err := c.send(t.Context(), client)
			if n := sent.Load(); n != 3 || err == nil || errors.Is(err, middleware.ErrRepeat) != c.sdk {
				t.Errorf("%d requests, %v", n, err)
			}
			sent.Store(0)
			client, _ = over(t, genai.ClientConfig{}, policy.Policy{MaxAttempts: 3}, answering(&sent, 500, 500, 200))
			if err := c.send(t.Context(), client); errors.Is(err, middleware.ErrRepeat) || sent.Load() != 3 {
				t.Errorf("%d requests, %v", sent.Load(), err)
			}
		})
	}
}

type failingToken struct{ left atomic.Int64 }

func (f *failingToken) Token(context.Context) (*auth.Token, error) {
	if f.left.Add(-1) >= 0 {
		return nil, errors.New("no token today")
	}
	return &auth.Token{Value: "ya29.test", Expiry: time.Now().Add(time.Hour)}, nil
}

// A call that was never sent may be tried again, and so may one that costs nothing.
func TestRepetitionsThatCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		client, _ := over(t, genai.ClientConfig{}, policy.Policy{}, answering(&sent, 200))
		ctx := policy.With(t.Context(), policy.MaxCost(price.MustUSD("0.000001")))
		_, err := client.Models.GenerateContent(ctx, flash, genai.Text("Who refuses?"), repeating())
		if !errors.Is(err, middleware.ErrCost) || errors.Is(err, middleware.ErrRepeat) || sent.Load() != 0 {
			t.Errorf("refused by the stack: %v", err)
		}

		tokens := &failingToken{}
		tokens.left.Store(1)
		client, _ = over(t, genai.ClientConfig{Backend: genai.BackendVertexAI, Project: "p", Location: "global",
			Credentials: auth.NewCredentials(&auth.CredentialsOptions{TokenProvider: tokens})}, policy.Policy{}, answering(&sent, 200))
		if _, err := client.Models.GenerateContent(t.Context(), flash, genai.Text("Who am I?"), repeating()); err != nil || sent.Load() != 1 {
			t.Errorf("without a token at first: %d requests, %v", sent.Load(), err)
		}

		sent.Store(0)
		client, _ = over(t, genai.ClientConfig{}, policy.Policy{MaxAttempts: 1}, answering(&sent, 500, 500, 200))
		_, err = client.Models.CountTokens(t.Context(), flash, genai.Text("How many?"), &genai.CountTokensConfig{HTTPOptions: repeating().HTTPOptions})
		if err != nil || sent.Load() != 3 {
			t.Errorf("counting: %d requests, %v", sent.Load(), err)
		}

		sent.Store(0)
		client, _ = over(t, genai.ClientConfig{}, policy.Policy{}, answering(&sent, 500, 500, 200))
		_, err = client.Interactions.Get(t.Context(), operations.GetInteractionByIDRequest{ID: "i"}, insistently()...)
		if err != nil || sent.Load() != 3 {
			t.Errorf("asking after an interaction: %d requests, %v", sent.Load(), err)
		}
	})
}

// All parts of a file are sent to one address. A part whose answer has no upload status is sent again.
func TestUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var parts int
		client, _ := over(t, genai.ClientConfig{}, policy.Policy{}, func(req *http.Request) (*http.Response, error) {
			io.Copy(io.Discard, req.Body)
			req.Body.Close()
			r := answer(req, http.StatusOK, `{"file":{"name":"files/f"}}`)
			if req.Header.Get("X-Goog-Upload-Command") == "start" {
				r.Header.Set("X-Goog-Upload-Url", "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=1")
				return r, nil
			}
			if parts++; parts > 1 {
				r.Header.Set("X-Goog-Upload-Status", map[bool]string{true: "active", false: "final"}[parts == 2])
			}
			return r, nil
		})
		file, err := client.Files.Upload(t.Context(), strings.NewReader(strings.Repeat("x", 9<<20)), &genai.UploadFileConfig{MIMEType: "text/plain"})
		if err != nil || file.Name != "files/f" || parts != 3 {
			t.Errorf("%d parts: %v", parts, err)
		}
	})
}

// Equal calls, one after the other or at once, are separate calls. So is each part of an answer that is continued.
func TestCallsAlike(t *testing.T) {
	var sent atomic.Int64
	client, stack := over(t, genai.ClientConfig{}, policy.Policy{}, answering(&sent, 502, 200))
	var failed atomic.Int64
	for range 3 {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := client.Models.GenerateContent(t.Context(), flash, genai.Text("Who is alike?"), nil)
				if errors.Is(err, middleware.ErrRepeat) {
					t.Error(err)
				}
				if err != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
	}
	if sent.Load() != 60 || failed.Load() != 1 || len(stack.Rows()) != 60 {
		t.Errorf("%d requests, %d failed, %d rows", sent.Load(), failed.Load(), len(stack.Rows()))
	}

	n := 0
	client, stack = over(t, genai.ClientConfig{}, policy.Policy{}, func(req *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
		body := generated
		if n++; n < 3 {
			body = strings.Replace(body, `"finishReason":"STOP"`, fmt.Sprintf(`"continuationToken":"dG9rZW4%d","finishReason":"CONTINUATION"`, n), 1)
		}
		return answer(req, http.StatusOK, body), nil
	})
	config := repeating()
	config.AutomaticContinuation = genai.Ptr(true)
	if _, err := client.Models.GenerateContent(t.Context(), flash, genai.Text("Who goes on?"), config); err != nil || n != 3 || len(stack.Rows()) != n {
		t.Errorf("%d requests, %d rows, %v", n, len(stack.Rows()), err)
	}
}

// A redirect to the request's own address is followed.
func TestRedirectToItself(t *testing.T) {
	n := 0
	var first *url.URL
	client, _ := over(t, genai.ClientConfig{}, policy.Policy{}, func(req *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
		if n++; n == 1 {
			first = req.URL
			r := answer(req, http.StatusTemporaryRedirect, "")
			r.Header.Set("Location", first.String())
			return r, nil
		}
		return answer(req, http.StatusOK, generated), nil
	})
	if _, err := client.Models.GenerateContent(t.Context(), flash, genai.Text("Who comes back?"), repeating()); err != nil || n != 2 {
		t.Errorf("%d requests, %v", n, err)
	}
}
