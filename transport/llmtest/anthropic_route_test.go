package llmtest_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestAnthropicPaths(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		for target, status := range map[string]int{
			"/v1/messages":                             200,
			"/v1/messages/":                            200,
			"/gateway/v1/messages":                     200,
			"/v1/messages/count_tokens":                200,
			"https://api.anthropic.com/messages":       200,
			"https://api.anthropic.com:443/messages":   200,
			"/messages":                                404,
			"/messages/count_tokens":                   404,
			"https://api.anthropic.com/v1/complete":    404,
			"https://api.anthropic.com/v1/messages/no": 404,
		} {
			mustDo(t, srv, "POST", target, message("hi"), status)
		}
		mustDo(t, srv, "GET", messagesURL, "", 404)
	})
}
