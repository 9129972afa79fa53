package middleware_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func ExampleRetry() {
	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.Overloaded)})
	defer provider.Close()
	rows := ledger.NewMemory(0)
	rt := transport.Chain(provider.Transport(),
		middleware.Ledger(rows),
		middleware.Retry(policy.Policy{BackoffBase: 1, BackoffMax: 1}))
	resp, err := (&http.Client{Transport: rt}).Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	for _, row := range rows.Rows() {
		fmt.Println(row.Attempt, row.Outcome, row.Evidence, row.Reason)
	}
	// Output:
	// 1 rejected reported overloaded
	// 2 billed
}
