package llmtest_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func ExampleConfig_refuseDials() {
	srv := llmtest.NewPipe(llmtest.Config{RefuseDials: func(n int) bool { return n == 0 }})
	defer srv.Close()

	_, err := ask(srv.Client(), srv.URL, "")
	fmt.Println(errors.Is(err, syscall.ECONNREFUSED), len(srv.Requests()))
	fmt.Println(ask(srv.Client(), srv.URL, ""))
	// Output:
	// true 0
	// 200 OK <nil>
}

// The provider rejects a request with REFUSED_STREAM, and net/http sends it again. The
// program does not notice.
func ExampleConfig_http2() {
	srv := llmtest.NewPipe(llmtest.Config{
		HTTP2: true, Faults: llmtest.Sequence(llmtest.RefusedStream),
	})
	defer srv.Close()

	fmt.Println(ask(srv.Client(), srv.URL, ""))
	for _, r := range srv.Requests() {
		fmt.Println(r.Fault, r.Status)
	}
	fmt.Println("billed:", len(srv.Meter()))
	// Output:
	// 200 OK <nil>
	// RefusedStream 0
	// NoFault 200
	// billed: 1
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

// The second request reads what the first one wrote: the instructions, which have a breakpoint.
func ExampleConfig_promptCaches() {
	srv := llmtest.NewPipe(llmtest.Config{PromptCaches: true})
	defer srv.Close()

	rules := strings.Repeat("Spend a penny, save a pound. ", 200)
	for _, question := range []string{"Why?", "How?"} {
		call(srv.Client(), "POST", srv.URL+"/v1/chat/completions", fmt.Sprintf(`{"model":"gpt-6.2-sol",
			"prompt_cache_options":{"mode":"explicit"},
			"messages":[
				{"role":"system","content":[{"type":"text","text":%q,"prompt_cache_breakpoint":{"mode":"explicit"}}]},
				{"role":"user","content":%q}]}`, rules, question))
	}
	for _, g := range srv.Meter() {
		fmt.Println(g.Written, "written,", g.Cached, "read, of", g.Prompt)
	}
	// Output:
	// 1464 written, 0 read, of 1480
	// 0 written, 1464 read, of 1480
}
