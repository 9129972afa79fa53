package middleware_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A reverse proxy for clients in any language. One of them sends its request again after any failure.
func ExampleForClient() {
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.ServerErrorAfterWork)})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()), middleware.RefuseRepeats())
	if err != nil {
		panic(err)
	}
	upstream, err := url.Parse(provider.URL)
	if err != nil {
		panic(err)
	}
	reverse := httputil.NewSingleHostReverseProxy(upstream)
	reverse.Transport = stack.ErrorsAs(middleware.AsFinalResponse)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, done := middleware.ForClient(r.Context())
		written := false
		defer func() { done(written) }()
		reverse.ServeHTTP(w, r.WithContext(ctx)) // panics if the answer cannot be written
		written = true
	}))
	defer proxy.Close()

	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	for range 3 {
		resp, err := http.Post(proxy.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		fmt.Println(resp.Status, resp.Header.Get("Skinflint-Refusal"))
	}
	fmt.Println("generations:", len(provider.Meter()))
	// Output:
	// 400 Bad Request ambiguous
	// 400 Bad Request repeat
	// 400 Bad Request repeat
	// generations: 1
}

// A program sends a call again after a failure that may have been billed.
func ExampleRefuseRepeats() {
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept)})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()), middleware.RefuseRepeats())
	if err != nil {
		panic(err)
	}
	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	for range 2 {
		_, err := stack.Client().Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
		fmt.Println("ambiguous:", errors.Is(err, middleware.ErrAmbiguous), "repetition:", errors.Is(err, middleware.ErrRepeat))
	}
	fmt.Println("generations:", len(provider.Meter()))
	// Output:
	// ambiguous: true repetition: false
	// ambiguous: false repetition: true
	// generations: 1
}
