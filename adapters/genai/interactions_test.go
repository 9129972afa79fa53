package genai_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genai"
	"google.golang.org/genai/interactions/models/apierrors"
	"google.golang.org/genai/interactions/models/interactions"
	"google.golang.org/genai/interactions/models/operations"
	"google.golang.org/genai/interactions/retry"

	adapter "github.com/skinflint-go/skinflint/adapters/genai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

func interact(ctx context.Context, client *genai.Client, opts ...operations.Option) error {
	input := interactions.NewInteractionsInput("Who asks?")
	body := interactions.CreateModelInteraction{Model: interactions.ModelGemini25Flash, Input: &input}
	_, err := client.Interactions.Create(ctx, operations.CreateInteractionRequest{Body: operations.NewCreateInteractionRequestBody(body)}, opts...)
	return err
}

// insistently makes the SDK resend whatever it can.
func insistently() []operations.Option {
	return []operations.Option{operations.WithRetries(retry.Config{
		Strategy: "attempt-count-backoff", Backoff: &retry.BackoffStrategy{InitialInterval: 500, MaxInterval: 8000, Exponent: 2, MaxElapsedTime: 30_000},
		RetryConnectionErrors: true, MaxRetries: genai.Ptr(4),
	})}
}

func TestInteractionsAreSentOnce(t *testing.T) {
	for _, status := range []int{408, 409, 502, 504} {
		bubble(t, fmt.Sprint(status), func(t *testing.T) {
			var sent atomic.Int64
			client, stack := over(t, genai.ClientConfig{}, policy.Policy{}, answering(&sent, status))
			err := interact(t.Context(), client)
			code := 0
			var client4 *apierrors.CreateInteractionClientError
			var server5 *apierrors.CreateInteractionServerError
			switch {
			case errors.As(err, &client4):
				code = client4.HTTPMeta.Response.StatusCode
			case errors.As(err, &server5):
				code = server5.HTTPMeta.Response.StatusCode
			}
			if n := sent.Load(); code != status || n != 1 || len(stack.Rows()) != 1 {
				t.Errorf("by default: %d requests, %v", n, err)
			}

			sent.Store(0)
			err = interact(t.Context(), client, insistently()...)
			var api genai.APIError
			if n := sent.Load(); !errors.Is(err, middleware.ErrRepeat) || !errors.As(err, &api) || api.Code != status || n != 1 || len(stack.Rows()) != 2 {
				t.Errorf("with retries: %d requests, %v", n, err)
			}
		})
	}
}

func TestInteractionsWithATimeoutAreSentOnce(t *testing.T) {
	for name, opts := range map[string][]operations.Option{"by default": nil, "with retries": insistently()} {
		bubble(t, name, func(t *testing.T) {
			sent := 0
			hc := &http.Client{Timeout: time.Minute}
			client, _ := over(t, genai.ClientConfig{HTTPClient: hc}, policy.Policy{}, func(req *http.Request) (*http.Response, error) {
				io.Copy(io.Discard, req.Body)
				req.Body.Close()
				sent++
				<-req.Context().Done()
				return nil, req.Context().Err()
			})
			err := interact(t.Context(), client, opts...)
			if repeated := errors.Is(err, middleware.ErrRepeat); err == nil || repeated != (opts != nil) || sent != 1 {
				t.Errorf("%d requests, %v", sent, err)
			}
		})
	}
}

// The requests of our Interactions are those of the SDK's own.
func TestInteractionsAskAsTheSDKDoes(t *testing.T) {
	for name, cfg := range map[string]genai.ClientConfig{
		"gemini":  {Backend: genai.BackendGeminiAPI, APIKey: "AI-test"},
		"vertex":  {Backend: genai.BackendVertexAI, Project: "p", Location: "global", HTTPClient: &http.Client{}},
		"express": {Backend: genai.BackendVertexAI, APIKey: "AI-test"},
		"options": {Backend: genai.BackendGeminiAPI, APIKey: "AI-test", HTTPOptions: genai.HTTPOptions{
			BaseURL: "https://user:secret@gateway.example/g/", APIVersion: "v1alpha", Timeout: genai.Ptr(time.Minute),
			Headers: http.Header{"User-Agent": {"own/1"}, "X-Goog-Api-Client": {"mine", "ours"}, "X-Two": {"a", "b"}, "Accept": {"x/y"}},
		}},
	} {
		var asked []*http.Request
		record := func(req *http.Request) (*http.Response, error) {
			_, limited := req.Context().Deadline()
			req.Header.Set("Limited", fmt.Sprint(limited))
			asked = append(asked, req)
			return answer(req, http.StatusBadRequest, `{"error":{"code":"x","message":"No."}}`), nil
		}
		theirs := cfg
		theirs.HTTPClient = &http.Client{Transport: transport.RoundTripperFunc(record)}
		own, err := genai.NewClient(t.Context(), &theirs)
		if err != nil {
			t.Fatal(err)
		}
		if cfg.HTTPClient != nil {
			cfg.HTTPClient = theirs.HTTPClient
		}
		ours, _ := over(t, cfg, policy.Policy{}, record)
		for _, client := range []*genai.Client{own, ours} {
			if err := interact(t.Context(), client); err == nil {
				t.Error("no error")
			}
			if _, err := client.Interactions.Get(t.Context(), operations.GetInteractionByIDRequest{ID: "i"}); err == nil {
				t.Error("no error")
			}
		}
		if len(asked) != 4 {
			t.Fatalf("%s: %d requests", name, len(asked))
		}
		for i, a := range asked[:2] {
			b := asked[i+2]
			for _, h := range []http.Header{a.Header, b.Header} {
				h.Del("X-Server-Timeout")
				h.Del("Idempotency-Key")
			}
			if a.Method != b.Method || a.URL.String() != b.URL.String() || !maps.EqualFunc(a.Header, b.Header, func(x, y []string) bool {
				return strings.Join(x, "\n") == strings.Join(y, "\n")
			}) {
				t.Errorf("%s: %s %s\n%v\nthe SDK: %s %s\n%v", name, b.Method, b.URL, b.Header, a.Method, a.URL, a.Header)
			}
		}
	}
}

func TestInteractionsWithoutRetries(t *testing.T) {
	sent := 0
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		sent++
		return answer(req, http.StatusServiceUnavailable, `{"error":{"code":"unavailable","message":"No."}}`), nil
	})
	stack, err := middleware.New(middleware.WithBase(base))
	if err != nil {
		t.Fatal(err)
	}
	client, err := adapter.NewClient(t.Context(), &genai.ClientConfig{Backend: genai.BackendGeminiAPI, APIKey: "AI-test"}, stack)
	if err != nil {
		t.Fatal(err)
	}
	ctx := policy.With(t.Context(), policy.MaxAttempts(1))
	input := interactions.NewInteractionsInput("Who asks?")
	body := interactions.CreateModelInteraction{Model: interactions.ModelGemini25Flash, Input: &input}
	_, err = client.Interactions.Create(ctx, operations.CreateInteractionRequest{Body: operations.NewCreateInteractionRequestBody(body)},
		operations.WithRetries(retry.Config{Strategy: "none"}))
	if rows := stack.Rows(); err == nil || sent != 1 || len(rows) != 1 || rows[0].Operation != "interactions" || rows[0].Model != flash {
		t.Errorf("%d requests: %v; rows: %+v", sent, err, rows)
	}
}
