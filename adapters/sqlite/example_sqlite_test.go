package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/skinflint-go/skinflint/adapters/sqlite"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	store, err := sqlite.Open(ctx, filepath.Join(dir, "ledger.db"))
	if err != nil {
		panic(err)
	}
	// Nothing that began before now is still under way: this is the only program.
	if _, err := store.Recover(ctx, time.Now()); err != nil {
		panic(err)
	}
	writer := ledger.NewWriter(store, ledger.WriterConfig{})
	defer writer.Close(ctx)

	writer.Add(ledger.Row{
		Call: "01jcz", Attempt: 1, At: time.Now().UTC(), Provider: "openai", Operation: "chat", Model: "gpt-5", ServedTier: policy.Flex,
		Outcome: policy.Billed, Cost: ledger.Known(price.MustUSD("0.00097125")), Tags: map[string]string{"tenant": "acme"},
	})
	if err := writer.Flush(ctx); err != nil {
		panic(err)
	}
	for row, err := range store.Scan(ctx, ledger.Filter{Tags: map[string]string{"tenant": "acme"}}) {
		if err != nil {
			panic(err)
		}
		fmt.Println(row.Model, row.ServedTier, row.Cost)
	}
	// Output: gpt-5 flex 0.00097125
}
