package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A call is sent only if it cannot cost more than its limit.
func TestMaxCost(t *testing.T) {
	for _, test := range []struct {
		name, body string
		most       string
		sent       bool
	}{
		{"enough", `{"max_tokens":100,` + chatBody[1:], "0.01", true},
		{"a little", `{"max_tokens":100,` + chatBody[1:], "0.001", false},
		{"without max_tokens the model's own limit counts", chatBody, "0.1", false},
		{"unknown model", `{"max_tokens":1,"model":"mystery","messages":[1]}`, "100", false},
		{"refers to an image", `{"max_tokens":1,"model":"gpt-5","messages":[{"image_url":"https://x"}]}`, "0.1", false},
		{"several choices", `{"max_tokens":100,"n":10,` + chatBody[1:], "0.01", false},
		{"zero", chatBody, "0", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
				status, _, err := w.call(policy.With(w.Context(), policy.MaxCost(price.MustUSD(test.most))), test.body)
				if test.sent && (status != 200 || err != nil) || !test.sent && !errors.Is(err, middleware.ErrCost) {
					t.Errorf("%d, %v", status, err)
				}
				if !test.sent {
					w.wantRows("0 refused")
					w.wantBilled(0)
				}
			})
		})
	}
}

// With a cost limit, attempts that may have been billed are repeated only while the limit covers all of them.
func TestMaxCostBoundsDoubleBilling(t *testing.T) {
	faults := llmtest.ScriptFunc(func(int) llmtest.Fault { return llmtest.ServerErrorAfterWork })
	inWorld(t, llmtest.Config{Faults: faults}, policy.Policy{AllowDoubleBilling: true}, func(w *world) {
		body := `{"max_tokens":100,` + chatBody[1:]
		e, err := w.stack.Explain(w.request(w.Context(), body))
		if err != nil || e.Worst == nil {
			t.Fatal(e, err)
		}
		w.call(policy.With(w.Context(), policy.MaxCost(*e.Worst*3)), body)
		w.wantBilled(3)
		w.bounded()
	})
}

// A call whose tier was rejected is sent without it, which may cost more. The cost limit holds for that as well.
func TestMaxCostWithoutTheTier(t *testing.T) {
	base := newScript(
		says(400, "application/json", `{"error":{"message":"no flex","param":"service_tier"}}`), says(200, "application/json", served),
	)
	stack := stackOver(t, base, policy.Policy{Tier: policy.Flex})
	body := `{"max_tokens":1000,` + chatBody[1:]
	_, err := chat(t, policy.With(t.Context(), policy.MaxCost(price.MustUSD("0.0115"))), stack, body)
	var refusal *middleware.Error
	if !errors.As(err, &refusal) || !errors.Is(err, middleware.ErrCost) || refusal.Attempts != 1 {
		t.Errorf("%v", err)
	}
	if len(base.bodies) != 1 {
		t.Errorf("sent %d times", len(base.bodies))
	}
	if rows := stack.Rows(); len(rows) != 2 || rows[1].Outcome != policy.Refused || rows[1].Attempt != 2 {
		t.Errorf("%+v", rows)
	}
}

// A call with tools that are charged by use has no bound, so a cost limit refuses it. Without a limit its row says that
// the exposure is without tools.
func TestMaxCostOfTools(t *testing.T) {
	for name, test := range map[string]struct{ url, body string }{
		"OpenAI":    {"https://api.openai.com/v1/responses", `{"model":"gpt-5-nano","max_output_tokens":10,"tools":[{"type":"web_search"}]}`},
		"Gemini":    {geminiURL, `{"generationConfig":{"maxOutputTokens":10},"tools":[{"googleSearch":{}}]}`},
		"Anthropic": {"https://api.anthropic.com/v1/messages", `{"model":"claude-haiku-4-5","max_tokens":10,"tools":[{"type":"web_search_20250305","name":"web_search"}]}`},
	} {
		stack := stackOver(t, transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New("reset") }), policy.Policy{})
		ask := func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, test.url, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			_, err = stack.RoundTrip(req)
			return err
		}
		if err := ask(policy.With(t.Context(), policy.MaxCost(1e12))); !errors.Is(err, middleware.ErrCost) || !strings.Contains(err.Error(), "tools") {
			t.Errorf("%s: with a limit: %v", name, err)
		}
		if err := ask(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
		row := stack.Rows()[1]
		if row.Outcome != policy.Ambiguous || row.Exposure.Pico <= 0 || !strings.Contains(row.Unpriced, "without what tools") {
			t.Errorf("%s: %s, exposure %v, %q", name, row.Outcome, row.Exposure, row.Unpriced)
		}
	}
}

// Budget refuses a call without the help of other links.
func TestBudgetAlone(t *testing.T) {
	server := llmtest.NewServer(llmtest.Config{})
	defer server.Close()
	rt := transport.Chain(server.Transport(), middleware.Budget(policy.Policy{}))
	if _, err := send(t, rt, server.URL, policy.MaxCost(price.MustUSD("0.000001"))); !errors.Is(err, middleware.ErrCost) {
		t.Error(err)
	}
}

// The body names its tier, flex, and the limit covers that. Without a Tier link the tier cannot become another one.
func TestMaxCostOfTheBodysTier(t *testing.T) {
	base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, r.Body)
		return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(`{}`))}, nil
	})
	for _, usd := range []string{"0.0106", "0.015", "0.03"} {
		for name, rt := range map[string]http.RoundTripper{
			"budget":            transport.Chain(base, middleware.Budget(policy.Policy{})),
			"budget+retry":      transport.Chain(base, middleware.Budget(policy.Policy{}), middleware.Retry(policy.Policy{})),
			"budget+retry+tier": transport.Chain(base, middleware.Budget(policy.Policy{}), middleware.Retry(policy.Policy{}), middleware.Tier(policy.Policy{})),
		} {
			ctx := policy.With(t.Context(), policy.MaxCost(price.MustUSD(usd)))
			req, _ := http.NewRequestWithContext(ctx, "POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","service_tier":"flex","max_completion_tokens":1000,"messages":[{"role":"user","content":"hi"}]}`))
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Errorf("%s, $%s: %v", name, usd, err)
				continue
			}
			resp.Body.Close()
		}
	}
}

// Of links alone, the budget holds money for the tier that the attempt asks for after its wait for a limit, and not for the one
// before.
func TestBudgetHoldsAfterTheLimitsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := func(tier string) string {
			return strings.Replace(strings.Replace(geminiServed, `"candidatesTokenCount":20,"totalTokenCount":30`, `"candidatesTokenCount":1000,"totalTokenCount":1010`, 1), `"usageMetadata":{`, `"usageMetadata":{"serviceTier":"`+tier+`",`, 1)
		}
		base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			b, _ := io.ReadAll(r.Body)
			tier := "standard"
			if strings.Contains(strings.ToLower(string(b)), "flex") {
				tier = "flex"
			}
			return says(200, jsonType, answer(tier))(r)
		})
		rows := ledger.NewMemory(0)
		limit := price.MustUSD("0.0026") // twice on flex, but not once on flex and once on standard
		rt := transport.Chain(base, middleware.Ledger(rows),
			middleware.Tier(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}),
			middleware.Budget(policy.Policy{Budgets: []policy.Budget{{Name: "b", Window: 24 * time.Hour, Cap: limit}}}),
			middleware.Limit(policy.Limit{RequestsPerMinute: 1, Burst: 1}))
		do(t, t.Context(), rt, "POST", geminiURL, geminiBody)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second) // it waits for a minute, and then it is too late for flex
		defer cancel()
		if _, err := do(t, ctx, rt, "POST", geminiURL, geminiBody); !errors.Is(err, middleware.ErrBudget) {
			t.Errorf("%v", err)
		}
		var sum price.Pico
		for _, r := range rows.Rows() {
			sum += r.Cost.Pico + r.Exposure.Pico
		}
		if all := rows.Rows(); sum == 0 || sum > limit || len(all) != 2 || all[1].WaitMS != 60_000 {
			t.Errorf("$%v of $%v: %+v", sum, limit, all)
		}
	})
}
