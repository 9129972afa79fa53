package middleware_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

const geminiBody = `{"contents":[{"parts":[{"text":"Who saves?"}]}],"generationConfig":{"maxOutputTokens":1000}}`

// A call that has too little time left for flex after it has waited for a limit is held for what standard costs.
func TestBudgetHoldsForTheTierAfterAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, MaxWait: time.Hour,
			Limits:  []policy.Limit{{RequestsPerMinute: 1, Burst: 1}},
			Budgets: []policy.Budget{{Name: "b", Window: 24 * time.Hour, Cap: price.MustUSD("0.0026")}}}
		answer := func(tier string) string {
			return strings.Replace(strings.Replace(geminiServed, `"candidatesTokenCount":20`, `"candidatesTokenCount":1000`, 1), `"usageMetadata":{`, `"usageMetadata":{"serviceTier":"`+tier+`",`, 1)
		}
		var bodies []string
		base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
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

// A call is held for what it costs after it has waited for a limit, if a price has risen meanwhile.
func TestBudgetHoldsForThePriceAfterAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := transport.RoundTripperFunc(says(200, jsonType, strings.Replace(served, `"completion_tokens":20`, `"completion_tokens":100`, 1)))
		book := new(price.Book)
		p := capOf("0.03")
		p.Limits = []policy.Limit{{RequestsPerMinute: 1, Burst: 1}}
		stack := stackOver(t, base, p, middleware.WithBook(book))
		mustDo(t, stack, "POST", openaiURL, boundedBody)
		var all sync.WaitGroup
		all.Go(func() { do(t, t.Context(), stack, "POST", openaiURL, boundedBody) })
		time.Sleep(time.Second)
		book.SetUser(catalogOf(t, "openai", `"gpt-5":{"periods":[{"source":"made up","tiers":{"standard":[{"usd_per_million":{"input":"100","output":"100"}}]}}]}`))
		all.Wait()
		s := stack.Budgets()[0]
		for _, r := range stack.Rows() {
			t.Logf("%v %v %s", r.Cost, r.Exposure, r.Unpriced)
		}
		if s.Spent > s.Budget.Cap {
			t.Errorf("%v", s)
		}
	})
}

// From CheapestPercent on, calls that have no cheaper tier are sent as before.
func TestBudgetCheapestWithoutTiers(t *testing.T) {
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
			base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
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

// The cheapest tier is that of those which the model does not reject.
func TestBudgetCheapestOfAModelWithoutFlex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			b, _ := io.ReadAll(r.Body)
			if strings.Contains(string(b), "flex") {
				return says(400, jsonType, `{"error":{"message":"Invalid service_tier argument: flex is not available for this model","type":"invalid_request_error","param":"service_tier","code":"invalid_service_tier"}}`)(r)
			}
			return says(200, jsonType, strings.Replace(served, `"completion_tokens":20`, `"completion_tokens":100`, 1))(r)
		})
		p := flexFirst
		p.Budgets = []policy.Budget{{Name: "b", Window: time.Hour, Cap: price.MustUSD("0.05"), CheapestPercent: 10}}
		stack := stackOver(t, base, p)
		ok := 0
		var last string
		for range 12 {
			text, err := do(t, t.Context(), stack, "POST", openaiURL, boundedBody)
			if err == nil && strings.Contains(text, "choices") {
				ok++
			} else {
				last = text
				if err != nil {
					last = err.Error()
				}
			}
		}
		s := stack.Budgets()[0]
		if ok < 12 {
			t.Errorf("%d of 12 calls were served, with %v: %s", ok, s, last)
		}
		for _, r := range stack.Rows() {
			t.Logf("%v %v %v %q", r.AskedTier, r.Outcome, r.Reason, r.Skipped)
		}
	})
}
