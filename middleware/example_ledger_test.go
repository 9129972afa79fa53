package middleware_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Ledger records what each attempt cost.
func ExampleLedger() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	rows := ledger.NewMemory(0)
	client := &http.Client{Transport: transport.Chain(provider.Transport(), middleware.Ledger(rows))}

	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	resp, err := client.Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	row := rows.Rows()[0]
	fmt.Println(row.Provider, row.Model, row.Outcome)
	fmt.Println(row.Usage.Input, "tokens in,", row.Usage.Output, "out")
	fmt.Printf("$%s by %s\n", row.Cost, row.PriceID)
	// Output:
	// openai gpt-5 billed
	// 10 tokens in, 50 out
	// $0.0005125 by embedded/openai/gpt-5/-/standard
}
