package compat

import (
	"context"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
)

func TestMain(m *testing.M) {
	adaptertest.Unsetenv("OPENAI_", "AZURE_")
	os.Exit(m.Run())
}

// A version is a major version of the SDK.
type version struct {
	name    string
	new     func(config) caller
	failure func(error) adaptertest.Failure
}

var versions = []version{{"v1", newV1, failureV1}, {"v2", newV2, failureV2}, {"v3", newV3, failureV3}}

// A config says how a client is made.
type config struct {
	adaptertest.Options
	client     *http.Client
	middleware func(*http.Request, func(*http.Request) (*http.Response, error)) (*http.Response, error)
}

// A caller is a client of one version.
type caller interface {
	ask(ctx context.Context, model, text string) (adaptertest.Answer, error)
	stream(ctx context.Context, model, text string) (adaptertest.Answer, error)
	streamUsage(ctx context.Context, model, text string) (adaptertest.Answer, error)
	open(ctx context.Context, model, text string) (io.Closer, error)
}

func TestVersions(t *testing.T) {
	for _, v := range versions {
		t.Run(v.name+"/client", func(t *testing.T) { adaptertest.Test(t, v.describe(false)) })
		t.Run(v.name+"/middleware", func(t *testing.T) { adaptertest.Test(t, v.describe(true)) })
	}
}

// describe describes a version of the SDK with the stack as its http.Client, or as a middleware.
func (v version) describe(asMiddleware bool) adaptertest.Adapter {
	return adaptertest.Adapter{
		Provider:    "openai",
		Models:      []string{"gpt-5-mini"},
		Tiers:       []policy.Tier{policy.Flex, policy.Priority},
		AsResponse:  true,
		Middleware:  asMiddleware,
		RetryCount:  "X-Stainless-Retry-Count",
		RetriesLost: true,
		New: func(w *adaptertest.World, o adaptertest.Options) adaptertest.Client {
			c := config{Options: o, client: w.Stack.ErrorsAs(middleware.AsResponse).Wrap(o.HTTPClient)}
			if asMiddleware {
				c.middleware, c.client = w.Stack.Middleware, o.HTTPClient
				if c.client == nil {
					c.client = &http.Client{Transport: w.Base}
				}
			}
			client := v.new(c)
			return adaptertest.Client{Ask: client.ask, Stream: client.stream, StreamUsage: client.streamUsage, Open: client.open}
		},
		Failure: v.failure,
	}
}
