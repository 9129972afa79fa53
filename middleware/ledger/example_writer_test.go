package ledger_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A ledger that lasts: the second start of the program has the totals of the first.
func ExampleWriter() {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	for range 2 { // the program is started twice
		files, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
		if err != nil {
			log.Fatal(err)
		}
		store := ledger.NewWriter(files, ledger.WriterConfig{})
		if err := store.Load(ctx, ledger.Filter{}); err != nil {
			log.Fatal(err)
		}
		// The stack does this for each attempt: middleware.New(middleware.WithStore(store)).
		store.Add(ledger.Row{Call: fmt.Sprint("call ", store.Totals().Calls+1), Attempt: 1, Cost: ledger.Known(price.MustUSD("0.002"))})
		fmt.Println(store.Totals().Calls, "calls, $"+store.Totals().Cost.String())
		if err := store.Close(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 1 calls, $0.002
	// 2 calls, $0.004
}

// A program can use any sink of its own, here one that only counts.
func ExampleNewWriter() {
	sink := new(countingSink)
	store := ledger.NewWriter(sink, ledger.WriterConfig{Batch: 100, OpenWait: -1})
	for i := range 250 {
		store.Add(ledger.Row{Call: fmt.Sprint(i), Attempt: 1})
	}
	if err := store.Flush(context.Background()); err != nil {
		log.Fatal(err)
	}
	stats := store.Stats()
	fmt.Println(sink.rows, "rows;", stats.Written, "written,", stats.Queued, "queued,", stats.Lost, "lost")
	fmt.Println(store.Close(context.Background()))
	// Output:
	// 250 rows; 250 written, 0 queued, 0 lost
	// <nil>
}

// A countingSink is the smallest [ledger.Sink]. One that keeps rows has to follow the rules of the interface, which package
// ledgertest tests.
type countingSink struct{ rows int }

func (s *countingSink) Write(_ context.Context, rows []ledger.Row) error {
	s.rows += len(rows)
	return nil
}

func (s *countingSink) Close() error { return nil }

// A bill says what an attempt of unknown cost has cost.
func ExampleWriter_Resolve() {
	ctx := context.Background()
	store := ledger.NewWriter(new(countingSink), ledger.WriterConfig{})
	defer store.Close(ctx)
	store.Add(ledger.Row{Call: "a", Attempt: 1, Outcome: policy.Ambiguous, Exposure: ledger.Known(price.MustUSD("0.02")), Unpriced: "the connection was lost"})
	if err := store.Resolve("a", 1, price.MustUSD("0.0031")); err != nil {
		log.Fatal(err)
	}
	row := store.Rows()[0]
	fmt.Println(row.Cost, row.Exposure, row.PriceID)
	// Output: 0.0031 unknown bill
}
