package wire_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

func recognise(t *testing.T, method, rawURL string) (wire.Dialect, wire.Call, bool) {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return new(wire.Router).Recognise(method, u)
}

func TestRecognise(t *testing.T) {
	for _, test := range []struct{ method, url, want string }{
		{"POST", "https://api.openai.com/v1/chat/completions", "openai chat flex,standard,priority asks"},
		{"POST", "https://API.OpenAI.com:443/v1/chat/completions", "openai chat flex,standard,priority asks"},
		{"POST", "https://eu.api.openai.com/v1/chat/completions", "openai chat flex,standard,priority asks regional"},
		{"POST", "https://api.openai.com/v1/responses", "openai responses flex,standard,priority"},
		{"POST", "https://api.openai.com/v1/responses/compact", "openai compact flex,standard,priority"},
		{"GET", "https://api.openai.com/v1/responses/resp_1?stream=true", "openai responses  passive poll"},
		{"GET", "https://api.openai.com/v1/responses/resp_1/input_items", ""},
		{"POST", "https://api.openai.com/v1/responses/resp_1/cancel", ""},
		{"POST", "https://api.openai.com/v1/embeddings", "openai embeddings "},
		{"POST", "https://api.openai.com/v1/completions", "openai completions  asks"},
		{"POST", "https://api.openai.com/v1/audio/transcriptions", "openai transcription "},
		{"POST", "https://api.openai.com/v1/images/edits", "openai images "},
		{"POST", "https://api.openai.com/v1/audio/speech", "openai unknown  passive"},
		{"POST", "https://api.openai.com/v1/threads/t/runs", "openai unknown  passive"},
		{"POST", "https://api.openai.com/v1/threads/t/messages", ""},
		{"POST", "https://api.openai.com/v1/batches", "openai unknown  passive later"},
		{"POST", "https://api.openai.com/v1/batches/b/cancel", ""},
		{"POST", "https://api.openai.com/v1/fine_tuning/jobs", "openai unknown  passive later"},
		{"POST", "https://api.openai.com/v1/fine_tuning/jobs/j/cancel", ""},
		{"POST", "https://api.openai.com/v1/agents/sessions", "openai unknown  passive"},
		{"POST", "https://api.openai.com/v1/realtime/sessions", ""},
		{"POST", "https://api.openai.com/v1/uploads/u/parts", ""},
		{"GET", "https://api.openai.com/v1/chat/completions", ""},
		{"POST", "https://api.openai.com/v1/files", ""},
		{"GET", "https://api.openai.com/v1/models", ""},
		{"POST", "http://127.0.0.1:8080/v1/chat/completions", "openai chat flex,standard,priority asks"},
		{"POST", "https://gateway.example/openai/chat/completions?x=1", "openai chat flex,standard,priority asks"},
		{"POST", "http://127.0.0.1:8080/v1/responses", "openai responses flex,standard,priority"},
		{"POST", "https://survey.example/forms/7/responses", ""},
		{"POST", "https://survey.example/orders", ""},
		{"POST", "http://127.0.0.1/v1beta/openai/chat/completions", "gemini chat flex,standard,priority asks caches"},
		{"POST", "http://127.0.0.1/v1beta/models/gemini-2.5-flash:generateContent", "gemini generate flex,standard,priority caches"},
		{"POST", "http://127.0.0.1/v1/projects/p/locations/global/publishers/google/models/m:generateContent", "vertex generate flex,standard,priority caches"},
		{"POST", "https://api.groq.com/openai/v1/chat/completions", "groq chat flex,standard,priority asks"},
		{"POST", "https://openrouter.ai/api/v1/chat/completions", "openrouter chat flex,standard,priority asks"},
		{"POST", "https://api.x.ai/v1/chat/completions", "xai chat standard,priority asks"},
		{"POST", "https://api.mistral.ai/v1/chat/completions", "mistral chat "},
		{"POST", "https://api.mistral.ai/v1/ocr", "mistral unknown  passive"},
		{"POST", "https://api.deepseek.com/chat/completions", "deepseek chat  asks"},
		{"POST", "https://api.perplexity.ai/chat/completions", "perplexity chat "},
		{"POST", "https://api.anthropic.com/v1/messages", "anthropic messages "},
		{"POST", "https://api.anthropic.com/v1/messages/count_tokens", "anthropic count_tokens  passive free"},
		{"POST", "https://api.anthropic.com/v1/messages/batches", "anthropic unknown  passive later"},
		{"POST", "http://gateway.example/proxy/v1/messages", "anthropic messages "},
		{"POST", "http://gateway.example/v1/messages/count_tokens", "anthropic count_tokens  passive free"},
		{"POST", "http://gateway.example/v1/threads/t/messages", ""},
		{"POST", "http://chat.example/messages", ""},
		{"POST", "https://api.anthropic.com/v1/complete", "anthropic unknown  passive"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "gemini chat flex,standard,priority asks caches"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/chat/completions", "gemini chat flex,standard,priority asks caches"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", "gemini generate flex,standard,priority caches stream"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:countTokens", "gemini count_tokens  passive free"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/models/text-embedding-004:batchEmbedContents", "gemini embeddings "},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:batchGenerateContent", "gemini unknown  passive later"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/models/veo-3:predictLongRunning", "gemini unknown  passive"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/interactions", "gemini interactions flex,standard,priority"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/cachedContents", "gemini create_cache  passive"},
		{"PATCH", "https://generativelanguage.googleapis.com/v1beta/cachedContents/x", "gemini update_cache  passive free"},
		{"DELETE", "https://aiplatform.googleapis.com/v1/projects/p/locations/l/cachedContents/1", "vertex delete_cache  regional passive free"},
		{"GET", "https://generativelanguage.googleapis.com/v1beta/cachedContents/x", ""},
		{"DELETE", "https://generativelanguage.googleapis.com/v1beta/cachedContents/x/y", ""},
		{"POST", "https://generativelanguage.googleapis.com/upload/v1beta/files", ""},
		{"POST", "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/publishers/google/models/m:generateContent", "vertex generate flex,standard,priority caches"},
		{"POST", "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/google/models/m:generateContent", "vertex generate  caches regional"},
		{"POST", "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/anthropic/models/m:rawPredict", "vertex unknown  passive"},
		{"POST", "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi/chat/completions", "vertex chat  asks caches"},
		{"POST", "https://me.openai.azure.com/openai/deployments/d/chat/completions?api-version=x", "azure chat flex,standard,priority asks"},
		{"POST", "https://me.openai.azure.com//openai/deployments/d/chat/completions", "azure chat flex,standard,priority asks"},
		{"POST", "https://me.services.ai.azure.com/openai/v1/responses", "azure responses flex,standard,priority"},
		{"POST", "https://api.openai.com/v1/chat/completions/x", ""},
		{"POST", "https://api.openai.com/v1/containers", "openai unknown  passive"},
		{"POST", "https://api.openai.com/v1/realtime/calls/x/hangup", ""},
		{"POST", "https://api.deepseek.com/anthropic/v1/messages", "deepseek messages "},
		{"POST", "https://openrouter.ai/api/v1/messages", "openrouter messages "},
		{"POST", "https://me.services.ai.azure.com/anthropic/v1/messages", "azure messages "},
		{"POST", "https://api.mistral.ai/v1/conversations", "mistral unknown  passive"},
		{"POST", "https://codestral.mistral.ai/v1/chat/completions", "mistral chat "},
		{"POST", "https://api.deepinfra.com/v1/openai/chat/completions", "openai chat flex,standard,priority asks"},
		{"POST", "https://forms.example.com/v1/forms/7/responses", ""},
		{"POST", "https://crm.example.com/v1/contacts/7/interactions", ""},
		{"POST", "https://shop.example.com/v1/x/cachedContents", ""},
		{"GET", "https://generativelanguage.googleapis.com/v1beta/interactions/i_1", "gemini interactions  passive poll"},
		{"POST", "https://generativelanguage.googleapis.com/v1alpha/auth_tokens", ""},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/fileSearchStores/x:importFile", "gemini unknown  passive"},
		{"POST", "https://aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/veo:fetchPredictOperation", ""},
		{"POST", "https://api.groq.com./openai/v1/chat/completions", "groq chat flex,standard,priority asks"},
		{"POST", "https://r.openai.azure.us/openai/v1/chat/completions", "azure chat flex,standard,priority asks"},
		{"POST", "https://r.privatelink.openai.azure.com/openai/v1/chat/completions", "azure chat flex,standard,priority asks"},
	} {
		_, c, ok := recognise(t, test.method, test.url)
		got := ""
		if ok {
			var tiers []string
			for _, tier := range c.Tiers {
				tiers = append(tiers, string(tier))
			}
			got = c.Provider + " " + c.Operation + " " + strings.Join(tiers, ",")
			for _, flag := range []struct {
				set  bool
				name string
			}{{c.AskUsage, "asks"}, {c.Caches, "caches"}, {c.Stream, "stream"}, {c.Regional, "regional"}, {c.Kind != wire.Billable, "passive"}, {c.Kind == wire.Poll, "poll"}, {c.Kind == wire.Free, "free"}, {c.Kind == wire.Submission, "later"}} {
				if flag.set {
					got += " " + flag.name
				}
			}
		}
		if got != test.want {
			t.Errorf("%s %s:\ngot  %q\nwant %q", test.method, test.url, got, test.want)
		}
	}
}

func ExampleRouter_Recognise() {
	var router wire.Router
	u, _ := url.Parse("https://api.openai.com/v1/chat/completions")
	_, call, ok := router.Recognise(http.MethodPost, u)
	fmt.Println(ok, call.Provider, call.Operation, call.Tiers)
	u, _ = url.Parse("https://api.openai.com/v1/models")
	_, _, ok = router.Recognise(http.MethodGet, u)
	fmt.Println(ok)
	// Output:
	// true openai chat [flex standard priority]
	// false
}

// By default, the shape of a path says whose API an unknown host has. A RouterConfig can name another provider, and add
// dialects.
func ExampleNewRouter() {
	router, err := wire.NewRouter(wire.RouterConfig{
		Provider:    "groq",
		Deployments: map[string]string{"team-a": "gpt-5-mini"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	gateway, _ := url.Parse("http://gateway.internal/openai/v1/chat/completions")
	_, call, _ := router.Recognise(http.MethodPost, gateway)
	fmt.Println(call.Provider, call.Operation, call.Foreign)
	_, err = wire.NewRouter(wire.RouterConfig{Provider: "grok"})
	fmt.Println(err)
	// Output:
	// groq chat true
	// wire: Provider: "grok" is not known; known are openai, gemini, vertex, azure, groq, openrouter, anthropic, deepseek, mistral, xai, perplexity, cerebras, moonshotai, zai, vercel, bedrock
}

// A provider has its name, and those that people call it by.
func TestNewRouterProvider(t *testing.T) {
	for _, name := range wire.Providers() {
		if got := providerCalled(t, name); got != name {
			t.Errorf("%s: %s", name, got)
		}
	}
	for alias, want := range map[string]string{
		"OpenAI": "openai", "moonshot": "moonshotai", "Kimi": "moonshotai", "google": "gemini", "Google AI Studio": "gemini",
		"google-vertex": "vertex", "vertex_ai": "vertex", "azure-openai": "azure", "x-ai": "xai", "z.ai": "zai", "zhipu": "zai", "claude": "anthropic",
		"open-router": "openrouter", "mistralai": "mistral", "amazon-bedrock": "bedrock",
	} {
		if got := providerCalled(t, alias); got != want {
			t.Errorf("%s: %s, want %s", alias, got, want)
		}
	}
}

// providerCalled returns the provider of an unknown host's calls under that name.
func providerCalled(t *testing.T, name string) string {
	t.Helper()
	r, err := wire.NewRouter(wire.RouterConfig{Provider: name})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/chat/completions", "/v1/models/m:generateContent", "/v1/projects/p/locations/global/publishers/google/models/m:generateContent"} {
		u, _ := url.Parse("https://gw.example" + path)
		if _, c, ok := r.Recognise(http.MethodPost, u); ok && c.Operation != wire.Unknown {
			return c.Provider
		}
	}
	return ""
}

// Bedrock's API is found by both ends of its hosts' names.
func TestRouterBedrock(t *testing.T) {
	for host, want := range map[string]string{
		"bedrock-mantle.us-east-1.api.aws": "bedrock", "BEDROCK-MANTLE.eu-west-1.api.aws": "bedrock", "other.us-east-1.api.aws": "openai", "bedrock-mantle.example": "openai",
	} {
		for path, operation := range map[string]string{"/v1/chat/completions": wire.Chat, "/v1/responses": wire.Responses} {
			d, call, ok := recognise(t, http.MethodPost, "https://"+host+path)
			if !ok || call.Provider != want || call.Operation != operation {
				t.Errorf("%s%s: %v %s %s", host, path, ok, call.Provider, call.Operation)
			}
			if want == "bedrock" {
				var e wire.Edits
				d.Edit(&call, nil, wire.Want{Tier: policy.Flex}, &e)
				if len(e.Body) != 1 || e.Body[0].Value != `"flex"` {
					t.Errorf("%s: %+v", path, e)
				}
			}
		}
	}
	if _, call, ok := recognise(t, http.MethodPost, "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages"); !ok || call.Provider != "bedrock" || call.Operation != wire.Messages {
		t.Errorf("%v %s %s", ok, call.Provider, call.Operation)
	}
}

func TestNewRouterRefuses(t *testing.T) {
	for name, c := range map[string]wire.RouterConfig{
		"a nil dialect":                {Dialects: []wire.Dialect{nil}},
		"a nil Compatible":             {Dialects: []wire.Dialect{(*wire.Compatible)(nil)}},
		"a Compatible without a name":  {Dialects: []wire.Dialect{&wire.Compatible{Hosts: []string{"a.example"}}}},
		"a provider that is not known": {Provider: "opnai"},
	} {
		field := "Dialects"
		if c.Provider != "" {
			field = "Provider"
		}
		if r, err := wire.NewRouter(c); err == nil || r != nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

// A Router sees every request of a program, so it must not allocate.
func TestRecogniseAllocatesNothing(t *testing.T) {
	for _, rawURL := range []string{
		"https://api.openai.com/v1/chat/completions", "https://api.anthropic.com/v1/messages",
		"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent",
		"https://shop.example/orders",
	} {
		u, err := url.Parse(rawURL)
		if err != nil {
			t.Fatal(err)
		}
		var router wire.Router
		if n := testing.AllocsPerRun(100, func() { router.Recognise(http.MethodPost, u) }); n != 0 {
			t.Errorf("%s: %v allocations", rawURL, n)
		}
	}
}

// A Compatible with a field that is not valid is an error that names the field, as its calls would be taken for another
// provider's.
func TestNewRouterChecksCompatible(t *testing.T) {
	for name, test := range map[string]struct {
		dialect *wire.Compatible
		want    string // "" if it is valid
	}{
		"valid":       {&wire.Compatible{Provider: "acme", Hosts: []string{"llm.acme.example"}, Tiers: map[policy.Tier]string{policy.Flex: "slow"}}, ""},
		"any host":    {&wire.Compatible{Provider: "acme"}, ""},
		"nil":         {nil, "no Provider"},
		"no provider": {&wire.Compatible{Hosts: []string{"llm.acme.example"}}, "no Provider"},
		"a URL":       {&wire.Compatible{Provider: "acme", Hosts: []string{"https://llm.acme.example/v1"}}, "Hosts"},
		"a port":      {&wire.Compatible{Provider: "acme", Hosts: []string{"llm.acme.example:443"}}, "Hosts"},
		"empty host":  {&wire.Compatible{Provider: "acme", Hosts: []string{""}}, "Hosts"},
		"tier":        {&wire.Compatible{Provider: "acme", Tiers: map[policy.Tier]string{"cheap": "slow"}}, "Tiers"},
	} {
		_, err := wire.NewRouter(wire.RouterConfig{Dialects: []wire.Dialect{test.dialect}})
		if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
