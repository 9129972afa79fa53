package postgres_test

import (
	"context"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/adapters/postgres"
	"github.com/skinflint-go/skinflint/adapters/postgres/pgtest"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func Example() {
	server, err := pgtest.New() // a program names its own: os.Getenv("DATABASE_URL")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	ctx := context.Background()

	store, err := postgres.Open(ctx, server.DSN(), postgres.Config{})
	if err != nil {
		panic(err)
	}
	// What began a day ago is not under way any more in any replica.
	if _, err := store.Recover(ctx, time.Now().AddDate(0, 0, -1)); err != nil {
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
	// Prints: gpt-5 flex 0.00097125
}
