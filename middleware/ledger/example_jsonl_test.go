package ledger_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// The files are usually behind a Writer, as in the Example of Writer. Here they are written directly.
func ExampleOpenJSONL() {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	files, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{SegmentAge: time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	row := ledger.Row{
		Call: "01jcz", Attempt: 1, At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Provider: "openai", Operation: "chat",
		Model: "gpt-5", ServedTier: policy.Flex, Outcome: policy.Billed, Usage: price.Usage{Input: 1000, Output: 100},
		UsageSource: ledger.Measured, Cost: ledger.Known(price.MustUSD("0.001125")),
	}
	if err := files.Write(ctx, []ledger.Row{row}); err != nil { // survives a crash of the program
		log.Fatal(err)
	}
	if err := files.Sync(ctx); err != nil { // survives a crash of the machine
		log.Fatal(err)
	}
	for row, err := range files.Scan(ctx, ledger.Filter{Model: "gpt-5"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(row.Model, row.ServedTier, row.Cost)
	}
	if _, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{}); err != nil {
		fmt.Println("one program at a time")
	}
	fmt.Println(files.Close())
	// Output:
	// gpt-5 flex 0.001125
	// one program at a time
	// <nil>
}

// A program was killed while a request was under way. The next start finds the open row.
func ExampleOpenJSONL_recovery() {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	for range 2 {
		files, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
		if err != nil {
			log.Fatal(err)
		}
		for row, err := range files.Scan(ctx, ledger.Filter{}) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%s: %s, at most $%s\n", row.Outcome, row.Unpriced, row.Exposure)
		}
		open := ledger.Row{Call: "a", Attempt: 1, Outcome: policy.Open, Exposure: ledger.Known(price.MustUSD("0.02"))}
		if err := files.Write(ctx, []ledger.Row{open}); err != nil {
			log.Fatal(err)
		}
		if err := files.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output: ambiguous: the program ended before the answer did, at most $0.02
}

// ReadJSONL reads the directory of another program that is still writing.
func ExampleReadJSONL() {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	files, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer files.Close()
	for i, tenant := range []string{"acme", "globex", "acme"} {
		row := ledger.Row{
			Call: fmt.Sprint(i), Attempt: 1, Outcome: policy.Billed, Cost: ledger.Known(price.MustUSD("0.25")),
			Tags: map[string]string{"tenant": tenant},
		}
		if err := files.Write(ctx, []ledger.Row{row}); err != nil {
			log.Fatal(err)
		}
	}
	totals, err := ledger.TotalsOf(ledger.ReadJSONL(ctx, dir, ledger.Filter{Tags: map[string]string{"tenant": "acme"}}))
	fmt.Println(totals.Calls, "calls, $"+totals.Cost.String(), err)
	// Output: 2 calls, $0.5 <nil>
}
