package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// settings are what the flags say.
type settings struct {
	in     string // the file of requests; "": requests are made up
	out    string // the file of answers; "": one that is thrown away
	ledger string // the folder of the ledger
	name   string // of the batch, in the ledger
	policy string // the file of the policy; "": the one that the other flags say

	live     bool
	url      string // of the provider; "": its own
	provider string // its name, if neither the host nor the path shows it
	keyFrom  string // the environment variable with the key; "": that of the provider
	model    string // of lines that name none
	endpoint string // of lines that name none
	count    int    // of made-up requests

	parallel int
	rpm      int
	tpm      int64
	budget   price.Pico // 0: none
	maxCost  price.Pico // of a line; 0: no bound
	finishBy time.Time  // zero: none
	patience time.Duration

	ordered   bool
	skip      bool // broken lines
	retry     bool // lines that have failed at no cost
	again     bool // lines that may have been paid for
	stopAfter int  // lines that fail one after the other; 0: never
	asJSON    bool

	countOutput bool // of lines that the ledger does not have
}

// throwaway reports whether the answers are thrown away.
func (set *settings) throwaway() bool { return set.out == "" }

const usage = `Usage: batch [flags]

Batch sends the requests of a file to LLM providers, several at once, on the cheapest tier that has room, and writes their
answers to another file. Without -live, the provider is simulated; without -in, the requests are made up.

If it is interrupted or killed, start it again with the same flags: lines that have an answer are not sent again.

`

// parse reads the flags. It writes to stderr what is wrong with them.
func parse(args []string, stderr io.Writer) (settings, error) {
	var set settings
	var onError, within string
	flags := flag.NewFlagSet("batch", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&set.in, "in", "", "read requests from `FILE`, one JSON object per line: of OpenAI's, Gemini's or Anthropic's batch API, or a bare request body (default: made-up requests)")
	flags.StringVar(&set.out, "out", "", "write answers to `FILE` (default: beside -in, with the ending .answers.jsonl, or .simulated.jsonl without -live)")
	flags.StringVar(&set.ledger, "ledger", "", "keep the ledger in the folder `DIR` (default: beside -out, with the ending .ledger)")
	flags.StringVar(&set.name, "name", "", "the `NAME` of the batch in a ledger that several batches share, one after the other (default: the file name of -out)")
	flags.StringVar(&set.policy, "policy", "", "read the policy from the YAML `FILE`, instead of -rpm, -tpm, -budget and flex first")
	flags.BoolVar(&set.live, "live", false, "ask the provider, with the key in OPENAI_API_KEY, GEMINI_API_KEY or ANTHROPIC_API_KEY; this costs money")
	flags.StringVar(&set.url, "url", "", "with -live, send all requests to the provider at `URL`, without the path of the requests: https://api.groq.com/openai")
	flags.StringVar(&set.provider, "provider", "", "the `NAME` of the provider at -url, such as openai, if its host does not show it")
	flags.StringVar(&set.keyFrom, "key-env", "", "with -live, take the key from the environment variable `NAME`")
	flags.StringVar(&set.model, "model", "", "the `MODEL` of lines that name none, as those of Gemini's batch API do not")
	flags.StringVar(&set.endpoint, "endpoint", "", "the `PATH` of lines that name none, such as /v1/embeddings (default: by the members of the body)")
	flags.IntVar(&set.count, "n", 200, "without -in, make up `N` requests")
	flags.IntVar(&set.parallel, "parallel", 8, "send `N` requests at once")
	flags.IntVar(&set.rpm, "rpm", 0, "send at most `N` requests per minute (default: no limit)")
	flags.Int64Var(&set.tpm, "tpm", 0, "use at most `N` tokens per minute (default: no limit)")
	flags.Func("budget", "spend at most `USD` on the whole batch, earlier runs included, such as 5.00 (default: no limit)", amount(&set.budget))
	flags.Func("max-cost", "do not send a request that could cost more than `USD` (default: no limit)", amount(&set.maxCost))
	flags.Func("finish-by", "be done by `TIME`, as 2026-11-30T06:00:00Z; what is not done then is left for the next run", func(text string) (err error) {
		if set.finishBy, err = time.Parse(time.RFC3339, text); err != nil {
			return errors.New("want a time such as 2026-11-30T06:00:00Z")
		}
		return nil
	})
	flags.StringVar(&within, "within", "", "the same as -finish-by, from now: `DURATION`, as 2h30m")
	flags.DurationVar(&set.patience, "patience", time.Minute, "ask for flex for this `DURATION` before the standard tier is asked for")
	flags.BoolVar(&set.ordered, "ordered", false, "when all is done, put the answers in the order of the requests")
	flags.StringVar(&onError, "on-error", "stop", "what to do about lines that are no valid requests: `stop` before anything is sent, or skip them")
	flags.BoolVar(&set.retry, "retry-failed", false, "send lines again that have failed at no cost")
	flags.BoolVar(&set.again, "again", false, "send lines again that may have been paid for and have no answer; they may then be paid for twice")
	flags.BoolVar(&set.countOutput, "count-output", false, "if the ledger is lost, add what the answers in -out say that they cost to it, so that -budget counts it")
	flags.IntVar(&set.stopAfter, "stop-after", 50, "stop when `N` lines have failed one after the other; 0: never")
	flags.BoolVar(&set.asJSON, "json", false, "print one JSON object instead of a table")
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return set, err
	}
	err := set.complete(flags, onError, within)
	if err != nil {
		fmt.Fprintln(stderr, "batch:", err)
	}
	return set, err
}

// amount returns a function that sets an amount of money by a flag.
func amount(to *price.Pico) func(string) error {
	return func(text string) (err error) {
		if *to, err = price.ParseUSD(text); err == nil && *to <= 0 {
			err = errors.New("want more than 0")
		}
		return err
	}
}

// complete checks the settings, and fills in those that follow from others.
func (set *settings) complete(flags *flag.FlagSet, onError, within string) error {
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q: there are only flags", flags.Arg(0))
	}
	if set.skip = onError == "skip"; !set.skip && onError != "stop" {
		return fmt.Errorf("-on-error %q: want stop or skip", onError)
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if err := set.checkCounts(given); err != nil {
		return err
	}
	if set.patience < 0 {
		return fmt.Errorf("-patience %v: want 0 or more", set.patience)
	}
	if err := set.checkTogether(given); err != nil {
		return err
	}
	if given["within"] {
		d, err := time.ParseDuration(within)
		if err != nil || d <= 0 {
			return fmt.Errorf("-within %q: want a duration such as 2h30m", within)
		}
		set.finishBy = time.Now().Add(d)
	}
	set.nameFiles()
	if set.name != "" && (tagOf(set.name) != set.name || strings.TrimSpace(set.name) != set.name || strings.ContainsAny(set.name, "*?")) {
		return fmt.Errorf("-name %q: want at most %d bytes, without control characters, * or ?, or spaces at the ends", set.name, maxTag)
	}
	return nil
}

// checkCounts returns what is wrong with a figure.
func (set *settings) checkCounts(given map[string]bool) error {
	const most = 1 << 30
	for _, c := range []struct {
		flag        string
		value       int64
		least, most int64
	}{
		{"n", int64(set.count), 1, most},
		{"parallel", int64(set.parallel), 1, 10_000},
		{"rpm", int64(set.rpm), 1, most},
		{"tpm", set.tpm, 1, 1 << 40},
		{"stop-after", int64(set.stopAfter), 0, most},
	} {
		if given[c.flag] && (c.value < c.least || c.value > c.most) {
			return fmt.Errorf("-%s %d: want %d to %d", c.flag, c.value, c.least, c.most)
		}
	}
	return nil
}

// checkTogether returns which flags cannot be used together.
func (set *settings) checkTogether(given map[string]bool) error {
	for _, pair := range []struct{ one, other, why string }{
		{"within", "finish-by", "both say when to be done"},
		{"n", "in", "-n is for made-up requests"},
		{"policy", "rpm", "a policy file has limits of its own"},
		{"policy", "tpm", "a policy file has limits of its own"},
		{"policy", "budget", "a policy file has budgets of its own"},
		{"policy", "patience", "a policy file has its own"},
	} {
		if given[pair.one] && given[pair.other] {
			return fmt.Errorf("-%s and -%s cannot be used together: %s", pair.one, pair.other, pair.why)
		}
	}
	for _, name := range []string{"url", "key-env"} {
		if given[name] && !set.live {
			return fmt.Errorf("-%s needs -live", name)
		}
	}
	switch {
	case set.live && set.in == "":
		return errors.New("-live needs -in: made-up requests are for the simulated provider only")
	case set.in == "-" || set.out == "-":
		return errors.New("-in and -out have to be files: a run that was interrupted goes on where they ended")
	case set.endpoint != "" && !strings.HasPrefix(set.endpoint, "/"):
		return fmt.Errorf("-endpoint %q: want a path such as /v1/embeddings", set.endpoint)
	}
	return nil
}

// nameFiles sets the names of files that no flag names.
func (set *settings) nameFiles() {
	if set.out == "" && set.in != "" {
		ending := ".answers.jsonl"
		if !set.live {
			ending = ".simulated.jsonl"
		}
		set.out = strings.TrimSuffix(set.in, filepath.Ext(set.in)) + ending
	}
	if set.out == "" {
		return
	}
	set.ledger = cmp.Or(set.ledger, set.out+".ledger")
	set.name = cmp.Or(set.name, filepath.Base(set.out))
}

// inTemp has the answers written to a folder.
func (set *settings) inTemp(dir string) {
	set.ledger = cmp.Or(set.ledger, filepath.Join(dir, "ledger"))
	set.name = cmp.Or(set.name, "demonstration")
	set.out = filepath.Join(dir, "answers.jsonl")
}

// checkFiles returns what is wrong with the names of files.
func (set *settings) checkFiles() error {
	in, err := os.Stat(set.in)
	if err != nil {
		return fmt.Errorf("-in: %w", err)
	}
	if !in.Mode().IsRegular() {
		return fmt.Errorf("-in: %s is not a file", set.in)
	}
	if out, err := os.Stat(set.out); err == nil {
		if os.SameFile(in, out) {
			return fmt.Errorf("-in and -out are the same file, %s", set.out)
		}
		if !out.Mode().IsRegular() {
			return fmt.Errorf("-out: %s is not a file", set.out)
		}
	}
	return nil
}
