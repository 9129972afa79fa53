// Batch sends the requests of a JSONL file to LLM providers, several at once, and writes their answers to another JSONL file.
// It is for evaluations, enrichment, and other work that may take its time: each request is made on the cheapest tier that
// has room. It keeps limits and a budget, and shows what was spent and saved.
//
//	go run ./examples/batch                                    # made-up requests, a simulated provider, no key
//	go run ./examples/batch -in requests.jsonl                 # a rehearsal: your requests, a simulated provider
//	go run ./examples/batch -in requests.jsonl -live -budget 5.00
//
// Build the program for scripts that look at its exit code: go run always exits with 1 in place of another code than 0.
//
// A run that is interrupted or killed goes on where it was when it is started again. A line that has an answer is not sent
// again. A line that was under way when the program was killed may have been paid for: it is reported, and not sent again
// unless -again says so.
//
// See docs/batch.md for the formats and for how to work with it.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1 // some lines have no answer
	exitUsage       = 2 // nothing was sent
	exitBudget      = 3
	exitInterrupted = 130
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(start(context.Background(), os.Args[1:], os.Stdout, os.Stderr, signals, nil))
}

// start is the program. It returns the exit code. base, if it is not nil, sends the requests.
func start(ctx context.Context, args []string, stdout, stderr io.Writer, signals <-chan os.Signal, base http.RoundTripper) int {
	set, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		return exitUsage
	}
	b := &batch{set: &set, base: base, progress: newProgress(stderr)}
	code, err := b.start(ctx, stdout, signals)
	if err != nil {
		for text := range strings.Lines(err.Error()) { // of errors.Join
			b.progress.say("%s", strings.TrimSuffix(text, "\n"))
		}
	}
	return code
}
