package llmtest_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestAzurePathsOfOthers(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		mustDo(t, srv, "POST", groqURL, body("hi"), 200)
		mustDo(t, srv, "POST", compatPath, compatible("hi"), 200)
		mustDo(t, srv, "POST", "/openai/deployments/d/completions", body("hi"), 404)
		mustDo(t, srv, "POST", "/openai/v1/completions", body("hi"), 404)
		mustDo(t, srv, "GET", azureURL, "", 404)
		for i, want := range []string{"groq", "gemini", "", "", ""} {
			if r := srv.Requests()[i]; r.Provider != want {
				t.Errorf("%s %s is %s, want %s", r.Host, r.Path, r.Provider, want)
			}
		}
	})
}
