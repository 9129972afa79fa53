package middleware_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Tier on its own asks for the policy's tier. With Retry in the chain, a call falls back where the tier has no capacity.
func ExampleTier() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	rt := transport.Chain(provider.Transport(), middleware.Tier(policy.Policy{Tier: policy.Flex}))
	client := &http.Client{Transport: rt}

	const body = `{"model":"gpt-5","messages":[{"role":"user","content":"Who saves?"}]}`
	resp, err := client.Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	fmt.Printf("%s\n", provider.Requests()[0].Body)
	// Output: {"service_tier":"flex","model":"gpt-5","messages":[{"role":"user","content":"Who saves?"}]}
}
