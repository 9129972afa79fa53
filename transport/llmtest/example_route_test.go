package llmtest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Anthropic counts tokens that are read from a cache separately from the input, and requires
// a limit on the output.
func Example_anthropic() {
	srv := llmtest.NewPipe(llmtest.Config{CachedPercent: 50})
	defer srv.Close()

	const url = "https://api.anthropic.com/v1/messages"
	messages := `"messages":[{"role":"user","content":"` + strings.Repeat("How do I save? ", 500) + `"}]`
	status, _ := call(srv.Client(), "POST", url, `{"model":"claude-haiku-4-5",`+messages+`}`)
	fmt.Println(status)
	status, body := call(srv.Client(), "POST", url, `{"model":"claude-haiku-4-5","max_tokens":100,`+messages+`}`)
	_, usage, _ := strings.Cut(body, `"usage":{`)
	usage, _, _ = strings.Cut(usage, `,"cache_creation":`)
	fmt.Println(status)
	fmt.Println(usage)
	g := srv.Meter()[0]
	fmt.Println(g.Provider, g.Operation, g.Tier, g.Prompt, "in, of them from the cache:", g.Cached)
	// Output:
	// 400 Bad Request
	// 200 OK
	// "input_tokens":986,"cache_creation_input_tokens":0,"cache_read_input_tokens":896
	// anthropic messages standard 1882 in, of them from the cache: 896
}

// Azure bills a prompt that its content filter rejects.
func Example_azure() {
	srv := llmtest.NewPipe(llmtest.Config{})
	defer srv.Close()

	for _, deployment := range []string{"prod", "missing", "filtered"} {
		status, _ := call(srv.Client(), "POST",
			"https://r.openai.azure.com/openai/deployments/"+deployment+"/chat/completions?api-version=2024-10-21", `{"messages":[]}`)
		fmt.Println(status)
	}
	for _, g := range srv.Meter() {
		fmt.Println(g.Provider, g.Model, g.Tier, g.Completion > 0)
	}
	// Output:
	// 200 OK
	// 404 Not Found
	// 400 Bad Request
	// azure prod default true
	// azure filtered default false
}

// call stands for the program under test. It returns the status and the body of the
// response.
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

// Each provider has its own URLs, and its own way to ask for a tier.
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

const (
	geminiHost = "https://generativelanguage.googleapis.com/v1beta"
	question   = `"contents":[{"parts":[{"text":"How do I save?"}]}]`
)
