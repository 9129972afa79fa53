package property

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/adapters/adaptertest"
	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

var (
	calls = flag.Int("calls", defaultCalls, "how many calls to make, through all SDKs together")
	seed  = flag.Uint64("seed", 0, "the seed of all random numbers; 0: a random one")
)

const defaultCalls = 10_000

// All calls of a bubble have the same provider and the same conditions. Each SDK has at least bubbles bubbles, if its calls
// are enough for fewInBubble in each, and no bubble has more than mostInBubble.
const (
	fewInBubble  = 25
	mostInBubble = 250
	bubbles      = 40
)

func TestMain(m *testing.M) {
	adaptertest.Unsetenv("OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_", "AZURE_")
	log.SetOutput(new(strings.Builder)) // genai logs what it returns
	os.Exit(m.Run())
}

// TestNeverPayTwice makes calls of all kinds through every SDK, over bases that report what they do and over such that do
// not. With every fault on the wire:
//
//   - a call is billed at most once
//   - a usage that the ledger measured is the one on the provider's meter
//   - what the provider billed for a call is at least the call's cost, and at most its cost and exposure together
func TestNeverPayTwice(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("seed %d", *seed)
	if bench.RaceDetector() && *calls == defaultCalls {
		*calls /= 5 // the race detector is slow, and needs fewer calls
	}
	each := (*calls + len(sdks) - 1) / len(sdks)
	var all tally
	for _, s := range sdks {
		var sum tally
		t.Run(s.name, func(t *testing.T) {
			inBubble := min(max(each/bubbles, fewInBubble), mostInBubble)
			name := fnv.New64a()
			io.WriteString(name, s.name)
			for n := 0; n*inBubble < each; n++ {
				random := rand.New(rand.NewPCG(*seed^name.Sum64(), uint64(n)))
				sum.add(trial(t, s, random, min(inBubble, each-n*inBubble)))
				if t.Failed() {
					t.Fatalf("seed %d, bubble %d", *seed, n)
				}
			}
			if each > 1000 && (sum.ambiguous == 0 || sum.billed == 0 || sum.failed == 0 || sum.attempts <= sum.calls) {
				t.Errorf("nothing went wrong: %+v", sum)
			}
			if sum.unbounded > 1+each/10_000 {
				t.Errorf("%d attempts have neither cost nor exposure", sum.unbounded)
			}
			t.Log(sum)
		})
		all.add(sum)
	}
	t.Log("all: ", all)
}

// A tally counts the results of calls.
type tally struct {
	calls, attempts, ambiguous, partial, failed, billed, measured int
	unbounded                                                     int // attempts of unknown cost without a bound: their rows say why
	cost, exposure, meter                                         price.Sum
}

func (t *tally) add(o tally) {
	t.calls += o.calls
	t.attempts += o.attempts
	t.ambiguous += o.ambiguous
	t.unbounded += o.unbounded
	t.partial += o.partial
	t.failed += o.failed
	t.billed += o.billed
	t.measured += o.measured
	t.cost.AddSum(o.cost)
	t.exposure.AddSum(o.exposure)
	t.meter.AddSum(o.meter)
}

func (t tally) String() string {
	return fmt.Sprintf("%d calls, %d attempts, %d ambiguous, %d partial, %d calls failed; billed %d, measured %d; meter $%s, cost $%s, exposure $%s",
		t.calls, t.attempts, t.ambiguous, t.partial, t.failed, t.billed, t.measured, t.meter, t.cost, t.exposure)
}

// Conditions are what the calls of a bubble have in common.
type conditions struct {
	cfg     llmtest.Config
	policy  policy.Policy
	timeout time.Duration // of the http.Client; 0: none
	retries int           // of the SDK, if it has retries
	base    http.RoundTripper
	beneath string // what is below the stack
}

// What may stand below the stack.
const (
	bare       = "bare"       // nothing but net/http's own transport
	foreign    = "foreign"    // something that passes the request on with its context
	detached   = "detached"   // something that passes it on under a context of its own, so that nothing is reported
	persistent = "persistent" // the same, and it sends what fails again, as long as GetBody gives it a body
	stubborn   = "stubborn"   // something that passes it on with its context, and sends it again if its connection fails
)

var faults = []llmtest.Fault{
	llmtest.ResetBeforeAccept, llmtest.ResetAfterAccept, llmtest.CutStream, llmtest.ErrorInStream, llmtest.ServerError,
	llmtest.ServerErrorAfterWork, llmtest.Overloaded, llmtest.RateLimited, llmtest.QuotaExceeded, llmtest.FlexUnavailable,
	llmtest.BadRequest, llmtest.Stall, llmtest.RefusedStream, llmtest.GoAway, llmtest.ProtocolError, llmtest.ProtocolErrorAfterWork,
	llmtest.EarlyRateLimited, llmtest.StaleClose, llmtest.Slow, llmtest.RedirectSame, llmtest.RedirectAway, llmtest.TrickledError,
	llmtest.ShouldRetryFalse,
}

// anyConditions returns random conditions. The fault of each request depends on the number of the request only.
func anyConditions(random *rand.Rand) conditions {
	of := random.Uint64()
	percent := uint64(random.IntN(60))
	w := conditions{
		cfg: llmtest.Config{
			Flex: llmtest.Probability(random.IntN(60), of), CachedPercent: random.IntN(100), Seed: of,
			HTTP2: random.IntN(3) == 0, CRLF: random.IntN(2) == 0, FlexAs429: random.IntN(2) == 0,
			Chunks: 1 + random.IntN(12), ChunkDelay: time.Duration(random.IntN(3)) * time.Second,
			Latency: time.Duration(random.IntN(20)) * time.Second,
			Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
				draw := rand.New(rand.NewPCG(of, uint64(n)))
				if draw.Uint64N(100) >= percent {
					return llmtest.NoFault
				}
				return faults[draw.IntN(len(faults))]
			}),
			RefuseDials: func(n int) bool { return rand.New(rand.NewPCG(of^1, uint64(n))).Uint64N(100) < percent/2 },
		},
		policy: []policy.Policy{
			{}, {Tier: policy.Flex}, {Tier: policy.Flex, Fallback: policy.Standard},
			{Tier: policy.Flex, Fallback: policy.Standard, Patience: time.Minute}, {Tier: policy.Priority}, {OnlyDocumented: true},
		}[random.IntN(6)],
		timeout: []time.Duration{0, 0, time.Minute, 12 * time.Minute}[random.IntN(4)],
		retries: random.IntN(2) * 2,
		beneath: []string{bare, bare, bare, bare, foreign, stubborn, detached, persistent}[random.IntN(8)],
	}
	w.policy.AttemptTimeout = []time.Duration{0, 0, 2 * time.Minute}[random.IntN(3)]
	w.policy.MaxAttempts = random.IntN(5)
	w.policy.Limits = []policy.Limit{{Concurrency: 1 + random.IntN(4)}}
	w.policy.StreamIdle = 5 * time.Minute
	return w
}

// An ask describes one call.
type ask struct {
	n       int // the number of the call
	prompt  string
	stream  bool
	leave   int           // how many events of a stream to read; 0: all
	timeout time.Duration // the SDK's own timeout, if it has one; 0: none
	tracked bool          // by policy.Track
}

// A caller makes a call through an SDK.
type caller func(ctx context.Context, a ask) error

// trial makes calls in a bubble, and compares the ledger with the meter.
func trial(t *testing.T, s sdk, random *rand.Rand, calls int) (sum tally) {
	w := anyConditions(random)
	store := ledger.NewMemory(1 << 20)
	base := &laterBase{beneath: w.beneath}
	w.base = base
	newStack := func(options ...middleware.Option) *middleware.Stack {
		under := http.RoundTripper(base)
		if w.beneath == bare && base.rt != nil {
			under = base.rt
		}
		stack, err := middleware.New(append([]middleware.Option{
			middleware.WithPolicy(w.policy), middleware.WithBase(under), middleware.WithStore(store),
			middleware.WithLogger(slog.New(slog.DiscardHandler)),
		}, options...)...)
		if err != nil {
			t.Fatal(err)
		}
		return stack
	}
	var make func() caller
	var done func()
	if s.outside != nil {
		make, done = s.outside(t, newStack, w)
		defer done()
	}
	synctest.Test(t, func(t *testing.T) {
		provider := llmtest.NewPipe(w.cfg)
		defer provider.Close()
		base.rt = provider.Transport()
		var call caller
		if make != nil {
			call = make()
		} else {
			call = s.client(t, newStack, w, provider.URL)
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		workers := 1 + random.IntN(4)
		work := manyAsks(random, calls)
		for worker := range workers {
			all.Go(func() {
				for i := worker; i < len(work); i += workers {
					ctx, cancel := context.WithTimeout(t.Context(), work[i].within)
					if work[i].ask.tracked {
						ctx, _ = policy.Track(ctx)
					}
					err := call(policy.With(ctx, policy.Tag("n", strconv.Itoa(work[i].ask.n))), work[i].ask)
					cancel()
					mu.Lock()
					sum.calls++
					if err != nil {
						sum.failed++
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		time.Sleep(time.Hour) // for streams that were not read to their end
		synctest.Wait()
		(&audit{T: t, sdk: s, bare: w.beneath == bare && !s.foreign, silent: (w.beneath == detached || w.beneath == persistent) && !s.foreign, provider: provider, store: store, sum: &sum}).compare()
	})
	return sum
}

// A job is a call and the time that it has.
type job struct {
	ask    ask
	within time.Duration
}

// manyAsks returns random calls.
func manyAsks(random *rand.Rand, calls int) (work []job) {
	for n := range calls {
		words := random.IntN(1000)
		if random.IntN(15) == 0 {
			words = 20_000 // more than the stack keeps in memory
		}
		a := ask{n: n, stream: random.IntN(2) == 0, tracked: random.IntN(2) == 0, prompt: fmt.Sprintf("call-%d. %s", n, strings.Repeat("again ", words))}
		if random.IntN(6) == 0 {
			a.leave = 1 + random.IntN(4)
		}
		if random.IntN(4) == 0 {
			a.timeout = time.Duration(1+random.IntN(90)) * time.Second
		}
		work = append(work, job{a, time.Duration(1+random.IntN(40)) * time.Minute})
	}
	return work
}

// A laterBase is a RoundTripper that is set after the stack was made over it.
type laterBase struct {
	rt      http.RoundTripper
	beneath string
}

func (l *laterBase) RoundTrip(req *http.Request) (*http.Response, error) {
	send := l.detached
	if l.beneath != detached && l.beneath != persistent {
		send = l.rt.RoundTrip
	}
	resp, err := send(req)
	for n := 1; n < 4 && l.again(resp, err) && req.GetBody != nil; n++ {
		body, bodyErr := req.GetBody()
		if bodyErr != nil {
			break
		}
		if resp != nil {
			resp.Body.Close()
		}
		again := req.Clone(req.Context())
		again.Body = body
		resp, err = send(again)
	}
	return resp, err
}

// again reports whether what is below the stack would send a request again.
func (l *laterBase) again(resp *http.Response, err error) bool {
	switch l.beneath {
	case persistent:
		return err != nil || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500
	case stubborn:
		return err != nil
	}
	return false
}

// detached sends a request that ends with req's context, but does not carry its trace.
func (l *laterBase) detached(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := context.AfterFunc(req.Context(), func() { cancel(context.Cause(req.Context())) })
	resp, err := l.rt.RoundTrip(req.Clone(ctx))
	if err != nil {
		stop()
		cancel(nil)
	}
	return resp, err
}

// number finds the number of the call in a request's body.
var number = regexp.MustCompile(`call-(\d+)\. `)

// An audit compares the rows of the ledger with the provider's meter. Its maps are by the number of the call.
type audit struct {
	*testing.T
	sdk      sdk
	bare     bool // nothing but net/http's transport is below the stack
	silent   bool // what is below reports nothing
	provider *llmtest.Server
	store    *ledger.Memory
	sum      *tally

	meter          map[int]price.Pico            // what the provider billed
	generations    map[string]llmtest.Generation // what the provider billed, by the answer's id
	cost, exposure map[int]price.Pico            // what the rows say
	total          ledger.Total                  // of the rows
	seen           map[attempt]bool
	unbounded      map[int]bool // calls with an attempt whose cost has no bound
	wireTries      int          // requests on the wire, by the rows

	// Something below that reports nothing may have been answered before it read the body, and may then have sent the
	// request again: rows count bodies that are read, so that their number of requests can be one too many or too few.
	early bool
}

// An attempt is one attempt of a call, by the call's id.
type attempt struct {
	call string
	n    int
}

// compare compares the ledger with the meter, and adds to the sums.
func (a *audit) compare() {
	a.Helper()
	a.meter, a.generations = map[int]price.Pico{}, map[string]llmtest.Generation{}
	a.cost, a.exposure, a.seen = map[int]price.Pico{}, map[int]price.Pico{}, map[attempt]bool{}
	a.unbounded = map[int]bool{}
	a.readMeter()
	a.early = a.silent && slices.ContainsFunc(a.provider.Requests(), func(r llmtest.Request) bool { return r.Fault == llmtest.EarlyRateLimited })
	for _, r := range a.store.Rows() {
		n, _ := strconv.Atoi(r.Tags["n"])
		a.readRow(r, n)
		a.addMoney(r, n)
	}
	for n := range a.sum.calls {
		if a.meter[n] > a.cost[n]+a.exposure[n] && !a.unbounded[n] || a.meter[n] < a.cost[n] {
			a.Errorf("call %d: billed $%s, cost $%s and exposure $%s: %s", n, a.meter[n], a.cost[n], a.exposure[n], a.history(n))
		}
	}
	if n := len(a.provider.Requests()); n > a.wireTries && !a.early {
		a.Errorf("%d requests arrived, and the rows have %d", n, a.wireTries)
	}
	if got := a.store.Totals(); got.Cost != a.total.Cost || got.Exposure != a.total.Exposure {
		a.Errorf("rows add up to %+v, totals are %+v", a.total, got.Total)
	}
	a.sum.cost.AddSum(a.total.Cost)
	a.sum.exposure.AddSum(a.total.Exposure)
}

// asked returns the number of each call by the fingerprint of its request.
func (a *audit) asked() map[string]int {
	asked := map[string]int{}
	for _, r := range a.provider.Requests() {
		if m := number.FindSubmatch(r.Body); m != nil && r.Call != "" {
			asked[r.Call], _ = strconv.Atoi(string(m[1]))
		}
	}
	return asked
}

// readMeter sums up what the provider billed, and checks that it billed no call twice.
func (a *audit) readMeter() {
	a.Helper()
	prices := a.sdk.prices
	if prices == nil {
		prices = price.Embedded()
	}
	asked, billed := a.asked(), map[int]int{}
	for _, g := range a.provider.Meter() {
		n, ok := asked[g.Call]
		if !ok {
			a.Errorf("billed for what was never asked: %+v", g)
		}
		if billed[n]++; billed[n] > 1 {
			a.Errorf("call %d was billed twice: %s", n, a.history(n))
		}
		cost, err := prices.Cost(price.Query{Provider: g.Provider, Model: g.Model, Tier: standardName(g.Tier), At: g.At}, usageOf(g))
		if err != nil {
			a.Fatalf("the meter's price: %v", err)
		}
		a.meter[n] = cost.Cost
		a.sum.meter.Add(cost.Cost)
		a.sum.billed++
		a.generations[g.ID] = g
	}
}

// readRow counts a row of call n. Each attempt has one row, and an attempt that was not served is free.
func (a *audit) readRow(r ledger.Row, n int) {
	a.Helper()
	if r.Outcome != policy.Refused {
		a.sum.attempts++
		a.wireTries += r.WireTries
		if a.silent && r.WireTries > 1 && !a.early {
			a.Errorf("call %d: attempt %d is on the wire %d times: %s", n, r.Attempt, r.WireTries, a.history(n))
		}
		key := attempt{r.Call, r.Attempt}
		if a.seen[key] {
			a.Errorf("call %d: two rows of attempt %d: %s", n, r.Attempt, a.history(n))
		}
		a.seen[key] = true
	}
	switch r.Outcome {
	case policy.Rejected, policy.NotSent, policy.Refused:
		if r.Cost != ledger.Known(0) || (a.bare || a.silent) && r.Exposure.Known {
			a.Errorf("call %d: a %s attempt costs $%s, and exposes $%s", n, r.Outcome, r.Cost, r.Exposure)
		}
	case policy.Ambiguous:
		a.sum.ambiguous++
	case policy.Partial:
		a.sum.partial++
	}
	if r.UsageSource == ledger.Measured {
		a.readMeasured(r, n)
	}
}

// readMeasured compares a row whose usage was measured with its generation.
func (a *audit) readMeasured(r ledger.Row, n int) {
	a.Helper()
	a.sum.measured++
	g, ok := a.generations[r.ResponseID]
	want := usageOf(g)
	if !ok || r.Usage.Input != want.Input || r.Usage.CachedInput != want.CachedInput || r.Usage.Output != want.Output ||
		r.Usage.Reasoning != want.Reasoning && g.Provider != "anthropic" || string(r.ServedTier) != standardName(g.Tier) {
		a.Errorf("call %d: the ledger measured %+v, the meter has %+v", n, r.Usage, g)
	}
	if r.Cost.Known && r.Cost.Pico != a.meter[n] {
		a.Errorf("call %d: the ledger says $%s, the meter $%s", n, r.Cost.Pico, a.meter[n])
	}
}

// addMoney adds the amounts of a row to those of call n. Every row has a cost or an exposure.
func (a *audit) addMoney(r ledger.Row, n int) {
	a.Helper()
	if r.Cost.Known {
		a.cost[n] += r.Cost.Pico
		a.total.Cost.Add(r.Cost.Pico)
	} else if !r.Exposure.Known && strings.Contains(r.Unpriced, "has no bound: the request cannot be read") {
		// An SDK that rewinds its body, of more than 64 KB, was still sending it: it could not be read.
		a.sum.unbounded++
		a.unbounded[n] = true
	} else if !r.Exposure.Known {
		a.Errorf("call %d: neither cost nor exposure: %+v", n, r)
	}
	a.exposure[n] += r.Exposure.Pico
	a.total.Exposure.Add(r.Exposure.Pico)
	if r.Exposure.Pico < 0 || r.Cost.Pico < 0 {
		a.Errorf("call %d: negative money: %+v", n, r)
	}
}

// history returns the requests and rows of a call, without its prompt.
func (a *audit) history(n int) string {
	var b strings.Builder
	for _, r := range a.provider.Requests() {
		if m := number.FindSubmatch(r.Body); m != nil && string(m[1]) == strconv.Itoa(n) {
			fmt.Fprintf(&b, "\n\trequest %d: %s, %d, %s", r.N, r.Fault, r.Status, r.Path)
		}
	}
	for _, r := range a.store.Rows() {
		if r.Tags["n"] == strconv.Itoa(n) {
			fmt.Fprintf(&b, "\n\trow %s %d: %s %s %s, %d, cost $%s, exposure $%s, %s, sdk retry %d, %s", r.Call, r.Attempt, r.Outcome, r.Evidence, r.Reason, r.Status, r.Cost, r.Exposure, r.Unpriced, r.SDKRetry, r.At)
		}
	}
	return b.String()
}

// usageOf returns the usage of a generation as the catalog counts it.
func usageOf(g llmtest.Generation) price.Usage {
	return price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion, Reasoning: g.Reasoning}
}

// standardName returns the catalog's name for a provider's tier.
func standardName(tier string) string {
	if tier == "flex" || tier == "priority" {
		return tier
	}
	return "standard"
}
