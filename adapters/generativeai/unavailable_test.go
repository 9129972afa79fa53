package generativeai_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/generative-ai-go/genai"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/skinflint-go/skinflint/adapters/generativeai"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// The SDK alone would resend for as long as the context lasts.
func TestUnavailableEndsTheCall(t *testing.T) {
	p := policy.Policy{MaxAttempts: 2, BackoffBase: time.Millisecond, BackoffMax: time.Millisecond}
	client, stack, server := setup(t, llmtest.Config{Faults: always(llmtest.Overloaded)}, p)
	_, err := client.GenerativeModel(flash).GenerateContent(t.Context(), genai.Text("Who waits?"))
	var e *generativeai.UnavailableError
	if !errors.As(err, &e) || e.StatusCode != 503 || e.Status != "UNAVAILABLE" || e.Message == "" {
		t.Fatalf("error: %v", err)
	}
	isFinal(t, e)
	if n, rows := len(server.Requests()), stack.Rows(); n != 2 || len(rows) != 2 || rows[0].Call != rows[1].Call {
		t.Errorf("%d requests, rows: %+v", n, rows)
	}

	_, err = client.EmbeddingModel("gemini-embedding-001").EmbedContent(t.Context(), genai.Text("Who embeds?"))
	if !errors.As(err, &e) || len(server.Requests()) != 4 {
		t.Errorf("embedding: %v, %d requests", err, len(server.Requests()))
	}

	var plain *googleapi.Error
	e = nil
	_, err = client.GenerativeModel(flash).GenerateContentStream(t.Context(), genai.Text("Who streams?")).Next()
	if !errors.As(err, &plain) || plain.Code != 503 || errors.As(err, &e) || len(server.Requests()) != 6 {
		t.Errorf("stream: %v, %d requests", err, len(server.Requests()))
	}
}

// isFinal checks that an error says to code above that the call should not be sent again.
func isFinal(t *testing.T, err error) {
	t.Helper()
	var again interface {
		Temporary() bool
		Timeout() bool
		NonRetriable()
	}
	if !errors.As(err, &again) || again.Temporary() || again.Timeout() {
		t.Errorf("%#v", err)
	}
}

// The SDK takes the code from the body.
func TestUnavailableByItsBody(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   int // 0: an UnavailableError; else the code of the SDK's own error
	}{
		{"in both", 503, `{"error":{"code":503,"status":"UNAVAILABLE","message":"No\nroom."}}`, 0},
		{"only in the body", 500, `{"error":{"code":503,"status":"UNAVAILABLE"}}`, 0},
		{"only in the status", 503, `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}`, 429},
		{"no code", 503, `{"error":{"message":"No."}}`, 0},
		{"no JSON", 503, `<html>` + strings.Repeat("x", 100_000), 0},
		{"another", 500, `{"error":{"code":500,"message":"` + strings.Repeat("x", 100_000) + `"}}`, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			sent := 0
			client, _ := over(t, transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				sent++
				return answer(req, c.status, c.body), nil
			}), policy.Policy{MaxAttempts: 1})
			_, err := client.GenerativeModel(flash).GenerateContent(t.Context(), genai.Text("Who waits?"))
			var e *generativeai.UnavailableError
			var plain *googleapi.Error
			switch {
			case sent != 1:
				t.Errorf("%d requests", sent)
			case c.want == 0 && (!errors.As(err, &e) || e.StatusCode != c.status || strings.Contains(err.Error(), "\n")):
				t.Errorf("error: %v", err)
			case c.want != 0 && (!errors.As(err, &plain) || plain.Code != c.want || len(plain.Body) != len(c.body)):
				t.Errorf("error: %.200v", err)
			}
		})
	}
}

func ExampleUnavailableError() {
	provider := llmtest.NewServer(llmtest.Config{Flex: llmtest.Refuse(1)})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithPolicy(policy.Policy{Tier: policy.Flex, MaxAttempts: 1}))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	client, err := generativeai.NewClient(ctx, "AI...", stack, option.WithEndpoint(provider.URL))
	if err != nil {
		panic(err)
	}
	defer client.Close()

	_, err = client.GenerativeModel("gemini-2.5-flash").GenerateContent(ctx, genai.Text("Who waits?"))
	var unavailable *generativeai.UnavailableError
	if errors.As(err, &unavailable) {
		fmt.Println(unavailable.StatusCode, unavailable.Status)
	}
	// Output: 503 UNAVAILABLE
}
