// A program that keeps a ledger in PostgreSQL, where there is none.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/skinflint-go/skinflint/adapters/postgres"
	"github.com/skinflint-go/skinflint/middleware/ledger"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	store, err := postgres.Open(ctx, "postgres://nobody@127.0.0.1:1/none?sslmode=disable", postgres.Config{})
	if err == nil {
		fmt.Fprintf(os.Stderr, "port 1 is a %T\n", ledger.Sink(store))
		os.Exit(1)
	}
	fmt.Println(err)
}
