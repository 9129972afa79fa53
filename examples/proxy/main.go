// Proxy is a reverse proxy with the skinflint stack in it, for programs in any language: point the base URL of an SDK at
// it, and their calls are made at the cheapest tier that has room, are never paid for twice, and are accounted for to the
// picodollar. Any path is passed on as it is.
//
//	go run ./examples/proxy -listen 127.0.0.1:8811 -upstream https://api.openai.com -ledger ./spend
//
// What was spent is at /debug/spend/ as a page, at /debug/spend/totals.json and /debug/spend/entries.jsonl as data, and at
// /metrics for Prometheus; /healthz says whether the proxy takes calls. SIGTERM ends it when the running calls have
// ended, and a second one at once. SIGHUP has it read its policy again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(context.Background(), os.Args[1:], os.Stderr, signals)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return
	case errors.As(err, new(usageError)):
		os.Exit(2) // the flags' own package has said why
	}
	fmt.Fprintln(os.Stderr, "proxy:", err)
	os.Exit(1)
}

// run is the program: it returns when ctx is done, or a signal came, and the running calls have ended.
func run(ctx context.Context, args []string, stderr io.Writer, signals <-chan os.Signal) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	s, err := open(ctx, c, stderr)
	if err != nil {
		return err
	}
	return s.serve(ctx, signals)
}

// A config is what the flags say.
type config struct {
	listen    string
	upstream  string
	provider  string
	policy    string // the file's name
	ledger    string // the directory's
	token     string
	insecure  bool // listen beyond loopback without a token
	headers   bool // obey Skinflint- headers
	encodings bool // leave Accept-Encoding alone everywhere
	drain     time.Duration
}

// A usageError is one of the flags, which their package has told already.
type usageError struct{ error }

func parse(args []string, stderr io.Writer) (c config, err error) {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.listen, "listen", "127.0.0.1:8811", "`HOST:PORT` to listen on; port 0 is any free one")
	flags.StringVar(&c.upstream, "upstream", "", "`URL` of the provider, up to what clients add to their base URL: https://api.openai.com")
	flags.StringVar(&c.provider, "provider", "", "the provider's `NAME`, if neither the host nor the path says it: groq")
	flags.StringVar(&c.policy, "policy", "", "`FILE` with the policy, in YAML; read again on SIGHUP")
	flags.StringVar(&c.ledger, "ledger", "", "`DIR` where rows are kept; without one they are kept in memory")
	flags.StringVar(&c.token, "token", os.Getenv("SKINFLINT_TOKEN"),
		"`SECRET` that clients must send as Skinflint-Token; better set as SKINFLINT_TOKEN, which no list of processes shows")
	flags.BoolVar(&c.insecure, "insecure-listen", false, "listen beyond loopback without a token")
	flags.BoolVar(&c.headers, "headers", false, "let clients say by Skinflint-Tier, -Tag, -Max-Cost, -Finish-By and -Cached-Content how a call is made")
	flags.BoolVar(&c.encodings, "keep-encoding", false,
		"pass Accept-Encoding on even where a stream then comes compressed, and its usage cannot be asked for")
	flags.DurationVar(&c.drain, "drain", 30*time.Minute, "how long running calls have to end when the proxy is told to")
	flags.Lookup("token").DefValue = "" // or the help would print what the environment says
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return c, err
		}
		return c, usageError{err}
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("%q is no flag: what is to be said is said by flags, see -help", flags.Arg(0))
	}
	if c.drain < 0 {
		return c, fmt.Errorf("-drain %v: it must not be negative", c.drain)
	}
	return c, nil
}
