package adaptertest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A World is a stack over a simulated provider, and a client of the SDK over the stack, within a bubble.
type World struct {
	// TB is the test. In the bubble its Context is one of the bubble.
	testing.TB

	// Server is the simulated provider. It answers under every address.
	Server *llmtest.Server

	// Base is the way to Server. It is what Stack sends through.
	Base http.RoundTripper

	// Stack is the stack under test.
	Stack *middleware.Stack

	// Client is what Adapter.New returned.
	Client Client

	adapter *Adapter
	stream  bool // the case is about streams
	retries bool // the SDK's own retries are on
	dials   int  // how often Config.RefuseDials was asked

	httpClient *http.Client // of Setup.HTTPClient
}

// A Setup says how a World is made. Its zero value is a provider without faults, under a zero policy.
type Setup struct {
	Config llmtest.Config
	Policy policy.Policy

	Options Options

	// HTTPClient, if not nil, makes the HTTPClient of Options from the way to the provider.
	HTTPClient func(base http.RoundTripper) *http.Client
}

// Run runs f in a bubble, with a new World. Waits take no real time, and a goroutine that is left behind fails the
// test. When f has returned, the stack is closed.
func (a *Adapter) Run(t *testing.T, s Setup, f func(w *World)) {
	t.Helper()
	a.run(t, s, f, &World{})
}

// run makes a World of w, whose variant is set, and runs f in it.
func (a *Adapter) run(t *testing.T, s Setup, f func(w *World), w *World) {
	t.Helper()
	w.adapter, w.TB = a, t
	config := s.Config
	if refuse := config.RefuseDials; refuse != nil {
		config.RefuseDials = func(n int) bool { w.dials++; return refuse(n) }
	}
	if a.MadeOutside {
		base := new(laterBase)
		w.build(s, base)
		synctest.Test(t, func(t *testing.T) {
			w.TB, w.Server = t, llmtest.NewPipe(config)
			defer w.Server.Close()
			base.RoundTripper = w.Server.Transport()
			f(w)
		})
		w.TB = t
		w.close()
		return
	}
	synctest.Test(t, func(t *testing.T) {
		w.TB, w.Server = t, llmtest.NewPipe(config)
		defer w.Server.Close()
		w.build(s, w.Server.Transport())
		f(w)
		w.close()
	})
}

// A laterBase is a RoundTripper that is set after the stack was made over it.
type laterBase struct{ http.RoundTripper }

// CloseIdleConnections does nothing: when it is called, the bubble of the connections has ended.
func (*laterBase) CloseIdleConnections() {}

// build makes the stack and the client.
func (w *World) build(s Setup, base http.RoundTripper) {
	w.Helper()
	w.Base = base
	options := []middleware.Option{
		middleware.WithPolicy(s.Policy), middleware.WithBase(base), middleware.WithLogger(slog.New(slog.DiscardHandler)),
	}
	stack, err := middleware.New(append(options, w.adapter.Stack...)...)
	if err != nil {
		w.Fatal(err)
	}
	w.Stack = stack
	o := s.Options
	o.Retries = o.Retries || w.retries
	if s.HTTPClient != nil {
		o.HTTPClient = s.HTTPClient(base)
		w.httpClient = o.HTTPClient
	}
	w.Client = w.adapter.New(w, o)
	if gap := w.adapter.gap(w.Client); gap != "" {
		w.Fatal(gap)
	}
}

func (w *World) close() {
	w.Helper()
	if err := w.Stack.Close(context.Background()); err != nil {
		w.Error(err)
	}
}

// Balance compares the rows of billed attempts with the provider's meter, in order: usage, tier, cache and cost.
func (w *World) Balance() {
	w.Helper()
	rows := slices.DeleteFunc(w.Stack.Rows(), func(r ledger.Row) bool { return r.Outcome != policy.Billed })
	meter := w.Server.Meter()
	if len(rows) != len(meter) {
		w.Fatalf("%d rows billed, %d generations on the meter", len(rows), len(meter))
	}
	for i, g := range meter {
		r, tier := rows[i], tierOf(g.Tier)
		if !w.agree(r, g, tier) {
			w.Errorf("row %+v\nmeter %+v", r, g)
		}
		rate, ok := rates[g.Model+" "+string(tier)]
		if !ok {
			w.Fatalf("no rate for %s on %s", g.Model, tier)
		}
		want := (g.Prompt-g.Cached)*rate[0] + g.Cached*rate[1] + g.Completion*rate[2]
		if !r.Cost.Known || int64(r.Cost.Pico) != want {
			w.Errorf("cost %v, want %d picodollars", r.Cost, want)
		}
	}
}

// tierOf returns the tier that a provider has a name for.
func tierOf(name string) policy.Tier {
	if name == "default" {
		return policy.Standard
	}
	return policy.Tier(name)
}

// agree reports whether a row says what the meter says. Embeddings have neither an id nor a tier.
func (w *World) agree(r ledger.Row, g llmtest.Generation, tier policy.Tier) bool {
	if g.Operation != "embeddings" && (r.ResponseID != g.ID || r.ServedTier != tier) {
		return false
	}
	if w.adapter.can(ReadReasoning) && r.Usage.Reasoning != g.Reasoning {
		return false
	}
	return r.UsageSource == ledger.Measured && r.Provider == g.Provider && r.Provider == w.adapter.Provider && r.Cache == g.Cache &&
		r.Usage.Input == g.Prompt-g.Cached && r.Usage.CachedInput == g.Cached && r.Usage.Output == g.Completion
}

// Wire checks how many requests reached the provider, and how many generations it billed.
func (w *World) Wire(sent, billed int) {
	w.Helper()
	synctest.Wait()
	if got := len(w.Server.Requests()); got != sent {
		w.Errorf("%d requests on the wire, want %d", got, sent)
	}
	if got := len(w.Server.Meter()); got != billed {
		w.Errorf("%d generations billed, want %d", got, billed)
	}
}

// rows returns the rows, of which there must be n.
func (w *World) rows(n int) []ledger.Row {
	w.Helper()
	rows := w.Stack.Rows()
	if len(rows) != n {
		w.Fatalf("%d rows, want %d: %+v", len(rows), n, rows)
	}
	return rows
}

// meter returns the generations that the provider billed, of which there must be n.
func (w *World) meter(n int) []llmtest.Generation {
	w.Helper()
	meter := w.Server.Meter()
	if len(meter) != n {
		w.Fatalf("%d generations billed, want %d: %+v", len(meter), n, meter)
	}
	return meter
}

// ended checks how a call ended: by an error of the kind is, a context's, or as the SDK turns that into another.
func (w *World) ended(err error, want Ending, is error) {
	w.Helper()
	switch {
	case want.Hidden != "":
		w.Logf("the error is not checked: %s", want.Hidden)
	case err == nil:
		w.Error("no error")
	case want.Status != 0 && w.adapter.Failure(err).Status != want.Status:
		w.Errorf("error %v: status %d, want %d", err, w.adapter.Failure(err).Status, want.Status)
	case !strings.Contains(err.Error(), want.Text):
		w.Errorf("error %v, want %q", err, want.Text)
	case want == Ending{} && is != nil && !errors.Is(err, is):
		w.Errorf("error %v, want %v", err, is)
	}
}

// ask makes a call of the first model in the way that the case is about.
func (w *World) ask(ctx context.Context, text string) (Answer, error) {
	return w.askModel(ctx, w.adapter.model(), text)
}

func (w *World) askModel(ctx context.Context, model, text string) (Answer, error) {
	if w.stream {
		return w.Client.Stream(ctx, model, text)
	}
	return w.Client.Ask(ctx, model, text)
}

// must makes a call that has to succeed.
func (w *World) must(ctx context.Context, text string) Answer {
	w.Helper()
	answer, err := w.ask(ctx, text)
	if err != nil || answer.Text == "" {
		w.Fatalf("answer %+v, error %v", answer, err)
	}
	return answer
}

// Unsetenv takes the environment variables away whose names begin with one of the prefixes, so that no key or address of
// the machine reaches a test. It is for TestMain.
func Unsetenv(prefixes ...string) {
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			os.Unsetenv(name)
		}
	}
}
