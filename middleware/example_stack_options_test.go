package middleware_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// OnRow shows each row to the program as soon as its attempt has ended.
func ExampleOnRow() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()),
		middleware.OnRow(func(row ledger.Row) {
			fmt.Printf("%s %s for $%s\n", row.Model, row.Outcome, row.Cost)
		}))
	if err != nil {
		panic(err)
	}

	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	resp, err := stack.Client().Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	stack.Close(context.Background()) // waits until the func has seen every row
	// Output: gpt-5 billed for $0.0005125
}

// The name of an Azure deployment does not say which model it runs. Rules, limits and prices go by the model.
func ExampleWithDeployments() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()),
		middleware.WithDeployments(map[string]string{"prod": "gpt-5"}))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	const url = "https://example.openai.azure.com/openai/deployments/prod/chat/completions?api-version=2025-01-01-preview"
	const body = `{"max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	resp, err := stack.Client().Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	row := stack.Rows()[0]
	fmt.Println(row.Provider, row.Model)
	// Output: azure gpt-5
}

// Attempts are logged without keys, prompts or answers.
func ExampleWithLogger() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { // these differ each time
			if a.Key == slog.TimeKey || a.Key == "call" || a.Key == "latency_ms" {
				return slog.Attr{}
			}
			return a
		},
	}))
	stack, err := middleware.New(middleware.WithBase(provider.Transport()),
		middleware.WithLogger(log))
	if err != nil {
		panic(err)
	}

	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	resp, err := stack.Client().Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	stack.Close(context.Background()) // waits until the row is logged
	// Output: level=DEBUG msg="llm attempt" attempt=1 provider=openai model=gpt-5 outcome=billed status=200 asked_tier="" served_tier=standard cost_usd=0.0005125
}

// Prices of a contract come before all others. What it does not name is priced by the catalog.
func ExampleWithPrices() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	contract, err := price.Parse("contract", strings.NewReader(`{"providers":{"openai":{"models":{"gpt-5":{"periods":[
		{"source":"our contract","tiers":{"standard":[{"usd_per_million":{"input":"1","output":"8"}}]}}]}}}}}`))
	if err != nil {
		panic(err)
	}
	stack, err := middleware.New(middleware.WithBase(provider.Transport()),
		middleware.WithPrices(contract))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	resp, err := stack.Client().Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	row := stack.Rows()[0]
	fmt.Printf("$%s by %s\n", row.Cost, row.PriceID)
	// Output: $0.00041 by contract/openai/gpt-5/-/standard
}

// The host of a gateway does not say which provider is behind it.
func ExampleWithProvider() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()),
		middleware.WithProvider("xai"))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	const body = `{"model":"grok-4.3","messages":[{"role":"user","content":"Who saves?"}]}`
	resp, err := stack.Client().Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	fmt.Println(stack.Rows()[0].Provider)
	// Output: xai
}

// A Writer over a JSONL folder keeps the rows beyond the process.
func ExampleWithStore() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	jsonl, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
	if err != nil {
		panic(err)
	}
	writer := ledger.NewWriter(jsonl, ledger.WriterConfig{})
	stack, err := middleware.New(middleware.WithBase(provider.Transport()),
		middleware.WithStore(writer))
	if err != nil {
		panic(err)
	}

	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	resp, err := stack.Client().Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	ctx := context.Background()
	stack.Close(ctx)  // the rows are in the folder
	writer.Close(ctx) // and the folder is closed
	totals, err := ledger.TotalsOf(ledger.ReadJSONL(ctx, dir, ledger.Filter{}))
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d call for $%s\n", totals.Calls, totals.Cost)
	// Output: 1 call for $0.0005125
}
