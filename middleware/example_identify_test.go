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

// Identify sets one policy for all links beneath it.
func ExampleIdentify() {
	provider := llmtest.NewServer(llmtest.Config{Flex: llmtest.Refuse(1)})
	defer provider.Close()
	rt := transport.Chain(provider.Transport(),
		middleware.Identify(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}),
		middleware.Retry(policy.Policy{}),
		middleware.Tier(policy.Policy{}))
	client := &http.Client{Transport: rt}

	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	resp, err := client.Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	for _, request := range provider.Requests() {
		fmt.Println(request.Tier)
	}
	// Output:
	// flex
	// default
}
