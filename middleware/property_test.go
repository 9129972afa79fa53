package middleware_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// With any faults, a call is billed at most once. Measured rows agree with the meter, what is not known is within
// the exposure, and the rows add up to the totals.
func TestBilledAtMostOnce(t *testing.T) {
	seed := rand.Uint64()
	faults := []llmtest.Fault{
		llmtest.ResetBeforeAccept, llmtest.ResetAfterAccept, llmtest.CutStream, llmtest.ErrorInStream, llmtest.ServerError,
		llmtest.ServerErrorAfterWork, llmtest.Overloaded, llmtest.RateLimited, llmtest.QuotaExceeded, llmtest.FlexUnavailable,
		llmtest.BadRequest, llmtest.Stall, llmtest.RefusedStream, llmtest.GoAway, llmtest.ProtocolError, llmtest.ProtocolErrorAfterWork,
		llmtest.EarlyRateLimited, llmtest.StaleClose, llmtest.Slow, llmtest.RedirectSame, llmtest.RedirectAway, llmtest.TrickledError,
		llmtest.ShouldRetryFalse,
	}
	for _, http2 := range []bool{false, true} {
		billedAtMostOnce(t, seed, http2, faults)
	}
}

func billedAtMostOnce(t *testing.T, seed uint64, http2 bool, faults []llmtest.Fault) {
	cfg := llmtest.Config{
		HTTP2: http2, Flex: llmtest.Probability(20, seed), FlexModels: []string{"gpt-5", "gpt-5-mini"}, CachedPercent: 30, Seed: seed,
		RefuseDials: func(n int) bool { return n%5 == 3 },
		Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			if random.IntN(3) > 0 {
				return llmtest.NoFault
			}
			return faults[random.IntN(len(faults))]
		}),
	}
	p := policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, AttemptTimeout: time.Minute, Limits: []policy.Limit{{Concurrency: 2}}}
	synctest.Test(t, func(t *testing.T) {
		provider := llmtest.NewPipe(cfg)
		defer provider.Close()
		stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithBase(provider.Transport()), middleware.WithStore(ledger.NewMemory(100_000)))
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t, provider, stack, stack.Client()}
		random := rand.New(rand.NewPCG(seed, 1))
		for i := range 1000 {
			w.randomCall(i, random)
		}
		w.checkAccounts(seed)
		if err := stack.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// randomCall makes a call of some kind. It reads the answer, or gives up half way.
func (w *world) randomCall(i int, random *rand.Rand) {
	w.Helper()
	model := []string{"gpt-5", "gpt-5-mini", "gpt-4o"}[random.IntN(3)]
	body := fmt.Sprintf(`{"model":%q,"max_tokens":500,"stream":%v,"messages":[{"role":"user","content":"call %d %s"}]}`,
		model, random.IntN(2) == 0, i, strings.Repeat("again ", random.IntN(1200)))
	ctx, cancel := context.WithTimeout(w.Context(), time.Hour)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.provider.URL+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	if random.IntN(8) == 0 {
		io.ReadFull(resp.Body, make([]byte, random.IntN(300)+1))
		return
	}
	io.Copy(io.Discard, resp.Body)
}

// checkAccounts checks meter, rows and totals against each other.
func (w *world) checkAccounts(seed uint64) {
	w.Helper()
	billed := map[string]int{}
	for _, g := range w.provider.Meter() {
		if billed[g.Call]++; billed[g.Call] > 1 {
			w.Errorf("seed %d: a call was billed twice", seed)
		}
	}
	w.balance()
	w.bounded()
	rows, totals := w.stack.Rows(), w.stack.Totals()
	seen := map[string]bool{}
	var sum ledger.Total
	for _, r := range rows {
		if !seen[r.Call] {
			seen[r.Call] = true
			sum.Calls++
		}
		if r.Cost.Known {
			sum.Cost.Add(r.Cost.Pico)
		}
		if r.Exposure.Known {
			sum.Exposure.Add(r.Exposure.Pico)
		}
		if r.Cost.Known == (r.Unpriced != "") {
			w.Errorf("seed %d: a cost must be known, or it must be said why not: %+v", seed, r)
		}
	}
	if sum.Calls != totals.Calls || sum.Cost.Cmp(totals.Cost) != 0 || sum.Exposure.Cmp(totals.Exposure) != 0 || int64(len(rows)) < totals.Attempts {
		w.Errorf("seed %d: rows add up to %+v, totals say %+v", seed, sum, totals.Total)
	}
	if totals.Calls < 1000 || len(billed) < 400 {
		w.Errorf("seed %d: %d calls, %d billed", seed, totals.Calls, len(billed))
	}
}
