package llmtest_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestGeminiPaths(t *testing.T) {
	for _, path := range []string{
		"/v1/models/gemini-2.0-flash:generateContent", "/v1beta1/models/gemini-2.0-flash:generateContent",
		"/models/gemini-2.0-flash:generateContent", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:generateContent",
		"/v1beta/models/gemini-2.0-flash%3AgenerateContent",
	} {
		inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
			got := decode[generated](t, mustDo(t, srv, "POST", path, contents("hi"), 200).body)
			if g := srv.Meter()[0]; got.ModelVersion != "gemini-2.0-flash" || g.Reasoning != 0 || g.Tier != "standard" {
				t.Errorf("%s: got %+v, metered %+v", path, got, g)
			}
		})
	}
}
