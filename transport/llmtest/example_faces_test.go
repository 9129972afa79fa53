package llmtest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// call stands for the program under test. It returns the status of the answer,
// and what it says.
func call(client *http.Client, method, url, body string) (string, string) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return "", err.Error()
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return res.Status, err.Error()
	}
	return res.Status, string(b)
}

const (
	geminiHost = "https://generativelanguage.googleapis.com/v1beta"
	question   = `"contents":[{"parts":[{"text":"How do I save?"}]}]`
)

// Each provider is met at its own address, and has its own way to ask for a tier.
func Example_providers() {
	srv := llmtest.NewPipe(llmtest.Config{})
	defer srv.Close()

	client := srv.Client()
	const vertex = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google"
	call(client, "POST", geminiHost+"/models/gemini-2.5-flash:generateContent", `{`+question+`,"serviceTier":"flex"}`)
	call(client, "POST", vertex+"/models/gemini-2.5-flash:generateContent", `{`+question+`}`)
	call(client, "POST", "https://api.groq.com/openai/v1/chat/completions", `{"model":"qwen","messages":[],"service_tier":"flex"}`)
	call(client, "POST", "https://api.openai.com/v1/responses", `{"model":"gpt-5","input":"How do I save?"}`)
	for _, g := range srv.Meter() {
		fmt.Println(g.Provider, g.Operation, g.Tier)
	}
	// Output:
	// gemini generateContent flex
	// vertex generateContent standard
	// groq chat flex
	// openai responses default
}

func ExampleConfig_flexAs429() {
	for _, as429 := range []bool{false, true} {
		srv := llmtest.NewPipe(llmtest.Config{Flex: llmtest.Refuse(1), FlexAs429: as429})
		status, _ := call(srv.Client(), "POST", geminiHost+"/models/gemini-2.5-flash:generateContent",
			`{`+question+`,"serviceTier":"flex"}`)
		fmt.Println(status)
		srv.Close()
	}
	// Output:
	// 503 Service Unavailable
	// 429 Too Many Requests
}

func ExampleConfig_backgroundDelay() {
	srv := llmtest.NewPipe(llmtest.Config{BackgroundDelay: time.Hour})
	defer srv.Close()

	_, body := call(srv.Client(), "POST", srv.URL+"/v1/responses", `{"model":"gpt-5","input":"hi","background":true}`)
	fmt.Println(strings.Contains(body, `"status": "queued"`), strings.Contains(body, `"usage": null`))
	fmt.Println("billed:", len(srv.Meter()))
	// Output:
	// true true
	// billed: 1
}

func ExampleConfig_minCacheTokens() {
	srv := llmtest.NewPipe(llmtest.Config{MinCacheTokens: 4096})
	defer srv.Close()

	_, body := call(srv.Client(), "POST", geminiHost+"/cachedContents", `{"model":"models/gemini-2.5-flash",`+question+`}`)
	_, message, _ := strings.Cut(body, "too small. ")
	fmt.Printf("%.54s\n", message)
	// Output:
	// total_token_count=9, min_total_token_count=4096",
}

func ExampleServer_NewCache() {
	srv := llmtest.NewPipe(llmtest.Config{})
	defer srv.Close()

	name := srv.NewCache("gemini-2.5-flash", 5000, time.Hour)
	status, _ := call(srv.Client(), "POST", geminiHost+"/models/gemini-2.5-flash:generateContent",
		`{`+question+`,"cachedContent":"`+name+`"}`)
	g := srv.Meter()[0]
	fmt.Println(status, g.Prompt, "in, of them from the cache:", g.Cached, g.Cache == name)
	// Output:
	// 200 OK 5009 in, of them from the cache: 5000 true
}

// A cache can be gone before its time, and the provider does not say so until it
// is used.
func ExampleServer_KillCache() {
	srv := llmtest.NewPipe(llmtest.Config{})
	defer srv.Close()

	name := srv.NewCache("gemini-2.5-flash", 5000, time.Hour)
	fmt.Println(srv.KillCache(name))
	fmt.Println(srv.KillCache(name))
	status, _ := call(srv.Client(), "POST", geminiHost+"/models/gemini-2.5-flash:generateContent",
		`{`+question+`,"cachedContent":"`+name+`"}`)
	fmt.Println(status)
	// Output:
	// true
	// false
	// 403 Forbidden
}

// What the storage of all caches costs until a time, in tokens times hours.
func ExampleServer_Caches() {
	srv := llmtest.NewPipe(llmtest.Config{})
	defer srv.Close()

	srv.NewCache("gemini-2.5-flash", 5000, time.Hour)
	srv.NewCache("gemini-2.5-flash", 2000, 30*time.Minute)
	var tokenHours float64
	for _, c := range srv.Caches() {
		tokenHours += float64(c.Tokens) * c.Stored(time.Now().Add(24*time.Hour)).Hours()
	}
	fmt.Println(tokenHours)
	// Output:
	// 6000
}

func ExampleCache_Stored() {
	made := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	c := llmtest.Cache{Created: made, Expires: made.Add(time.Hour), Deleted: made.Add(20 * time.Minute)}
	fmt.Println(c.Stored(made.Add(5*time.Minute)), c.Stored(made.Add(5*time.Hour)))
	// Output:
	// 5m0s 20m0s
}

func ExampleCache_Alive() {
	made := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	c := llmtest.Cache{Created: made, Expires: made.Add(time.Hour)}
	fmt.Println(c.Alive(made), c.Alive(made.Add(time.Hour)))
	// Output:
	// true false
}
