package genai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/genai"
	"google.golang.org/genai/interactions"
	"google.golang.org/genai/interactions/models/components"
	"google.golang.org/genai/interactions/models/operations"
	"google.golang.org/genai/interactions/retry"

	"github.com/skinflint-go/skinflint/transport"
)

var noRetries = retry.Config{Strategy: "none"}

// interactionsOnce returns a new client.Interactions, as the SDK makes it, but with its retries off. The SDK has no setting
// for that. The SDK shows how it names itself only in a request, so it makes one here, which is not sent.
func interactionsOnce(client *genai.Client, hc *http.Client) *interactions.Interactions {
	var sample http.Header
	stack := hc.Transport
	hc.Transport = transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		sample = req.Header
		return nil, errors.New("genai: not to be sent")
	})
	_, _ = client.Interactions.Get(context.Background(), operations.GetInteractionByIDRequest{ID: "none"},
		operations.WithRetries(noRetries))
	hc.Transport = stack
	if sample == nil {
		return client.Interactions // what it resends is refused
	}
	cfg := client.ClientConfig()
	headers := map[string]string{}
	for name, values := range cfg.HTTPOptions.Headers {
		if len(values) > 0 {
			headers[name] = strings.Join(values, " ")
		}
	}
	for _, name := range []string{"User-Agent", "X-Goog-Api-Client"} {
		for spelt := range headers {
			if strings.EqualFold(spelt, name) {
				delete(headers, spelt)
			}
		}
		if value := sample.Get(name); value != "" {
			headers[name] = value
		}
	}
	security := components.Security{DefaultHeaders: headers}
	if cfg.APIKey != "" {
		security.APIKey = &cfg.APIKey
	}
	version := cfg.HTTPOptions.APIVersion
	if cfg.Backend == genai.BackendVertexAI && cfg.Project != "" && cfg.Location != "" {
		version = fmt.Sprintf("%s/projects/%s/locations/%s", version, cfg.Project, cfg.Location)
	}
	opts := []interactions.SDKOption{
		interactions.WithClient(hc), interactions.WithSecurity(security), interactions.WithRetryConfig(noRetries),
		interactions.WithServerURL(cfg.HTTPOptions.BaseURL), interactions.WithAPIVersion(version),
	}
	if cfg.HTTPOptions.Timeout != nil {
		opts = append(opts, interactions.WithTimeout(*cfg.HTTPOptions.Timeout))
	}
	return interactions.New(opts...).Interactions
}
