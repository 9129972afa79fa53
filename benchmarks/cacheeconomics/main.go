// Cacheeconomics measures in virtual time what policies for context caches cost, on a trace of requests and on generated ones.
//
//	go run ./benchmarks/cacheeconomics               # tables
//	go run ./benchmarks/cacheeconomics -json         # one object
//	go run ./benchmarks/cacheeconomics -trace FILE   # another trace in the form of Mooncake's, gzipped or not
//
// Explicit caches are created, stored by the hour and deleted (Gemini 2.5). A table shows what policies cost over what no
// cache costs, and their share of what hindsight saves. It also shows the bound, above which no policy can save. Time is as in
// the trace, ten times as fast and ten times as slow. A repeated prefix is expected to be in the provider's implicit cache in
// 0, 30 or 70 of 100 calls. A cache is created before the call, which is served from it, or beside the call.
//
// Priced writes are to prefix caches without storage (OpenAI, Anthropic). A table shows what policies cost over what no write
// costs, and their share of what the clairvoyant saves.
//
// The trace from the file is measured in its second half, with what was learned in the first and with empty caches, and as a
// whole without anything learned. Generated traces are measured as a whole.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

// conversations is Mooncake's trace of conversations, where it is present.
const conversations = "../shared/data/traces/mooncake_conversation.jsonl.gz"

func main() {
	asJSON := flag.Bool("json", false, "print one JSON object")
	path := flag.String("trace", "", "a trace to measure instead of Mooncake's conversations")
	flag.Parse()
	if err := run(os.Stdout, *path, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "cacheeconomics:", err)
		os.Exit(1)
	}
}

// run measures the trace in a file and the generated ones. With an empty path it measures the conversations, if they are
// present.
func run(out io.Writer, path string, asJSON bool) error {
	recorded, err := open(path)
	if err != nil {
		return err
	}
	results, err := measure(workloads(recorded, generated()))
	switch {
	case err != nil:
		return err
	case asJSON:
		return bench.WriteJSON(out, figuresOf(results))
	}
	return writeTables(out, results, recorded == nil)
}

// open reads a trace. Without a path it returns nil if the conversations are not present.
func open(path string) (*trace, error) {
	if path != "" {
		return readTrace(filepath.Base(path), path)
	}
	t, err := readTrace("C", conversations)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return t, err
}
