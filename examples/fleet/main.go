// Fleet runs several processes that share one limit and one budget through Redis, and one ledger in PostgreSQL. It starts the
// servers and a simulated provider itself, so it needs neither a key nor a network; redis-server and PostgreSQL must be
// installed. While the processes work, it kills one of them and makes Redis hang. In the end it compares what was admitted with
// the limit, and what was spent with the budget's cap and with the provider's meter.
//
//	go run ./examples/fleet          # a table
//	go run ./examples/fleet -json    # one object
//
// A run has two parts. In the first one, calls are cheap and as many as the limit admits. In the second one, they are dear, and
// go on until the budget refuses them. The exit code is 1 if a promise was not kept.
//
// Where to look: worker.go is what a program of a fleet does, agreement.go the limit and the budget that all of them share.
// run.go is the course of a run. See docs/fleet.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/skinflint-go/skinflint/adapters/postgres/pgtest"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
)

// The exit codes.
const (
	exitDone        = 0
	exitBroken      = 1 // a promise was not kept, or the run failed
	exitUsage       = 2 // nothing was run
	exitInterrupted = 130
)

// workerEnv is set in the processes that the program starts.
const workerEnv = "SKINFLINT_FLEET_WORKER"

func main() {
	if os.Getenv(workerEnv) != "" {
		os.Exit(work(os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := start(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// start is the program. It returns the exit code.
func start(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		return exitUsage
	}
	sum, err := run(ctx, set, stderr)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "fleet: interrupted")
		return exitInterrupted
	case errors.Is(err, redistest.ErrNotInstalled):
		fmt.Fprintln(stderr, "fleet: redis-server is not installed: on Debian and Ubuntu, apt-get install redis-server")
		return exitUsage
	case errors.Is(err, pgtest.ErrNotInstalled):
		fmt.Fprintln(stderr, "fleet: PostgreSQL is not installed: on Debian and Ubuntu, apt-get install postgresql")
		return exitUsage
	case err != nil:
		fmt.Fprintln(stderr, "fleet:", err)
		return exitBroken
	}
	if set.json {
		err = json.NewEncoder(stdout).Encode(sum)
	} else {
		err = sum.print(stdout)
	}
	if goal := sum.unreached(); goal != "" {
		fmt.Fprintln(stderr, "fleet: not reached:", goal)
	}
	broken := sum.broken()
	for _, promise := range broken {
		fmt.Fprintln(stderr, "fleet: not kept:", promise)
	}
	if err != nil || len(broken) > 0 {
		return exitBroken
	}
	return exitDone
}
