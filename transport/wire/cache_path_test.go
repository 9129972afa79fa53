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

// Context caches are recognised behind the paths behind which models are, and where CachePath says that they are.
func TestCachesBehindPaths(t *testing.T) {
	urls := []string{
		"https://gw.example/google/v1beta/models/m:generateContent",
		"https://gw.example/models/google/v1beta/models/m:generateContent",
		"https://gw.example/a%2Fmodels%2Fb/v1beta/models/m:generateContent",
		"https://gw.example/projects/gw/v1beta/models/m:generateContent",
		"https://gw.example/google/v1beta/openai/chat/completions",
		"https://gw.example/v1beta/openai/chat/completions/",
		"https://gw.example/gw/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
		"https://gw.example/projects/gw/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
		"https://gw.example/gw/v1/projects/p/locations/l/endpoints/openapi/chat/completions",
		"https://aiplatform.googleapis.com/v1/publishers/google/models/m:generateContent",
		"https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
	}
	for _, provider := range []string{"", "gemini", "vertex"} {
		router, err := NewRouter(RouterConfig{Provider: provider})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range urls {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			_, call, ok := router.Recognise(http.MethodPost, u)
			if !ok || !call.Caches {
				continue
			}
			call.Model = "m"
			caches, _, ok := call.CachePath(u.Path)
			if !ok {
				if call.parent != "" || call.Provider == "gemini" {
					t.Errorf("provider %q: no caches beside %s", provider, u.Path)
				}
				continue
			}
			for method, want := range map[string]string{http.MethodPost: CreateCache, http.MethodPatch: UpdateCache, http.MethodDelete: DeleteCache} {
				path, name := caches, ""
				if method != http.MethodPost {
					path, name = caches+"/x", call.parent+"cachedContents/x"
				}
				_, got, ok := router.Recognise(method, &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path})
				if !ok || got.Operation != want || got.Provider != call.Provider || got.Cache != name {
					t.Errorf("provider %q: %s %s, beside %s: %v %s %s %q; want %s %s %q", provider, method, path, u.Path, ok, got.Provider, got.Operation, got.Cache, call.Provider, want, name)
				}
			}
			if raw, _, _ := call.CachePath(u.EscapedPath()); u.RawPath != "" && raw != "/a%2Fmodels%2Fb/v1beta/cachedContents" {
				t.Errorf("%s: %s", text, raw)
			}
		}
	}
}
