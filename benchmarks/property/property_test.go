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
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

var (
	calls = flag.Int("calls", calledByDefault, "how many calls to make, through all SDKs together")
	seed  = flag.Uint64("seed", 0, "of everything that is drawn; 0: drawn itself")
)

const calledByDefault = 10_000

// Of a few calls over one provider, all meet the same weather; of many, there are as few providers as will do.
const (
	fewInBubble  = 25
	mostInBubble = 250
	bubbles      = 40
)

func TestMain(m *testing.M) {
	for _, pair := range os.Environ() { // what the machine would tell the SDKs
		name, _, _ := strings.Cut(pair, "=")
		for _, prefix := range []string{"OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_", "AZURE_"} {
			if strings.HasPrefix(name, prefix) {
				os.Unsetenv(name)
			}
		}
	}
	log.SetOutput(new(strings.Builder)) // genai logs what it returns
	os.Exit(m.Run())
}

// TestNeverPayTwice makes calls of all kinds through every SDK. Whatever goes wrong on the wire, a call is billed at most
// once, what the ledger measured is what the provider's meter has, and what a call was billed for lies between its cost
// and its cost with its exposure.
func TestNeverPayTwice(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("seed %d", *seed)
	if bench.RaceDetector() && *calls == calledByDefault {
		*calls /= 5 // it takes its time, and looks for something else
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
			t.Log(sum)
		})
		all.add(sum)
	}
	t.Log("all: ", all)
}

// A tally is what became of calls.
type tally struct {
	calls, attempts, ambiguous, partial, failed, billed, measured int
	cost, exposure, meter                                         price.Sum
}

func (t *tally) add(o tally) {
	t.calls += o.calls
	t.attempts += o.attempts
	t.ambiguous += o.ambiguous
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

// A weather is what the calls of a bubble meet.
type weather struct {
	cfg     llmtest.Config
	policy  policy.Policy
	timeout time.Duration // of the http.Client; 0: none
	retries int           // of the SDK, where it has any
	base    http.RoundTripper
	bare    bool // the stack stands on net/http's own transport
}

var faults = []llmtest.Fault{
	llmtest.ResetBeforeAccept, llmtest.ResetAfterAccept, llmtest.CutStream, llmtest.ErrorInStream, llmtest.ServerError,
	llmtest.ServerErrorAfterWork, llmtest.Overloaded, llmtest.RateLimited, llmtest.QuotaExceeded, llmtest.FlexUnavailable,
	llmtest.BadRequest, llmtest.Stall, llmtest.RefusedStream, llmtest.GoAway, llmtest.ProtocolError, llmtest.ProtocolErrorAfterWork,
	llmtest.EarlyRateLimited, llmtest.StaleClose, llmtest.Slow, llmtest.RedirectSame, llmtest.RedirectAway, llmtest.TrickledError,
	llmtest.ShouldRetryFalse,
}

// anyWeather draws one. Its faults are drawn by the number of the request.
func anyWeather(random *rand.Rand) weather {
	of := random.Uint64()
	percent := uint64(random.IntN(60))
	w := weather{
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
		bare:    random.IntN(3) > 0,
	}
	w.policy.AttemptTimeout = []time.Duration{0, 0, 2 * time.Minute}[random.IntN(3)]
	w.policy.MaxAttempts = random.IntN(5)
	w.policy.Limits = []policy.Limit{{Concurrency: 1 + random.IntN(4)}}
	w.policy.StreamIdle = 5 * time.Minute
	return w
}

// An ask is one call.
type ask struct {
	n       int
	prompt  string
	stream  bool
	leave   int           // how many events of a stream to read before it is left; 0: all
	timeout time.Duration // of one try, where the SDK has one
	tracked bool
}

// A caller makes a call through an SDK.
type caller func(ctx context.Context, a ask) error

// trial makes calls in a bubble, and settles up.
func trial(t *testing.T, s sdk, random *rand.Rand, calls int) (sum tally) {
	w := anyWeather(random)
	store := ledger.NewMemory(1 << 20)
	base := new(later)
	w.base = base
	newStack := func(options ...middleware.Option) *middleware.Stack {
		under := http.RoundTripper(base)
		if w.bare && base.rt != nil {
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
		hands := 1 + random.IntN(4)
		work := manyAsks(random, calls)
		for hand := range hands {
			all.Go(func() {
				for i := hand; i < len(work); i += hands {
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
		time.Sleep(time.Hour) // for streams that were left
		synctest.Wait()
		settle(t, s, w.bare && !s.foreign, provider, store, &sum)
	})
	return sum
}

type job struct {
	ask    ask
	within time.Duration
}

func manyAsks(random *rand.Rand, calls int) (work []job) {
	for n := range calls {
		words := random.IntN(1000)
		if random.IntN(15) == 0 {
			words = 20_000 // more than is kept in memory
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

// later is a RoundTripper that is known later.
type later struct{ rt http.RoundTripper }

func (l *later) RoundTrip(req *http.Request) (*http.Response, error) { return l.rt.RoundTrip(req) }

var number = regexp.MustCompile(`call-(\d+)\. `)

// settle lays the ledger beside the meter.
func settle(t *testing.T, s sdk, bare bool, provider *llmtest.Server, store *ledger.Memory, sum *tally) {
	t.Helper()
	asked := map[string]int{} // by the fingerprint of what was asked
	for _, r := range provider.Requests() {
		if m := number.FindSubmatch(r.Body); m != nil && r.Call != "" {
			asked[r.Call], _ = strconv.Atoi(string(m[1]))
		}
	}
	prices := s.prices
	if prices == nil {
		prices = price.Embedded()
	}
	meter, billed := map[int]price.Pico{}, map[int]int{}
	generations := map[string]llmtest.Generation{}
	for _, g := range provider.Meter() {
		n, ok := asked[g.Call]
		if !ok {
			t.Errorf("billed for what was never asked: %+v", g)
		}
		if billed[n]++; billed[n] > 1 {
			t.Errorf("call %d was billed twice: %s", n, story(provider, store, n))
		}
		cost, err := prices.Cost(price.Query{Provider: g.Provider, Model: g.Model, Tier: standardName(g.Tier), At: g.At}, usageOf(g))
		if err != nil {
			t.Fatalf("the meter's price: %v", err)
		}
		meter[n] = cost.Cost
		sum.meter.Add(cost.Cost)
		sum.billed++
		generations[g.ID] = g
	}
	cost, exposure := map[int]price.Pico{}, map[int]price.Pico{}
	var total ledger.Total
	type attempt struct {
		call string
		n    int
	}
	seen, tries := map[attempt]bool{}, 0
	for _, r := range store.Rows() {
		n, _ := strconv.Atoi(r.Tags["n"])
		if a := (attempt{r.Call, r.Attempt}); r.Outcome != policy.Refused {
			sum.attempts++
			tries += r.WireTries
			if seen[a] {
				t.Errorf("call %d: two rows of attempt %d: %s", n, r.Attempt, story(provider, store, n))
			}
			seen[a] = true
		}
		if free := r.Outcome == policy.Rejected || r.Outcome == policy.NotSent || r.Outcome == policy.Refused; free && (r.Cost != ledger.Known(0) || bare && r.Exposure.Known) {
			t.Errorf("call %d: what was refused costs $%s, and exposes $%s", n, r.Cost, r.Exposure)
		}
		switch r.Outcome {
		case policy.Ambiguous:
			sum.ambiguous++
		case policy.Partial:
			sum.partial++
		}
		if r.UsageSource == ledger.Measured {
			sum.measured++
			g, ok := generations[r.ResponseID]
			want := usageOf(g)
			if !ok || r.Usage.Input != want.Input || r.Usage.CachedInput != want.CachedInput || r.Usage.Output != want.Output ||
				r.Usage.Reasoning != want.Reasoning && g.Provider != "anthropic" || string(r.ServedTier) != standardName(g.Tier) {
				t.Errorf("call %d: the ledger measured %+v, the meter has %+v", n, r.Usage, g)
			}
			if r.Cost.Known && r.Cost.Pico != meter[n] {
				t.Errorf("call %d: the ledger says $%s, the meter $%s", n, r.Cost.Pico, meter[n])
			}
		}
		if r.Cost.Known {
			cost[n] += r.Cost.Pico
			total.Cost.Add(r.Cost.Pico)
		} else if !r.Exposure.Known {
			t.Errorf("call %d: neither cost nor exposure: %+v", n, r)
		}
		exposure[n] += r.Exposure.Pico
		total.Exposure.Add(r.Exposure.Pico)
		if r.Exposure.Pico < 0 || r.Cost.Pico < 0 {
			t.Errorf("call %d: negative money: %+v", n, r)
		}
	}
	for n := range sum.calls {
		if meter[n] > cost[n]+exposure[n] || meter[n] < cost[n] {
			t.Errorf("call %d: billed $%s, cost $%s and exposure $%s: %s", n, meter[n], cost[n], exposure[n], story(provider, store, n))
		}
	}
	if n := len(provider.Requests()); n > tries {
		t.Errorf("%d requests arrived, and the rows tell of %d", n, tries)
	}
	if got := store.Totals(); got.Cost != total.Cost || got.Exposure != total.Exposure {
		t.Errorf("rows add up to %+v, totals are %+v", total, got.Total)
	}
	sum.cost.AddSum(total.Cost)
	sum.exposure.AddSum(total.Exposure)
}

// story tells what became of a call, without what was asked.
func story(provider *llmtest.Server, store *ledger.Memory, n int) string {
	var b strings.Builder
	for _, r := range provider.Requests() {
		if m := number.FindSubmatch(r.Body); m != nil && string(m[1]) == strconv.Itoa(n) {
			fmt.Fprintf(&b, "\n\trequest %d: %s, %d, %s", r.N, r.Fault, r.Status, r.Path)
		}
	}
	for _, r := range store.Rows() {
		if r.Tags["n"] == strconv.Itoa(n) {
			fmt.Fprintf(&b, "\n\trow %s %d: %s %s %s, %d, cost $%s, exposure $%s, %s, sdk retry %d, %s", r.Call, r.Attempt, r.Outcome, r.Evidence, r.Reason, r.Status, r.Cost, r.Exposure, r.Unpriced, r.SDKRetry, r.At)
		}
	}
	return b.String()
}

func usageOf(g llmtest.Generation) price.Usage {
	return price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion, Reasoning: g.Reasoning}
}

// standardName turns a provider's name for a tier into the catalog's.
func standardName(tier string) string {
	if tier == "flex" || tier == "priority" {
		return tier
	}
	return "standard"
}
