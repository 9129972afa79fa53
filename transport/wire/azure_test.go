package wire_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A deployment's model is known from the request on, by the path or by the body.
func TestDeployments(t *testing.T) {
	router, err := wire.NewRouter(wire.RouterConfig{Deployments: map[string]string{"team-a": "gpt-5-mini"}})
	if err != nil {
		t.Fatal(err)
	}
	for rawURL, want := range map[string]string{
		"https://me.openai.azure.com/openai/deployments/team-a/chat/completions": "gpt-5-mini",
		"https://me.openai.azure.com/openai/v1/chat/completions":                 "gpt-5-mini",
		"https://me.openai.azure.com/openai/deployments/other/chat/completions":  "other",
	} {
		u, err := url.Parse(rawURL)
		if err != nil {
			t.Fatal(err)
		}
		d, call, ok := router.Recognise(http.MethodPost, u)
		if !ok {
			t.Fatal(rawURL)
		}
		d.Request(&call, nil, fields(t, call.RequestPaths, `{"model":"team-a"}`))
		if call.Model != want || call.Provider != "azure" {
			t.Errorf("%s: %s %s, want %s", rawURL, call.Provider, call.Model, want)
		}
	}
}

func TestAzureHeaders(t *testing.T) {
	d, call, ok := recognise(t, http.MethodPost, "https://me.openai.azure.com/openai/v1/chat/completions")
	if !ok {
		t.Fatal("not recognised")
	}
	for header, want := range map[string]policy.Tier{"": "", "default": policy.Standard, "flex": policy.Flex, "a\x00b": "a?b"} {
		h := http.Header{"Apim-Request-Id": {"r"}}
		if header != "" {
			h.Set("Azureai-Processed-Tier", header)
		}
		var a wire.Answer
		if d.Headers(&call, h, &a); a.Tier != want || a.RequestID != "r" {
			t.Errorf("%q: %+v", header, a)
		}
	}
}
