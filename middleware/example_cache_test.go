package middleware_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// bookQuestion returns a request of the Gemini API that asks a question about the book.
func bookQuestion(system, question string) *http.Request {
	type part map[string]string
	type content map[string]any
	body, err := json.Marshal(map[string]any{
		"systemInstruction": content{"parts": []part{{"text": system}}},
		"contents":          []content{{"role": "user", "parts": []part{{"text": book}}}, {"role": "user", "parts": []part{{"text": question}}}},
	})
	if err != nil {
		panic(err)
	}
	req, err := http.NewRequest(http.MethodPost, geminiURL, strings.NewReader(string(body)))
	if err != nil {
		panic(err)
	}
	req.Header.Set("X-Goog-Api-Key", "key")
	return req
}

// ask sends a request and reads its answer.
func ask(client *http.Client, req *http.Request) {
	resp, err := client.Do(req)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		panic(err)
	}
}

// A book is cached once, and twenty questions about it read it from there.
func ExampleStack_Ensure() {
	provider := llmtest.NewPipe(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()

	client, err := cachedcontent.NewGemini(nil, "key")
	if err != nil {
		panic(err)
	}
	handle, err := stack.Ensure(ctx, client, cachedcontent.Content{
		Model:  "gemini-2.5-flash",
		System: []cachedcontent.Part{cachedcontent.Text("Answer from the book.")},
		Turns:  []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(book))},
		TTL:    10 * time.Minute,
	})
	if err != nil {
		panic(err)
	}
	for n := range 20 {
		ask(stack.Client(), bookQuestion("Answer from the book.", fmt.Sprintf("Question %d?", n)))
	}
	fmt.Println(handle.Uses(), "calls have used the cache of", handle.Tokens(), "tokens")
	if err := stack.Close(ctx); err != nil {
		panic(err)
	}
	fmt.Println("it exists:", provider.Caches()[0].Alive(time.Now()))
	// Output:
	// 20 calls have used the cache of 8645 tokens
	// it exists: false
}

// Why says why a request does not use the cache.
func ExampleCacheHandle_Why() {
	provider := llmtest.NewPipe(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())
	client, err := cachedcontent.NewGemini(nil, "key")
	if err != nil {
		panic(err)
	}
	handle, err := stack.Ensure(context.Background(), client, library())
	if err != nil {
		panic(err)
	}
	why, err := handle.Why(bookQuestion("Answer from the bible.", "Why?"))
	fmt.Println(why, err)
	// Output:
	// system instruction (element 1 of the request) differs: 22 bytes of text in the request, 21 in the content <nil>
}

// LastMiss says why a call did not use the cache, where an SDK makes the requests.
func ExampleCacheHandle_LastMiss() {
	provider := llmtest.NewPipe(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())
	client, err := cachedcontent.NewGemini(nil, "key")
	if err != nil {
		panic(err)
	}
	handle, err := stack.Ensure(context.Background(), client, library())
	if err != nil {
		panic(err)
	}

	ask(stack.Client(), bookQuestion("Answer from the bible.", "Why?"))
	why, at := handle.LastMiss()
	fmt.Println(why)
	fmt.Println("within the last minute:", time.Since(at) < time.Minute)
	// Output:
	// system instruction (element 1 of the request) differs: 22 bytes of text in the request, 21 in the content
	// within the last minute: true
}

// A stack that caches what turns out to repeat. Caches reports what that earned.
func ExampleStack_Caches() {
	provider := llmtest.NewPipe(llmtest.Config{})
	defer provider.Close()
	base := provider.Transport()

	stack, err := middleware.New(middleware.WithBase(base), middleware.WithPolicy(policy.Policy{
		Cache: policy.Cache{Mode: policy.CacheAuto, Create: policy.CacheBefore, Writes: policy.WritesAuto, Key: true},
	}))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())
	for n := range 3 {
		ask(stack.Client(), bookQuestion(fmt.Sprintf("It is %02d:00. Answer from the book.\n%s", n, book), "Why?"))
	}
	for _, report := range stack.Caches() {
		fmt.Println(report.Provider, report.Model, len(report.Live), "caches")
		for _, hint := range report.Hints {
			fmt.Println(hint.Count, "requests,", hint.Text)
		}
	}
	// Output:
	// gemini gemini-2.5-flash 0 caches
	// 2 requests, system instruction: only digits differ, such as those of a date or a number
}

// The link alone, over any RoundTripper.
func ExampleCache() {
	provider := llmtest.NewPipe(llmtest.Config{})
	defer provider.Close()
	rt := transport.Chain(provider.Transport(), middleware.Cache(policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto}}))
	ask(&http.Client{Transport: rt}, bookQuestion("Answer from the book.", "Why?"))
	fmt.Println(len(provider.Caches()), "caches after one call")
	// Output:
	// 0 caches after one call
}

// Two replicas with one registry make one cache.
func ExampleWithCacheRegistry() {
	provider := llmtest.NewPipe(llmtest.Config{})
	defer provider.Close()
	client, err := cachedcontent.NewGemini(nil, "key")
	if err != nil {
		panic(err)
	}
	registry := new(cachedcontent.Memory) // of one process: replicas need one that they can all reach
	for range 2 {
		stack, err := middleware.New(middleware.WithBase(provider.Transport()), middleware.WithCacheRegistry(registry, "salt"))
		if err != nil {
			panic(err)
		}
		if _, err := stack.Ensure(context.Background(), client, library()); err != nil {
			panic(err)
		}
	}
	fmt.Println(len(provider.Caches()))
	// Output:
	// 1
}
