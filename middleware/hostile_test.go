package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

const geminiBody = `{"contents":[{"parts":[{"text":"Who saves?"}]}],"generationConfig":{"maxOutputTokens":1000}}`

// A call holds what flex costs, waits for a permit, has too little time for flex then, and is sent on standard, which costs more
// than what is held.
func TestFoeTierChangesAfterHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, MaxWait: time.Hour,
			Limits:  []policy.Limit{{RequestsPerMinute: 1, Burst: 1}},
			Budgets: []policy.Budget{{Name: "b", Window: 24 * time.Hour, Cap: price.MustUSD("0.0026")}}}
		answer := func(tier string) string {
			return strings.Replace(strings.Replace(geminiServed, `"candidatesTokenCount":20`, `"candidatesTokenCount":1000`, 1), `"usageMetadata":{`, `"usageMetadata":{"serviceTier":"`+tier+`",`, 1)
		}
		var bodies []string
		base := answerer(func(r *http.Request) (*http.Response, error) {
			b, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(b))
			tier := "standard"
			if strings.Contains(strings.ToLower(string(b)), "flex") {
				tier = "flex"
			}
			return says(200, jsonType, answer(tier))(r)
		})
		stack := stackOver(t, base, p)
		do(t, t.Context(), stack, "POST", geminiURL, geminiBody)
		before := stack.Budgets()[0]
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		_, err := do(t, ctx, stack, "POST", geminiURL, geminiBody)
		s := stack.Budgets()[0]
		t.Logf("err %v\nbefore %v\nafter %v\n%v", err, before, s, bodies)
		for _, r := range stack.Rows() {
			t.Logf("row %v %v cost %v exposure %v waited %d skipped %q", r.AskedTier, r.Outcome, r.Cost, r.Exposure, r.WaitMS, r.Skipped)
		}
		if s.Spent > s.Budget.Cap {
			t.Errorf("spent %v over the cap", s)
		}
	})
}

type answerer func(*http.Request) (*http.Response, error)

func (f answerer) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The bill of an attempt that has left the window counts as spent now, and under the tenant "".
func TestFoeResolveOfOldAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail := true
		base := answerer(func(r *http.Request) (*http.Response, error) {
			io.ReadAll(r.Body)
			if fail {
				return nil, errors.New("reset")
			}
			return says(200, jsonType, served)(r)
		})
		stack := stackOver(t, base, policy.Policy{MaxAttempts: 1, Budgets: []policy.Budget{
			{Name: "hour", Window: time.Hour, Cap: price.MustUSD("1")},
			{Name: "tenants", Per: []string{"tag:tenant"}, Window: time.Hour, Cap: price.MustUSD("1")}}})
		ctx := policy.With(t.Context(), policy.Tag("tenant", "acme"))
		do(t, ctx, stack, "POST", openaiURL, boundedBody)
		row := stack.Rows()[0]
		time.Sleep(3 * time.Hour)
		do(t, ctx, stack, "POST", openaiURL, boundedBody) // forgets the old one
		if err := stack.Resolve(row.Call, row.Attempt, price.MustUSD("0.9")); err != nil {
			t.Fatal(err)
		}
		for _, s := range stack.Budgets() {
			t.Log(s)
			if s.Spent > price.MustUSD("0.5") {
				t.Errorf("what was spent 3h ago counts in the last hour: %v", s)
			}
		}
	})
}

// From CheapestPercent on, calls that have no tiers are refused, although they have no dearer one.
func TestFoeCheapestRefusesCallsWithoutTier(t *testing.T) {
	for name, test := range map[string]struct{ url, body string }{
		"openai":                          {openaiURL, boundedBody},
		"openai tier default in the body": {openaiURL, strings.Replace(boundedBody, "{", `{"service_tier":"default",`, 1)},
		"openai auto":                     {openaiURL, strings.Replace(boundedBody, "{", `{"service_tier":"auto",`, 1)},
		"embeddings":                      {"https://api.openai.com/v1/embeddings", `{"model":"text-embedding-3-small","input":"x"}`},
		"anthropic":                       {"https://api.anthropic.com/v1/messages", `{"model":"claude-sonnet-4-5","max_tokens":10,"messages":[{"role":"user","content":"x"}]}`},
		"deepseek":                        {"https://api.deepseek.com/chat/completions", `{"model":"deepseek-chat","max_tokens":10,"messages":[{"role":"user","content":"x"}]}`},
		"gemini":                          {geminiURL, geminiBody},
	} {
		for _, p := range []policy.Policy{{}, {Tier: policy.Flex, Fallback: policy.Standard}, {Tier: policy.Standard}} {
			p.Budgets = []policy.Budget{{Name: "b", Window: time.Hour, Cap: price.MustUSD("1"), CheapestPercent: 1}}
			p.MaxAttempts = 1
			n := 0
			base := answerer(func(r *http.Request) (*http.Response, error) {
				n++
				io.ReadAll(r.Body)
				if n == 1 {
					return says(200, jsonType, strings.Replace(served, `"completion_tokens":20`, `"completion_tokens":3000`, 1))(r)
				}
				return says(200, jsonType, served)(r)
			})
			stack := stackOver(t, base, p)
			do(t, t.Context(), stack, "POST", openaiURL, `{"model":"gpt-5","max_tokens":3000,"messages":[{"role":"user","content":"Who saves?"}]}`)
			before := stack.Budgets()[0]
			_, err := do(t, t.Context(), stack, "POST", test.url, test.body)
			if n != 2 {
				t.Errorf("%s with tier %q: not sent: %v (%v)", name, p.Tier, err, before)
			}
		}
	}
}

type panickyLimiter struct{}

func (panickyLimiter) Wait(context.Context, *limit.Request) (limit.Permit, error) { panic("limiter") }

// A limiter of the program's own that panics: what the budget held before.
func TestFoeHoldsAfterLimiterPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := answerer(says(200, jsonType, served))
		rt := middleware.Budget(capOf("0.02"))(middleware.LimitBy(panickyLimiter{})(base))
		for range 30 {
			func() {
				defer func() { recover() }()
				do(t, t.Context(), rt, "POST", openaiURL, boundedBody)
			}()
		}
		rt2 := middleware.Budget(capOf("0.02"))
		_ = rt2
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var err error
		func() {
			defer func() {
				if v := recover(); v == nil {
					t.Errorf("it was not asked: %v", err)
				}
			}()
			_, err = do(t, ctx, rt, "POST", openaiURL, boundedBody)
		}()
	})
}

// A body that is never read nor closed keeps its hold; a body closed late; a cancelled context.
func TestFoeHoldsAfterCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := answerer(func(r *http.Request) (*http.Response, error) {
			io.ReadAll(r.Body)
			pr, _ := io.Pipe()
			context.AfterFunc(r.Context(), func() { pr.CloseWithError(r.Context().Err()) })
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {jsonType}}, Body: pr}, nil
		})
		stack := stackOver(t, base, capOf("0.1"))
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "POST", openaiURL, strings.NewReader(boundedBody))
		if _, err := stack.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(time.Minute)
		synctest.Wait()
		t.Log(stack.Budgets()[0])
		if stack.Budgets()[0].Held != 0 {
			t.Error("held for ever")
		}
	})
}

// SetPolicy that removes a budget and adds it again, with a store in memory and one call under way.
func TestFoeBudgetRemovedAndAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := answerer(func(r *http.Request) (*http.Response, error) {
			io.ReadAll(r.Body)
			time.Sleep(time.Second)
			return says(200, jsonType, served)(r)
		})
		stack := stackOver(t, base, capOf("0.1"))
		for range 5 {
			do(t, t.Context(), stack, "POST", openaiURL, boundedBody)
		}
		var wg sync.WaitGroup
		wg.Go(func() { do(t, t.Context(), stack, "POST", openaiURL, boundedBody) })
		time.Sleep(time.Millisecond)
		before := stack.Budgets()[0]
		if err := stack.SetPolicy(policy.Policy{}); err != nil {
			t.Fatal(err)
		}
		if err := stack.SetPolicy(capOf("0.1")); err != nil {
			t.Fatal(err)
		}
		after := stack.Budgets()[0]
		wg.Wait()
		end := stack.Budgets()[0]
		total, _ := stack.Totals().Cost.Pico()
		t.Logf("before %v\nafter %v\nend %v\nledger %v", before, after, end, total)
		if end.Spent != total {
			t.Errorf("spent %v, ledger %v", end.Spent, total)
		}
	})
}

// Explain for what is no Billable call: limits and budgets that match.
func TestFoeExplainOfObserved(t *testing.T) {
	base := answerer(says(200, jsonType, served))
	p := capOf("0.0000001")
	p.Limits = []policy.Limit{{Name: "mine", Concurrency: 1}}
	stack := stackOver(t, base, p)
	for _, url := range []string{"https://api.openai.com/v1/images/generations", "https://api.openai.com/v1/batches", "https://api.openai.com/v1/audio/speech", cachesURL, openaiURL} {
		req, _ := http.NewRequest("POST", url, strings.NewReader(boundedBody))
		e, err := stack.Explain(req)
		_, real := do(t, t.Context(), stack, "POST", url, boundedBody)
		t.Logf("%s: explain err %v, limits %q budgets %q refused %q; really %v", url, err, e.Limits, e.Budgets, e.Refused, real)
		if real != nil && e.Refused == "" {
			t.Errorf("%s: Explain says that it would be sent, and it is refused: %v", url, real)
		}
	}
}

var _ = fmt.Sprint
