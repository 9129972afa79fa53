package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// The Examples of this file are the Go code of the pages in docs folders.

const question = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`

// askOnce makes one call, and reads its answer.
func askOnce(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(question))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// Links that are used without a Stack.
func ExampleLedger_withoutStack() {
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited)})
	defer provider.Close()
	base := provider.Transport()

	rows := ledger.NewMemory(0)
	rt := transport.Chain(base,
		middleware.Ledger(rows),
		middleware.Retry(policy.Policy{MaxAttempts: 3}),
		middleware.Tier(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}),
		middleware.Limit(policy.Limit{RequestsPerMinute: 600, Concurrency: 8}))
	client := &http.Client{Transport: rt}

	if err := askOnce(context.Background(), client, provider.URL); err != nil {
		panic(err)
	}
	for _, row := range rows.Rows() {
		fmt.Println(row.Attempt, row.AskedTier, row.Outcome, row.Reason)
	}
	// Output:
	// 1 flex rejected rate
	// 2 flex billed
}

// A link refuses what it was asked for and does not enforce.
func ExampleRetry_unenforced() {
	rt := transport.Chain(http.DefaultTransport, middleware.Retry(policy.Policy{Tier: policy.Flex}))
	err := askOnce(context.Background(), &http.Client{Transport: rt}, "https://api.openai.com")
	fmt.Println(errors.Is(err, middleware.ErrPolicy))
	// Output: true
}

// What one call needs, its context says.
func ExampleNew_oneCall() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()

	ctx = policy.With(ctx,
		policy.OnTier(policy.Flex),
		policy.FallBackTo(policy.Standard),
		policy.FinishBy(time.Now().Add(20*time.Minute)),
		policy.MaxCost(price.MustUSD("0.25")),
		policy.Tag("tenant", "acme"))
	ctx, call := policy.Track(ctx)

	if err := askOnce(ctx, stack.Client(), provider.URL); err != nil {
		panic(err)
	}
	cost, complete := call.Cost()
	fmt.Println(call.Tier(), cost, complete)
	fmt.Println(stack.Totals().By["tag:tenant=acme"].Cost)
	// Output:
	// flex 0.00025625 true
	// 0.00025625
}

// The errors of a chain say who refused what.
func ExampleError_kinds() {
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept)})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}

	err = askOnce(context.Background(), stack.Client(), provider.URL)
	var e *middleware.Error
	switch {
	case errors.Is(err, middleware.ErrAmbiguous):
		fmt.Println("sent, and perhaps billed: look before you ask again")
	case errors.As(err, &e):
		fmt.Println("refused, or given up:", e)
	case err != nil:
		fmt.Println("neither is from skinflint:", err)
	}
	// Output: sent, and perhaps billed: look before you ask again
}

// Rows that outlive the program.
func ExampleWithStore_files() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	dir, err := os.MkdirTemp("", "spend")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	for range 2 { // the program is started twice
		files, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
		if err != nil {
			log.Fatal(err)
		}
		store := ledger.NewWriter(files, ledger.WriterConfig{})
		if err := store.Load(ctx, ledger.Filter{}); err != nil { // the rows of earlier runs
			log.Fatal(err)
		}
		stack, err := middleware.New(middleware.WithStore(store), middleware.WithBase(provider.Transport()))
		if err != nil {
			log.Fatal(err)
		}

		if err := askOnce(ctx, stack.Client(), provider.URL); err != nil {
			log.Fatal(err)
		}
		fmt.Println(stack.Totals().Calls, "calls, $"+stack.Totals().Cost.String())

		if err := stack.Close(ctx); err != nil {
			log.Fatal(err)
		}
		if err := store.Close(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 1 calls, $0.0005125
	// 2 calls, $0.001025
}

// What was saved, and the rows as CSV.
func ExampleWithStore_reading() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	store := ledger.NewMemory(0)
	stack, err := middleware.New(middleware.WithStore(store), middleware.WithBase(provider.Transport()),
		middleware.WithPolicy(policy.Policy{Tier: policy.Flex}))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	if err := askOnce(ctx, stack.Client(), provider.URL); err != nil {
		panic(err)
	}

	today := ledger.Filter{Provider: "openai", Since: time.Now().Add(-24 * time.Hour)}
	savings, err := ledger.SavingsOf(store.Scan(ctx, today))
	if err != nil {
		panic(err)
	}
	fmt.Println("saved by tiers:", savings.Tier)

	var b strings.Builder
	if err := ledger.WriteCSV(&b, store.Scan(ctx, today)); err != nil {
		panic(err)
	}
	fmt.Println(strings.Count(b.String(), "\n"), "lines of CSV")
	// Output:
	// saved by tiers: 0.00025625
	// 2 lines of CSV
}

// Prices of a contract come before list prices.
func ExampleWithPrices_contract() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()

	contract, err := price.Parse("contract", strings.NewReader(`{"providers": {
		"openai": {"models": {"gpt-5": {"periods": [{
			"from": "2026-01-01",
			"source": "our contract of 2025-12-18",
			"tiers": {"standard": [{"usd_per_million": {"input": "1", "cached_input": "0.1", "output": "8"}}]}
		}]}}},
		"azure": {"same_as": "openai", "models": {"prod-chat": {"same_as": "openai/gpt-5"}}}
	}}`))
	if err != nil {
		panic(err)
	}
	stack, err := middleware.New(middleware.WithPrices(contract), middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	if err := askOnce(context.Background(), stack.Client(), provider.URL); err != nil {
		panic(err)
	}
	fmt.Println(stack.Rows()[0].Cost, stack.Rows()[0].PriceID)
	// Output: 0.00041 contract/openai/gpt-5/2026-01-01/standard
}

// A provider whose API is like OpenAI's.
func ExampleWithDialects_compatible() {
	stack, err := middleware.New(middleware.WithDialects(&wire.Compatible{
		Provider: "acme",
		Hosts:    []string{"llm.acme.example"},
		AskUsage: true,
		Tiers:    map[policy.Tier]string{policy.Flex: "economy", policy.Standard: "normal"},
	}), middleware.WithPolicy(policy.Policy{Tier: policy.Flex}))
	if err != nil {
		panic(err)
	}
	req, err := http.NewRequest(http.MethodPost, "https://llm.acme.example/v1/chat/completions", strings.NewReader(question))
	if err != nil {
		panic(err)
	}
	explanation, err := stack.Explain(req)
	if err != nil {
		panic(err)
	}
	fmt.Println(explanation.Provider, explanation.Operation, explanation.Model, explanation.Plan)
	// Output: acme chat gpt-5 [flex]
}
