// Geminicache asks twenty questions about a long text, Newton's Opticks, which is held in a context cache of Gemini. It uses
// three real SDKs: generative-ai-go, genai, and go-openai on Gemini's OpenAI-compatible endpoint. The program sends the whole
// text with each question. The stack below the SDKs takes it out of the requests and names the cache instead, extends the
// cache while it is used, and deletes it in the end.
//
// Without -live, the provider is simulated within this program, so it needs neither a key nor a network. Time is simulated
// too: a question is asked every 40 seconds, and none of them has to be waited for. The questions are then also asked without
// a cache, which shows what the cache gained over the provider's own caching. The program also compares its ledger with the
// provider's meter.
//
//	go run ./examples/geminicache          # a table
//	go run ./examples/geminicache -json    # one object
//
// With -live, they are asked of Google, with the key in GEMINI_API_KEY. With the default model, that costs about $0.20.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
)

// settings are what the flags and the environment say.
type settings struct {
	asJSON bool
	live   bool
	model  string
	ttl    time.Duration
	path   string // of the text; "": Opticks

	key  string
	book string // the text
}

func main() {
	set, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2) // parse has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if set.book, err = readBook(ctx, set.path); err != nil {
		exit(err)
	}
	if set.live {
		to, err := connect(ctx, set, nil)
		if err != nil {
			exit(err)
		}
		exit(to.show(ctx, os.Stdout, set))
	}
	simulated(func(s *simulation) { exit(s.run(os.Stdout, set)) })
}

// exit ends the process.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "geminicache:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// parse reads the flags. It writes to out what is wrong with them.
func parse(args []string, out io.Writer) (settings, error) {
	set := settings{key: "AI-not-needed"}
	flags := flag.NewFlagSet("geminicache", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.BoolVar(&set.asJSON, "json", false, "print one JSON object of sums instead of a table")
	flags.BoolVar(&set.live, "live", false, "ask Google instead of a simulated provider, with the key in GEMINI_API_KEY; this costs money")
	flags.StringVar(&set.model, "model", "gemini-2.5-flash", "the `model`; it must have explicit context caches, as those of Gemini 2.5 and 3 do")
	flags.DurationVar(&set.ttl, "ttl", 5*time.Minute, "how long the cache lives after its latest use, at least 1m and at most 24h")
	flags.StringVar(&set.path, "text", "", "a `file` with another text (default Opticks, which Go has in GOROOT/src/testdata)")
	flags.Usage = func() {
		fmt.Fprint(out, "Usage: geminicache [flags]\n\nGeminicache asks twenty questions about a long text in a context cache of Gemini, and shows what that saved.\n\n")
		flags.PrintDefaults()
	}
	err := flags.Parse(args)
	if err == nil {
		if err = set.check(flags.Args()); err != nil {
			fmt.Fprintf(out, "geminicache: %v\n", err)
		}
	}
	return set, err
}

// check returns what is wrong with the settings, and completes them.
func (set *settings) check(args []string) error {
	switch {
	case len(args) > 0:
		return fmt.Errorf("unknown argument %q: there are only flags", args[0])
	case set.model == "":
		return errors.New("-model: it is empty")
	case set.ttl < time.Minute || set.ttl > 24*time.Hour:
		return fmt.Errorf("-ttl %s: want at least 1m and at most 24h", set.ttl)
	case !set.live:
		return nil
	}
	if set.key = os.Getenv("GEMINI_API_KEY"); set.key == "" {
		return errors.New("-live needs a key in the environment variable GEMINI_API_KEY: create one at https://aistudio.google.com/apikey")
	}
	return nil
}

// show asks all questions, and reports.
func (to *clients) show(ctx context.Context, out io.Writer, set settings) (err error) {
	var r report
	if r.held, err = to.askAll(ctx, set, 0); err != nil {
		return err
	}
	if err := r.sumUp(to.stack); err != nil {
		return err
	}
	return r.write(out, set.asJSON)
}

// askAll asks all questions, with a pause after each. The text is in a context cache, which is deleted in the end, whatever
// the error is.
func (to *clients) askAll(ctx context.Context, set settings, pause time.Duration) (h held, err error) {
	defer func() { err = errors.Join(err, to.close(ctx)) }()
	handle, err := to.stack.Ensure(ctx, to.caches, cachedcontent.Content{
		Model:       set.model,
		System:      []cachedcontent.Part{cachedcontent.Text(instruction)},
		Turns:       []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(set.book)), cachedcontent.Model(cachedcontent.Text(ready))},
		DisplayName: "skinflint: examples/geminicache",
		TTL:         set.ttl,
	})
	if err != nil {
		return held{}, err
	}
	h.tokens = handle.Tokens()
	err = to.askEach(ctx, pause)
	h.uses = handle.Uses()
	return h, errors.Join(err, handle.Close(context.WithoutCancel(ctx)))
}

// askEach asks all questions, with a pause after each.
func (to *clients) askEach(ctx context.Context, pause time.Duration) error {
	for _, q := range questions {
		if err := to.ask(ctx, q); err != nil {
			return err
		}
		time.Sleep(pause)
	}
	return nil
}

// close closes the clients and the stack, which deletes the caches that are left.
func (to *clients) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(to.older.Close(), to.stack.Close(ctx))
}
