package ledger_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// One of several programs that share a store was killed. Its attempts of yesterday have no row.
func ExampleRecover() {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{}) // a shared store is a database
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	ctx := context.Background()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	open := ledger.Row{Call: "a", Attempt: 1, At: now.AddDate(0, 0, -1), Outcome: policy.Open, Exposure: ledger.Known(5)}
	if err := store.Write(ctx, []ledger.Row{open}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(ledger.Recover(ctx, store, now.Add(-time.Hour)))
	fmt.Println(ledger.Recover(ctx, store, now.Add(-time.Hour)))
	// Output:
	// 1 <nil>
	// 0 <nil>
}
