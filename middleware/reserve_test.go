package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// capOf is a policy with one budget for a day.
func capOf(usd string) policy.Policy {
	return policy.Policy{Budgets: []policy.Budget{{Name: "daily", Window: 24 * time.Hour, Cap: price.MustUSD(usd)}}}
}

// Where a budget is spent, calls are refused before they are sent, and the refusal has all figures.
func TestBudgetRefuses(t *testing.T) {
	inWorld(t, llmtest.Config{}, capOf("0.02"), func(w *world) {
		served := 0
		var err error
		for range 100 {
			var status int
			if status, _, err = w.call(w.Context(), boundedBody); err != nil {
				break
			}
			if status == 200 {
				served++
			}
		}
		var refusal *middleware.Error
		var overspent *budget.Error
		if !errors.Is(err, middleware.ErrBudget) || !errors.As(err, &refusal) || !errors.As(err, &overspent) {
			t.Fatalf("%d calls were served, and then: %v", served, err)
		}
		w.wantBilled(served)
		state := w.stack.Budgets()[0]
		if overspent.Budget != "daily" || overspent.Spent != state.Spent || overspent.Cap != price.MustUSD("0.02") || state.Held != 0 {
			t.Errorf("%+v, and the state is %+v", overspent, state)
		}
		if total, ok := w.stack.Totals().Cost.Pico(); !ok || total != state.Spent || state.Spent > state.Budget.Cap {
			t.Errorf("the ledger has $%v, the budget $%v", w.stack.Totals().Cost, state.Spent)
		}
		if refusal.Wait <= 23*time.Hour || refusal.Wait > 25*time.Hour || !strings.Contains(err.Error(), "daily") {
			t.Errorf("%v, wait %v", err, refusal.Wait)
		}
		time.Sleep(25 * time.Hour) // in the bubble
		if status, _, err := w.call(w.Context(), boundedBody); status != 200 {
			t.Errorf("a day later: %d %v", status, err)
		}
	})
}

// An attempt waits while it is only what others hold that is in its way.
func TestBudgetWaitsForHolds(t *testing.T) {
	inWorld(t, llmtest.Config{}, capOf("0.012"), func(w *world) {
		var mu sync.Mutex
		statuses := map[int]int{}
		var all sync.WaitGroup
		for range 5 { // each may cost half of it, and costs less
			all.Go(func() {
				status, _, err := w.call(w.Context(), `{"model":"gpt-5","max_tokens":20,"messages":[{"role":"user","content":"Who waits?"}]}`)
				if err != nil {
					status = -1
				}
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			})
		}
		all.Wait()
		if statuses[200] < 3 {
			t.Errorf("%v", statuses)
		}
		if s := w.stack.Budgets()[0]; s.Held != 0 || s.Spent > s.Budget.Cap {
			t.Errorf("%+v", s)
		}
	})
}

// A thousand concurrent calls, of which 30 % meet a fault: the meter never passes the cap, most of it is spent, and nothing is held
// at the end. Faults after which it is not known whether the call was billed leave an exposure, which counts as spent.
func TestBudgetHolds(t *testing.T) {
	for name, faults := range map[string][]llmtest.Fault{
		"free faults": {llmtest.RateLimited, llmtest.EarlyRateLimited, llmtest.ShouldRetryFalse},
		"all faults":  {llmtest.RateLimited, llmtest.ServerError, llmtest.ResetAfterAccept, llmtest.CutStream},
	} {
		t.Run(name, func(t *testing.T) { holdsBudget(t, faults, name == "free faults") })
	}
}

func holdsBudget(t *testing.T, faults []llmtest.Fault, free bool) {
	cap := price.MustUSD("5")
	r := rand.New(rand.NewPCG(14, 1))
	script := make([]llmtest.Fault, 8192)
	for i := range script {
		if r.IntN(100) < 30 {
			script[i] = faults[r.IntN(len(faults))]
		}
	}
	p := capOf("5")
	p.Tier, p.MaxWait = policy.Standard, time.Hour
	cfg := llmtest.Config{Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault { return script[n%len(script)] })}
	inWorld(t, cfg, p, func(w *world) {
		var all sync.WaitGroup
		for i := range 1000 {
			all.Go(func() {
				body := fmt.Sprintf(`{"model":"gpt-5.4-pro","stream":%t,"max_tokens":%d,"messages":[{"role":"user","content":"Call %d %s"}]}`,
					i%2 == 0, 200+i%7*10, i, strings.Repeat("word ", i%50))
				w.call(w.Context(), body)
			})
		}
		all.Wait()
		w.bounded()
		state := w.stack.Budgets()[0]
		spent := meterCost(t, w.provider.Meter())
		totals := w.stack.Totals()
		t.Logf("meter $%v, spent $%v of it exposed $%v, ledger $%v + $%v", spent, state.Spent, state.Exposure, totals.Cost, totals.Exposure)
		meter, ok := spent.Pico()
		if !ok || meter > cap || state.Spent > cap || state.Held != 0 {
			t.Errorf("the meter has $%v, the budget %+v", spent, state)
		}
		if state.Spent < cap/10*8 || free && meter < cap/10*8 {
			t.Errorf("only $%v of $%v were spent, $%v by the meter", state.Spent, cap, spent)
		}
	})
}

// meterCost returns what a meter's generations cost, by the catalog.
func meterCost(t *testing.T, meter []llmtest.Generation) (sum price.Sum) {
	t.Helper()
	for _, g := range meter {
		tier := g.Tier
		if tier == "default" {
			tier = "standard"
		}
		cost, err := price.Embedded().Cost(price.Query{Provider: "openai", Model: g.Model, Tier: tier, At: g.At},
			price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion})
		if err != nil {
			t.Fatal(err)
		}
		sum.Add(cost.Cost)
	}
	return sum
}

// Nested budgets all hold, and each tenant has one of its own.
func TestBudgetPerTenant(t *testing.T) {
	p := policy.Policy{Budgets: []policy.Budget{
		{Name: "all", Every: policy.EveryDay, Cap: price.MustUSD("1")},
		{Name: "tenants", Per: []string{"tag:tenant"}, Every: policy.EveryDay, Cap: price.MustUSD("0.01")},
	}}
	inWorld(t, llmtest.Config{}, p, func(w *world) {
		for _, tenant := range []string{"acme", "bolt"} {
			ctx := policy.With(w.Context(), policy.Tag("tenant", tenant))
			var err error
			n := 0
			for err == nil && n < 50 {
				_, _, err = w.call(ctx, boundedBody)
				n++
			}
			var overspent *budget.Error
			if !errors.As(err, &overspent) || overspent.Budget != "tenants" || !strings.Contains(overspent.Key, tenant) || n < 2 {
				t.Errorf("%s after %d calls: %v", tenant, n, err)
			}
		}
		var sum price.Pico
		for _, s := range w.stack.Budgets() {
			if s.Budget.Name == "tenants" {
				sum += s.Spent
			}
		}
		if all := w.stack.Budgets()[0]; all.Budget.Name != "all" || all.Spent != sum {
			t.Errorf("%+v, and the tenants have $%v", all, sum)
		}
	})
}

// From a share of the cap on, calls ask only for the cheapest tier of their plan, and the row says so.
func TestBudgetCheapestOnly(t *testing.T) {
	p := capOf("0.02")
	p.Budgets[0].CheapestPercent = 1
	p.Tier, p.Fallback = policy.Standard, policy.Flex
	inWorld(t, llmtest.Config{}, p, func(w *world) {
		for range 3 {
			if status, _, err := w.call(w.Context(), boundedBody); status != 200 {
				t.Fatal(status, err)
			}
		}
		rows := w.stack.Rows()
		if rows[0].AskedTier != policy.Standard || rows[2].AskedTier != policy.Flex || !strings.Contains(rows[2].Skipped, "daily") {
			t.Errorf("%v %v %q", rows[0].AskedTier, rows[2].AskedTier, rows[2].Skipped)
		}
	})
}

// A call without a bound is refused by a budget, as by MaxCost, and the error says why.
func TestBudgetNeedsBound(t *testing.T) {
	for name, body := range map[string]string{
		"no price": `{"model":"unknown-model","max_tokens":5,"messages":[{"role":"user","content":"x"}]}`,
		"unknown":  `{"model":"gpt-5","max_tokens":5,"frobnicate":7,"messages":[{"role":"user","content":"x"}]}`,
	} {
		inWorld(t, llmtest.Config{}, capOf("1"), func(w *world) {
			_, _, err := w.call(w.Context(), body)
			var overspent *budget.Error
			if !errors.As(err, &overspent) || overspent.NoBound == "" || len(w.provider.Requests()) > 0 {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// What a failed call may have cost counts, until a bill says otherwise.
func TestBudgetExposureIsResolved(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept)}, capOf("1"), func(w *world) {
		w.call(w.Context(), boundedBody)
		row := w.stack.Rows()[0]
		state := w.stack.Budgets()[0]
		if state.Exposure == 0 || state.Exposure != row.Exposure.Pico || state.Spent != state.Exposure {
			t.Fatalf("%+v, and the row has %v", state, row.Exposure)
		}
		if err := w.stack.Resolve(row.Call, row.Attempt, price.MustUSD("0.0001")); err != nil {
			t.Fatal(err)
		}
		if state = w.stack.Budgets()[0]; state.Exposure != 0 || state.Spent != price.MustUSD("0.0001") {
			t.Errorf("%+v", state)
		}
	})
}

// A new stack over the same ledger counts what was spent before.
func TestBudgetReloads(t *testing.T) {
	store := ledger.NewMemory(0)
	var spent price.Pico
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.NoFault, llmtest.ResetAfterAccept)}, capOf("1"), func(w *world) {
		for range 3 {
			w.call(w.Context(), boundedBody)
		}
		spent = w.stack.Budgets()[0].Spent
		again, err := middleware.New(middleware.WithPolicy(capOf("1")), middleware.WithStore(store))
		if err != nil {
			t.Fatal(err)
		}
		if got := again.Budgets()[0]; got.Spent != spent || spent == 0 || got.Exposure == 0 {
			t.Errorf("$%v were spent, and after a restart the budget has %+v", spent, got)
		}
	}, middleware.WithStore(store))
}

// A budget that a new policy adds counts what the ledger has of its window. One that stays keeps what it has.
func TestBudgetsOfNewPolicy(t *testing.T) {
	inWorld(t, llmtest.Config{}, capOf("1"), func(w *world) {
		if err := w.simpleBounded(); err != nil {
			t.Fatal(err)
		}
		p := capOf("2")
		p.Budgets = append(p.Budgets, policy.Budget{Name: "hourly", Every: policy.EveryHour, Cap: price.MustUSD("1")})
		if err := w.stack.SetPolicy(p); err != nil {
			t.Fatal(err)
		}
		states := w.stack.Budgets()
		if len(states) != 2 || states[0].Spent == 0 || states[0].Spent != states[1].Spent || states[0].Budget.Cap != price.MustUSD("2") {
			t.Errorf("%+v", states)
		}
	})
}

func (w *world) simpleBounded() error {
	status, _, err := w.call(w.Context(), boundedBody)
	if err == nil && status != 200 {
		err = fmt.Errorf("status %d", status)
	}
	return err
}

// The link alone, outside of a Stack, keeps the budgets of its policy, for all chains that it is in.
func TestBudgetLinkAlone(t *testing.T) {
	link := middleware.Budget(capOf("0.01"))
	base := answering()
	served := 0
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		var got string
		if got, err = chat(t, t.Context(), transport.Chain(base, link), boundedBody); got != "" {
			served++
		}
	}
	if !errors.Is(err, middleware.ErrBudget) || served < 2 {
		t.Errorf("%d served, then %v", served, err)
	}
}

// Explain names the budgets of a call and how they stand.
func TestExplainBudgets(t *testing.T) {
	inWorld(t, llmtest.Config{}, capOf("1"), func(w *world) {
		if err := w.simpleBounded(); err != nil {
			t.Fatal(err)
		}
		e, err := w.stack.Explain(w.request(w.Context(), boundedBody))
		if err != nil || len(e.Budgets) != 1 || !strings.Contains(e.Budgets[0], "daily") || !strings.Contains(e.String(), "budget") {
			t.Errorf("%v %v\n%v", e.Budgets, err, e)
		}
	})
}

// Limits on tokens hold calls back by what they are estimated to use, and give back what they do not.
func TestTokenLimit(t *testing.T) {
	p := policy.Policy{Limits: []policy.Limit{{TokensPerMinute: 6000, TokenBurst: 1000}}}
	inWorld(t, llmtest.Config{}, p, func(w *world) {
		body := `{"model":"gpt-5","max_tokens":900,"messages":[{"role":"user","content":"Who saves?"}]}`
		took := w.inOrder(4, func(int) error {
			status, _, err := w.call(w.Context(), body)
			if err == nil && status != 200 {
				err = fmt.Errorf("status %d", status)
			}
			return err
		})
		if took[0] != 0 || took[3] < 5 || !slices.IsSorted(took) {
			t.Errorf("answered after %v", took)
		}
		_, _, err := w.call(w.Context(), `{"model":"gpt-5","max_tokens":9000,"messages":[{"role":"user","content":"Too large?"}]}`)
		if !errors.Is(err, middleware.ErrLimit) || !strings.Contains(err.Error(), "it needs 9000 tokens, and our limit allows 6000 per minute") {
			t.Errorf("%v", err)
		}
	})
}

// The context and rules set the class of a call.
func TestClass(t *testing.T) {
	p := policy.Policy{
		Limits: []policy.Limit{{RequestsPerMinute: 60, Burst: 1}},
		Rules:  []policy.Rule{{Match: policy.Match{Tags: map[string]string{"job": "nightly"}}, Set: policy.Policy{Class: policy.ClassBatch}}},
	}
	inWorld(t, llmtest.Config{}, p, func(w *world) {
		took := w.inOrder(6, func(i int) error {
			ctx := w.Context()
			if i > 0 && i < 4 {
				ctx = policy.With(ctx, policy.Tag("job", "nightly"))
			}
			status, _, err := w.call(ctx, chatBody)
			if err == nil && status != 200 {
				err = fmt.Errorf("status %d", status)
			}
			return err
		})
		if want := []float64{0, 3, 4, 5, 1, 2}; !slices.Equal(took, want) {
			t.Errorf("answered after %v, want %v", took, want)
		}
	})
}

// A call with a deadline is refused at once where a rate would keep it longer, and the row says which limit it was.
func TestKeyedLimits(t *testing.T) {
	p := policy.Policy{Limits: []policy.Limit{{Per: []string{"key", "model"}, RequestsPerMinute: 1, Burst: 1}}}
	inWorld(t, llmtest.Config{}, p, func(w *world) {
		ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
		defer cancel()
		send := func(key, body string) error {
			req := w.request(ctx, body)
			req.Header.Set("Authorization", "Bearer "+key)
			resp, err := w.client.Do(req)
			if err == nil {
				err = resp.Body.Close()
			}
			return err
		}
		other := strings.Replace(chatBody, "gpt-5", "gpt-5-mini", 1)
		for _, try := range []struct{ key, body string }{{"sk-a", chatBody}, {"sk-b", chatBody}, {"sk-a", other}} {
			if err := send(try.key, try.body); err != nil {
				t.Error(err)
			}
		}
		start := time.Now()
		err := send("sk-a", chatBody)
		if !errors.Is(err, middleware.ErrLimit) || time.Since(start) > 0 || strings.Contains(err.Error(), "sk-a") {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		for _, s := range w.stack.Limits() {
			if strings.Contains(fmt.Sprint(s), "sk-") {
				t.Errorf("a state has a key: %v", s)
			}
		}
	})
}

// A limiter of the program's own gets requests with what it needs, and what they count for in the end.
func TestWithLimiter(t *testing.T) {
	own := new(recordingLimiter)
	option := middleware.WithLimiter(func(limits []policy.Limit, budgets []policy.Budget) (limit.Limiter, error) {
		if len(limits) != 1 || len(budgets) != 1 {
			return nil, errors.New("not the policy's")
		}
		return own, nil
	}, "salt")
	p := capOf("1")
	p.Limits = []policy.Limit{{TokensPerMinute: 1000}}
	inWorld(t, llmtest.Config{}, p, func(w *world) {
		if err := w.simpleBounded(); err != nil {
			t.Fatal(err)
		}
		r, c := own.request, own.count
		if !r.Cost.Known || r.Tokens.Input == 0 || r.Call == "" || r.Attempt != 1 || c.Row == nil || c.Requests != 1 || c.Row.Call != r.Call {
			t.Errorf("%+v\n%+v", r, c)
		}
	}, option)
	if _, err := middleware.New(middleware.WithLimiter(nil, "salt")); err == nil {
		t.Error("a nil func is accepted")
	}
	if _, err := middleware.New(option, middleware.WithPolicy(policy.Policy{Limits: p.Limits})); err == nil {
		t.Error("the func's error is lost")
	}
}

// A recordingLimiter admits all, and records.
type recordingLimiter struct {
	request limit.Request
	count   limit.Count
}

func (l *recordingLimiter) Wait(_ context.Context, r *limit.Request) (limit.Permit, error) {
	l.request = *r
	return l, nil
}

func (l *recordingLimiter) Release(c limit.Count) { l.count = c }
