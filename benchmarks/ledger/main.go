// Ledger measures the cost of the ledger: how fast each store keeps rows for good, compared with the raw file or database
// beneath it in the same run, how long a call waits for its row, how much memory a million rows leave, and how long it takes
// to price a usage.
//
//	go run ./benchmarks/ledger             # tables
//	go run ./benchmarks/ledger -json       # one object
//	go run ./benchmarks/ledger -rows 50000 # more rows for each store, each round
//	go run ./benchmarks/ledger -rounds 15  # more rounds
//	go run ./benchmarks/ledger -seed 2     # other rows
//
// Raw means the least that a program has to do to have the same bytes equally safe. The lines are ready before the clock
// starts, they are written in batches of the same size, and each batch is on the disk before the next one begins.
//
//   - JSONL: write and fsync of each batch, to one file in the same directory. A second way also encodes the lines.
//   - SQLite: a prepared INSERT of the same columns into a table with the same key, one transaction for each batch,
//     through database/sql and the same driver, with WAL and synchronous=FULL. It has no other index and handles
//     no conflict. A second way has no key either.
//   - PostgreSQL: one INSERT ... SELECT FROM unnest for each batch, of the same arrays, into a table with the same key,
//     through pgx. It has no partitions, no other index, and handles no conflict. The program starts a server
//     for both. If PostgreSQL is not installed there is no figure, and a note on standard error says so.
//
// The program fails unless every way has kept every row.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
)

func main() {
	asJSON := flag.Bool("json", false, "print one JSON object")
	size := full
	flag.IntVar(&size.rows, "rows", full.rows, "how many rows each store keeps in a round")
	flag.IntVar(&size.rounds, "rounds", full.rounds, "how many rounds")
	flag.Uint64Var(&size.seed, "seed", full.seed, "the seed of the random rows")
	flag.Parse()
	if err := run(context.Background(), size, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "ledger:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, size effort, asJSON bool) error {
	report, err := measure(ctx, size, os.Stderr)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(os.Stdout, report)
	}
	return writeTables(os.Stdout, report)
}
