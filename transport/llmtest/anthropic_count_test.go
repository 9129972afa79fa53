package llmtest_test

import (
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestAnthropicCountsTokens(t *testing.T) {
	inBubble(t, llmtest.Config{RequestsPerMinute: 1}, func(t *testing.T, srv *llmtest.Server) {
		request := strings.Replace(message("How do I save?", `"system":"Be brief, and be it at once."`), `"max_tokens":1024,`, "", 1)
		a := mustDo(t, srv, "POST", messagesURL+"/count_tokens", request, 200)
		count := decode[struct {
			Input int64 `json:"input_tokens"`
		}](t, a.body).Input
		mustDo(t, srv, "POST", messagesURL, message("How do I save?", `"system":"Be brief, and be it at once."`), 200)
		if g := srv.Meter(); len(g) != 1 || g[0].Prompt != count {
			t.Errorf("counted %d, billed %+v", count, g)
		}
		r := srv.Requests()
		if r[0].Operation != "countTokens" || r[0].Provider != "anthropic" || r[0].Call != r[1].Call || a.header.Get("anthropic-ratelimit-requests-limit") != "" {
			t.Errorf("recorded %+v", r[0])
		}
		mustDo(t, srv, "POST", messagesURL+"/count_tokens", `{"model":"claude"}`, 400)
	})
}
