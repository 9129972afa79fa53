// Proxy is a reverse proxy with the skinflint stack in it, for programs in any language. Set the base URL of an SDK to its
// address. The proxy makes each call on the cheapest tier that has room, never pays for it twice, and records its cost to
// the picodollar. It forwards any path unchanged.
//
//	go run ./examples/proxy -listen 127.0.0.1:8811 -upstream https://api.openai.com -ledger ./spend
//
// The proxy has these pages of its own:
//
//	/debug/spend/                what was spent, for people
//	/debug/spend/totals.json     the totals
//	/debug/spend/limits.json     how limits and budgets stand
//	/debug/spend/entries.jsonl   a row for each attempt; ?since=24h, ?until=1h and ?limit=100 select rows
//	/metrics                     the totals for Prometheus
//	/healthz                     whether the proxy accepts calls
//
// SIGTERM ends the proxy when the running calls have ended, a second SIGTERM at once. SIGHUP makes it read its policy again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
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
		os.Exit(2) // package flag has printed why
	}
	fmt.Fprintln(os.Stderr, "proxy:", err)
	os.Exit(1)
}

// run is the program. It returns when ctx is done or a signal has come, and the running calls have ended.
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

// A config holds the values of the flags.
type config struct {
	listen    string
	upstream  string
	provider  string
	policy    string // the name of the file
	ledger    string // the name of the directory
	token     string
	insecure  bool     // listen beyond loopback without a token
	hosts     hostList // names of the proxy's host besides those of loopback
	headers   bool     // obey the clients' Skinflint- headers
	encodings bool     // never remove Accept-Encoding
	repeats   bool     // do not refuse what a client may send again by itself
	drain     time.Duration

	bodyMemory int64 // for the bodies of all calls together, in bytes
}

// A usageError is a wrong flag. Package flag has printed it already.
type usageError struct{ error }

func parse(args []string, stderr io.Writer) (c config, err error) {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.listen, "listen", "127.0.0.1:8811", "listen on `HOST:PORT`; port 0 chooses a free port")
	flags.StringVar(&c.upstream, "upstream", "", "send calls to the provider at `URL`, without the path that clients have in their base URL: https://api.openai.com")
	flags.StringVar(&c.provider, "provider", "", "the `NAME` of the provider, such as groq, if neither the host nor the path shows it")
	flags.StringVar(&c.policy, "policy", "", "read the policy from `FILE`, in YAML, at the start and after each SIGHUP")
	flags.StringVar(&c.ledger, "ledger", "", "keep the rows in the directory `DIR`; without this flag they are kept in memory and lost at the end")
	flags.StringVar(&c.token, "token", os.Getenv("SKINFLINT_TOKEN"),
		"clients must send `SECRET` in the header Skinflint-Token; better set the variable SKINFLINT_TOKEN, which no list of processes shows")
	flags.BoolVar(&c.insecure, "insecure-listen", false, "allow -listen on an address other than loopback without a token")
	flags.Var(&c.hosts, "hosts", "accept requests for the hosts `NAME,NAME`, besides localhost and loopback addresses, where there is no token")
	flags.BoolVar(&c.headers, "headers", false, "let clients control their calls by the headers Skinflint-Tier, -Tag (NAME=VALUE), -Class (interactive or batch), -Max-Cost (US dollars), "+
		"-Finish-By (a duration from now such as 20m, or a time such as 2026-12-31T23:59:59Z) and -Cached-Content")
	flags.BoolVar(&c.encodings, "keep-encoding", false,
		"always forward Accept-Encoding; if a stream is then compressed, the proxy cannot ask for its usage")
	flags.BoolVar(&c.repeats, "allow-repeats", false,
		"do not refuse a request that is the same as one that may have been billed, and whose answer did not reach its client, within five minutes")
	flags.DurationVar(&c.drain, "drain", 30*time.Minute, "after SIGTERM, wait this long for running calls before they are cut off")
	memory := flags.Int64("body-memory", 256, "keep at most `MB` megabytes of the bodies of calls in memory, all calls together; "+
		"a call waits 10s for room and is then answered with status 503, and a body longer than this or than 32 MB is forwarded unchanged, once")
	flags.Lookup("token").DefValue = "" // so that the help does not print the secret of the environment
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return c, err
		}
		return c, usageError{err}
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("%q is not a flag, and there are no other arguments; see -help", flags.Arg(0))
	}
	if c.drain < 0 {
		return c, fmt.Errorf("-drain %v: want zero or more", c.drain)
	}
	if *memory < 1 || *memory > maxBodyMemory {
		return c, fmt.Errorf("-body-memory %d: want 1 to %d megabytes", *memory, int64(maxBodyMemory))
	}
	c.bodyMemory = *memory << 20
	return c, nil
}

// maxBodyMemory is the highest value of -body-memory, in megabytes: a terabyte.
const maxBodyMemory = 1 << 20

// A hostList is the value of -hosts: names of hosts, separated by commas. Further flags add names.
type hostList []string

func (l *hostList) String() string { return strings.Join(*l, ",") }

func (l *hostList) Set(v string) error {
	for name := range strings.SplitSeq(v, ",") {
		host := hostName(strings.TrimSpace(name))
		if host == "" || strings.ContainsAny(name, "/*@?#") {
			return fmt.Errorf("%q is not the name of a host, such as llm.example.com", name)
		}
		*l = append(*l, host)
	}
	return nil
}
