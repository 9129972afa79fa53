// Limit measures what limits cost a call: in one process, beside golang.org/x/time/rate and failsafe-go, and across processes
// on Redis, beside go-redis/redis_rate and a bare PING.
//
//	go run ./benchmarks/limit            # tables
//	go run ./benchmarks/limit -json      # one object
//	go run ./benchmarks/limit -rounds 15 # more rounds
//	go run ./benchmarks/limit -trace ../shared/data/traces/azure_code_2023.csv    # only a trace
//
// In one process it measures
//
//   - a call that is admitted at once, alone and from 64 goroutines that all want the same limit;
//   - how long the next call waits at 10 requests per second after 50 calls that waited have given up;
//   - what it costs to admit a call while 1,000 others wait, and while 20,000 do;
//   - how much memory a million keys take, each with a limit on requests and one on tokens.
//
// On Redis, with a server that the program starts, it measures a reserve over two limits, and one over four limits with a
// budget, a permit and its lease. If redis-server is not installed there are no such figures, and a note on standard error
// says so.
//
// With -trace it replays a recorded trace of calls in virtual time, at a provider whose limit on tokens is 80 % of what they
// need: without a limiter, with x/time/rate, and with ours. It counts the 429s, the calls that were dropped at their deadline,
// and the tokens that got through. The trace is in the form of Azure's: a time, tokens of the prompt, tokens of the answer.
//
// All ways of a table take turns in each round, and figures are medians over the rounds.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

func main() {
	asJSON := flag.Bool("json", false, "print one JSON object")
	size := full
	flag.IntVar(&size.rounds, "rounds", full.rounds, "how many rounds")
	trace := flag.String("trace", "", "replay only the trace in `FILE`, in virtual time")
	flag.Parse()
	if *trace != "" {
		runtime.GOMAXPROCS(1) // goroutines of a bubble take turns, which is slower on two processors
		bench.AsTest("limit", func(t *testing.T) error { return runTrace(t, os.Stdout, *trace, *asJSON) })
	}
	if err := run(context.Background(), size, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "limit:", err)
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
