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
// whole without anything learned. Generated traces are measured as a whole. The last line is a conclusion from all tables.
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

// flagged is what the flags say.
type flagged struct {
	asJSON bool
	path   string // of the trace; "": Mooncake's conversations
}

func main() {
	set, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2) // parse has said why
	}
	if err := run(os.Stdout, set.path, set.asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "cacheeconomics:", err)
		os.Exit(1)
	}
}

// parse reads the flags. It writes to out what is wrong with them.
func parse(args []string, out io.Writer) (set flagged, err error) {
	flags := flag.NewFlagSet("cacheeconomics", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.BoolVar(&set.asJSON, "json", false, "print one JSON object instead of tables")
	flags.StringVar(&set.path, "trace", "", "measure the trace in `FILE`, JSON lines as Mooncake's, instead of the recorded one, if that is present")
	flags.Usage = func() {
		fmt.Fprint(out, "Usage: cacheeconomics [flags]\n\nCacheeconomics measures in virtual time what policies for context caches cost.\n\n")
		flags.PrintDefaults()
	}
	if err = flags.Parse(args); err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unknown argument %q: there are only flags", flags.Arg(0))
		fmt.Fprintln(out, "cacheeconomics:", err)
	}
	return set, err
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
