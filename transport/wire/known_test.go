package wire_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// What a Router recognises is among what it says that it knows, with the same tiers.
func TestKnown(t *testing.T) {
	router := new(wire.Router)
	known, whole := router.Known()
	if !whole {
		t.Error("a dialect of this package does not list its operations")
	}
	has := func(s policy.Known) bool {
		return slices.ContainsFunc(known, func(k policy.Known) bool {
			return k.Provider == s.Provider && k.Operation == s.Operation && k.Free == s.Free && (slices.Equal(k.Tiers, s.Tiers) || s.Provider == "vertex")
		})
	}
	hosts := map[string]string{
		"openai": "api.openai.com", "gemini": "generativelanguage.googleapis.com", "vertex": "aiplatform.googleapis.com",
		"azure": "me.openai.azure.com", "groq": "api.groq.com", "openrouter": "openrouter.ai", "anthropic": "api.anthropic.com",
		"deepseek": "api.deepseek.com", "mistral": "api.mistral.ai", "xai": "api.x.ai", "perplexity": "api.perplexity.ai",
		"cerebras": "api.cerebras.ai", "moonshotai": "api.moonshot.ai", "zai": "api.z.ai", "vercel": "ai-gateway.vercel.sh",
		"bedrock": "bedrock-mantle.us-east-1.api.aws",
	}
	found := map[string]bool{}
	for _, provider := range wire.Providers() {
		host := hosts[provider]
		for _, path := range []string{
			"/v1/chat/completions", "/v1beta/openai/chat/completions", "/v1beta/openai/embeddings", "/v1/responses", "/v1/responses/compact",
			"/v1/embeddings", "/v1/completions", "/v1/audio/transcriptions", "/v1/images/generations", "/v1/messages", "/v1/messages/count_tokens",
			"/v1beta/models/m:generateContent", "/v1beta/models/m:embedContent", "/v1beta/models/m:countTokens", "/v1beta/interactions",
			"/v1beta/cachedContents", "/v1/something", "/openai/v1/chat/completions", "/api/v1/chat/completions",
			"/v1/projects/p/locations/global/publishers/google/models/m:generateContent", "/v1/projects/p/locations/europe-west1/cachedContents",
			"/v1/projects/p/locations/global/endpoints/openapi/chat/completions",
		} {
			_, c, ok := router.Recognise(http.MethodPost, &url.URL{Scheme: "https", Host: host, Path: path})
			if !ok {
				continue
			}
			found[c.Provider] = true
			if !has(policy.Known{Provider: c.Provider, Operation: c.Operation, Tiers: c.Tiers, Free: c.Kind == wire.Free}) {
				t.Errorf("%s%s: %s %s with tiers %q is not known", host, path, c.Provider, c.Operation, c.Tiers)
			}
		}
		if !found[provider] {
			t.Errorf("no call of %s was recognised at %q", provider, host)
		}
	}
}

// The operations of a program's own dialects are known if the dialects list them.
func TestKnownOfOwnDialects(t *testing.T) {
	own := &wire.Compatible{Provider: "acme", Tiers: map[policy.Tier]string{policy.Flex: "cheap"}}
	for _, test := range []struct {
		name    string
		dialect wire.Dialect
		whole   bool
	}{{"listed", own, true}, {"not listed", struct{ wire.Dialect }{own}, false}} {
		router, err := wire.NewRouter(wire.RouterConfig{Dialects: []wire.Dialect{test.dialect}})
		if err != nil {
			t.Fatal(err)
		}
		known, whole := router.Known()
		listed := slices.ContainsFunc(known, func(k policy.Known) bool {
			return k.Provider == "acme" && k.Operation == wire.Chat && slices.Equal(k.Tiers, []policy.Tier{policy.Flex})
		})
		if whole != test.whole || listed != test.whole {
			t.Errorf("%s: whole %v, acme is known: %v", test.name, whole, listed)
		}
	}
}

// What of a policy's settings of context caches has an effect on which calls.
func TestKnownCaches(t *testing.T) {
	known, _ := new(wire.Router).Known()
	of := func(flag func(policy.Known) bool) (calls []string) {
		for _, k := range known {
			if name := k.Provider + " " + k.Operation; flag(k) && !slices.Contains(calls, name) {
				calls = append(calls, name)
			}
		}
		slices.Sort(calls)
		return calls
	}
	for name, test := range map[string]struct {
		flag func(policy.Known) bool
		want []string
	}{
		"explicit caches": {func(k policy.Known) bool { return k.Caches && !k.Compatible }, []string{"gemini generate", "vertex generate"}},
		"compatible ones": {func(k policy.Known) bool { return k.Compatible }, []string{"gemini chat", "vertex chat"}},
		"priced writes":   {func(k policy.Known) bool { return k.Writes }, []string{"anthropic messages", "openai chat", "openai responses"}},
		"a key":           {func(k policy.Known) bool { return k.Key }, []string{"openai chat", "openai responses"}},
	} {
		if got := of(test.flag); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
