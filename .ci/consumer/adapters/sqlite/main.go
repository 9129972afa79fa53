// A program that keeps a ledger in SQLite.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/skinflint-go/skinflint/adapters/sqlite"
	"github.com/skinflint-go/skinflint/middleware/ledger"
)

func run(ctx context.Context, dir string) error {
	store, err := sqlite.Open(ctx, filepath.Join(dir, "ledger.db"))
	if err != nil {
		return err
	}
	row := ledger.Row{Call: "a", Attempt: 1, At: time.Now().UTC(), Cost: ledger.Known(1)}
	if err := store.Write(ctx, []ledger.Row{row}); err != nil {
		return errors.Join(err, store.Close())
	}
	for row, err := range store.Scan(ctx, ledger.Filter{}) {
		if err != nil {
			return errors.Join(err, store.Close())
		}
		fmt.Println("a row that cost", row.Cost)
	}
	return store.Close()
}

func main() {
	dir, err := os.MkdirTemp("", "")
	if err == nil {
		err = errors.Join(run(context.Background(), dir), os.RemoveAll(dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
