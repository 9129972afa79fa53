package llmtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const messagesURL = "https://api.anthropic.com/v1/messages"

// message returns a request for a message with further fields put in.
func message(prompt string, fields ...string) string {
	fields = append([]string{
		`"model":"claude-haiku-4-5"`, `"max_tokens":1024`,
		fmt.Sprintf(`"messages":[{"role":"user","content":%q}]`, prompt),
	}, fields...)
	return "{" + strings.Join(fields, ",") + "}"
}

// anthropic is a response of Anthropic, an event of a stream, or an error.
type anthropic struct {
	Type, ID, Model, Role string
	Content               []block
	Stop                  *string `json:"stop_reason"`
	Usage                 *anthropicUsage
	Error                 *struct{ Type, Message string }
	Request               string `json:"request_id"`
	Message               *anthropic
	Index                 int
	Block                 *block `json:"content_block"`
	Delta                 *struct {
		block
		Stop string `json:"stop_reason"`
	}
}

type block struct{ Type, Text, Thinking, Signature string }

type anthropicUsage struct {
	Input   int64 `json:"input_tokens"`
	Cached  int64 `json:"cache_read_input_tokens"`
	Written int64 `json:"cache_creation_input_tokens"`
	Created *struct {
		Short int64 `json:"ephemeral_5m_input_tokens"`
		Long  int64 `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	Output int64 `json:"output_tokens"`
	Out    struct {
		Thinking int64 `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
	Tier string `json:"service_tier"`
}

func TestAnthropicRejections(t *testing.T) {
	cfg := llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited, llmtest.QuotaExceeded, llmtest.Overloaded,
		llmtest.FlexUnavailable, llmtest.ServerError, llmtest.BadRequest)}
	inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		for _, tt := range []struct {
			request       string
			status        int
			kind, message string
			retryAfter    string
			again         string
		}{
			{message("hi"), 429, "rate_limit_error", "rate limit of 60 requests per minute", "1", "true"},
			{message("hi"), 400, "invalid_request_error", "Your credit balance is too low", "", "false"},
			{message("hi"), 529, "overloaded_error", "Overloaded", "", "true"},
			{message("hi"), 529, "overloaded_error", "Overloaded", "", "true"},
			{message("hi"), 500, "api_error", "Internal server error", "", "true"},
			{message("hi"), 400, "invalid_request_error", "script", "", "false"},
			{message("hi", `"service_tier":"flex"`), 400, "invalid_request_error", "service_tier: Input should be", "", "false"},
			{strings.Replace(message("hi"), "claude", "missing", 1), 404, "not_found_error", "model: missing-haiku-4-5", "", "false"},
			{body("hi"), 400, "invalid_request_error", "max_tokens: Field required", "", "false"},
			{strings.Replace(message("hi"), "1024", "0", 1), 400, "invalid_request_error", "max_tokens: must be greater", "", "false"},
			{strings.Replace(message("hi"), "1024", `"x"`, 1), 400, "invalid_request_error", "max_tokens: Input should be a valid integer", "", "false"},
			{`{"model":"claude","max_tokens":5}`, 400, "invalid_request_error", "messages: Field required", "", "false"},
			{`{"model":"claude","max_tokens":5,"messages":"hi"}`, 400, "invalid_request_error", "messages: Input should be a valid list", "", "false"},
			{`{"max_tokens":5,"messages":[]}`, 400, "invalid_request_error", "model: Field required", "", "false"},
			{`{`, 400, "invalid_request_error", "not valid JSON", "", "false"},
		} {
			a := mustDo(t, srv, "POST", messagesURL, tt.request, tt.status)
			e := decode[anthropic](t, a.body)
			if e.Type != "error" || e.Error.Type != tt.kind || !strings.Contains(e.Error.Message, tt.message) || e.Request != a.header.Get("request-id") ||
				a.header.Get("retry-after") != tt.retryAfter || a.header.Get("x-should-retry") != tt.again {
				t.Errorf("got %v %s", a.header, a.body)
			}
			keysInOrder(t, a.body, "type", "error", "type", "message", "request_id")
			if limited := a.header.Get("anthropic-ratelimit-requests-remaining"); (limited == "0") != (tt.status == 429) {
				t.Errorf("got %v", a.header)
			}
		}
		if len(srv.Meter()) != 0 {
			t.Errorf("billed %d", len(srv.Meter()))
		}
	})
}

func TestAnthropicShouldRetryFalse(t *testing.T) {
	inBubble(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ShouldRetryFalse)}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", messagesURL, message("hi"), 429)
		checkHeaders(t, a.header, map[string]string{"x-should-retry": "false", "retry-after": "1"})
	})
}
