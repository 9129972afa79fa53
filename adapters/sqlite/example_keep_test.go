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

func ExampleStore_DeleteBefore() {
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
	defer store.Close()
	for _, year := range []int{2024, 2025, 2026} {
		row := ledger.Row{Call: fmt.Sprint(year), At: time.Date(year, 5, 1, 0, 0, 0, 0, time.UTC), Outcome: policy.Billed}
		if err := store.Write(ctx, []ledger.Row{row}); err != nil {
			panic(err)
		}
	}
	deleted, err := store.DeleteBefore(ctx, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	fmt.Println(deleted, err)
	// Output: 2 <nil>
}

// The program before was killed while a request was under way.
func ExampleStore_Recover() {
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
	defer store.Close()
	began := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	open := ledger.Row{Call: "a", Attempt: 1, At: began, Outcome: policy.Open, Exposure: ledger.Known(price.MustUSD("0.02"))}
	if err := store.Write(ctx, []ledger.Row{open}); err != nil {
		panic(err)
	}
	fmt.Println(store.Recover(ctx, began.Add(time.Hour)))
	for row, err := range store.Scan(ctx, ledger.Filter{}) {
		fmt.Println(row.Outcome, row.Exposure, err)
	}
	// Output:
	// 1 <nil>
	// ambiguous 0.02 <nil>
}
