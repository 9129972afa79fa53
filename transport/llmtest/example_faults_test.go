package llmtest_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func ExampleSequence() {
	srv := llmtest.NewPipe(llmtest.Config{
		Faults: llmtest.Sequence(llmtest.Overloaded, llmtest.ServerErrorAfterWork),
	})
	defer srv.Close()

	for range 3 {
		status, _ := ask(srv.Client(), srv.URL, "")
		fmt.Println(status, "billed so far:", len(srv.Meter()))
	}
	// Output:
	// 503 Service Unavailable billed so far: 0
	// 500 Internal Server Error billed so far: 1
	// 200 OK billed so far: 2
}

// Every third request is answered with a 429.
func ExampleScriptFunc() {
	srv := llmtest.NewPipe(llmtest.Config{Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
		if n%3 == 2 {
			return llmtest.RateLimited
		}
		return llmtest.NoFault
	})})
	defer srv.Close()

	for range 3 {
		fmt.Println(ask(srv.Client(), srv.URL, ""))
	}
	for _, r := range srv.Requests() {
		fmt.Println(r.Fault, r.Status)
	}
	// Output:
	// 200 OK <nil>
	// 200 OK <nil>
	// 429 Too Many Requests <nil>
	// NoFault 200
	// NoFault 200
	// RateLimited 429
}
