package wire_test

import (
	"net/http"
	"net/url"
	"testing"

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
