package wire

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/skinflint-go/skinflint/transport"
)

func TestCachePath(t *testing.T) {
	tests := []struct{ url, body, caches, model string }{
		{"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent", `{}`, "/v1beta/cachedContents", "models/gemini-2.5-pro"},
		{"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", `{}`, "/v1beta/cachedContents", "models/gemini-2.5-pro"},
		{"https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", `{"model":"gemini-2.5-flash"}`, "/v1beta/cachedContents", "models/gemini-2.5-flash"},
		{"https://generativelanguage.googleapis.com/v1beta/chat/completions", `{"model":"models/gemini-2.5-flash"}`, "/v1beta/cachedContents", "models/gemini-2.5-flash"},
		{"https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-pro:generateContent", `{}`,
			"/v1/projects/p/locations/global/cachedContents", "projects/p/locations/global/publishers/google/models/gemini-2.5-pro"},
		{"https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/endpoints/openapi/chat/completions", `{"model":"google/gemini-2.5-pro"}`,
			"/v1/projects/p/locations/us-central1/cachedContents", "projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro"},
		{"https://api.openai.com/v1/chat/completions", `{"model":"gpt-5"}`, "", ""},
		{"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:countTokens", `{}`, "", ""},
	}
	var router Router
	for _, test := range tests {
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		d, c, ok := router.Recognise(http.MethodPost, u)
		if !ok {
			t.Fatalf("%s is not recognised", test.url)
		}
		fields, err := transport.Find([]byte(test.body), c.RequestPaths)
		if err != nil {
			t.Fatal(err)
		}
		d.Request(&c, nil, fields)
		caches, model, ok := c.CachePath(u.Path)
		if caches != test.caches || model != test.model || ok != (test.caches != "") {
			t.Errorf("%s: %q, %q, %v; want %q, %q", test.url, caches, model, ok, test.caches, test.model)
		}
	}
}
