package llmtest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// ask stands for the program under test. It returns the status of the response.
func ask(client *http.Client, base, fields string) (string, error) {
	body := `{"model":"gpt-5-mini","messages":[{"role":"user","content":"How do I save?"}]` + fields + `}`
	res, err := client.Post(base+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.Status, err
}

func ExampleNewServer() {
	srv := llmtest.NewServer(llmtest.Config{Flex: llmtest.Refuse(1)})
	defer srv.Close()

	for range 2 {
		fmt.Println(ask(srv.Client(), srv.URL, `,"service_tier":"flex"`))
	}
	for _, g := range srv.Meter() {
		fmt.Println(g.Tier, g.Prompt, "in,", g.Completion, "out")
	}
	// Output:
	// 429 Too Many Requests <nil>
	// 200 OK <nil>
	// flex 11 in, 30 out
}

// In a function that is passed to synctest.Test, even an hour of latency takes no real time.
func ExampleNewPipe() {
	srv := llmtest.NewPipe(llmtest.Config{Latency: time.Millisecond})
	defer srv.Close()

	fmt.Println(ask(srv.Client(), "https://api.openai.com", ""))
	fmt.Println(srv.Requests()[0].Path)
	// Output:
	// 200 OK <nil>
	// /v1/chat/completions
}

// A client that resends after a broken connection pays twice, as the meter shows.
func ExampleServer_Meter() {
	srv := llmtest.NewPipe(llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept)})
	defer srv.Close()

	if _, err := ask(srv.Client(), srv.URL, ""); err != nil {
		_, _ = ask(srv.Client(), srv.URL, "")
	}
	times := map[string]int{}
	for _, g := range srv.Meter() {
		times[g.Call]++
	}
	for call, n := range times {
		fmt.Printf("call %.8s was billed %d times\n", call, n)
	}
	// Output:
	// call f5d6fc49 was billed 2 times
}

func ExampleServer_Requests() {
	srv := llmtest.NewPipe(llmtest.Config{FlexModels: []string{"o3"}})
	defer srv.Close()

	_, _ = ask(srv.Client(), srv.URL, `,"service_tier":"flex"`)
	_, _ = ask(srv.Client(), srv.URL, "")
	for _, r := range srv.Requests() {
		fmt.Printf("%d: asked for %q, answered %d\n", r.N, r.Tier, r.Status)
	}
	// Output:
	// 0: asked for "flex", answered 400
	// 1: asked for "", answered 200
}

func ExampleServer_Transport() {
	srv := llmtest.NewPipe(llmtest.Config{})
	defer srv.Close()

	client := &http.Client{Transport: srv.Transport(), Timeout: time.Minute}
	fmt.Println(ask(client, "https://llm.example", ""))
	// Output:
	// 200 OK <nil>
}
