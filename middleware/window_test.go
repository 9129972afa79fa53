package middleware_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A background response within a completion window has the window's prices: a million tokens of input for gpt-6.1-sol cost
// $2.40 within 8 hours, and $4 without a window. A tier of the policy's is never combined with a window.
func TestCompletionWindow(t *testing.T) {
	const queued = `{"id":"resp_1","object":"response","status":"queued","background":true,"model":"gpt-6.1-sol","service_tier":"auto","usage":null}`
	done := func(tier, more string) string {
		return `{"id":"resp_1","object":"response","status":"completed","background":true,"model":"gpt-6.1-sol","service_tier":"` + tier + `"` + more + `,
			"usage":{"input_tokens":1000000,"output_tokens":1000,"total_tokens":1001000}}`
	}
	for _, x := range []struct {
		name, options, tier, done string
		asked                     policy.Tier
		cost, sent                string
	}{
		{name: "8 hours", options: `{"completion_window":"8h"}`, done: done("default", ""), asked: "window_8h", cost: "2.409"},
		{name: "2 hours", options: `{"completion_window":"2h"}`, done: done("default", ""), asked: "window_2h", cost: "2.8105"},
		{name: "an answer with its window", options: `{"completion_window":"8h"}`, done: done("default", `,"background_options":{"completion_window":"2h"}`), asked: "window_8h", cost: "2.8105"},
		{name: "an answer without a tier", options: `{"completion_window":"8h"}`, done: strings.Replace(done("default", ""), `"service_tier":"default",`, "", 1), asked: "window_8h", cost: "2.409"},
		{name: "standard by the body", options: `{"completion_window":"8h"}`, tier: `"service_tier":"default",`, done: done("default", ""), asked: "window_8h", cost: "2.409"},
		{name: "the soonest", options: `{"completion_window":"soonest"}`, done: done("flex", ""), asked: "flex", cost: "2.0075", sent: `"service_tier":"flex"`},
		{name: "null", options: `null`, done: done("flex", ""), asked: "flex", cost: "2.0075", sent: `"service_tier":"flex"`},
		{name: "a window that has no price", options: `{"completion_window":"24h"}`, done: done("default", ""), asked: "window_24h", cost: "unknown"},
		{name: "a tier beside the window", options: `{"completion_window":"8h"}`, tier: `"service_tier":"priority",`, done: done("priority", ""), asked: "priority+window_8h", cost: "unknown"},
	} {
		base := newScript(says(200, "application/json", queued), says(200, "application/json", x.done))
		stack := stackOver(t, base, policy.Policy{Tier: policy.Flex})
		body := `{"model":"gpt-6.1-sol","input":"hi","background":true,` + x.tier + `"background_options":` + x.options + `}`
		for _, r := range [][2]string{{http.MethodPost, responsesURL}, {http.MethodGet, responsesURL + "/resp_1"}} {
			req, _ := http.NewRequestWithContext(context.Background(), r[0], r[1], strings.NewReader(body))
			resp, err := stack.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		if sent := base.bodies[0]; x.sent == "" && sent != body || !strings.Contains(sent, x.sent) {
			t.Errorf("%s: sent %s", x.name, sent)
		}
		rows := stack.Rows()
		if last := rows[len(rows)-1]; rows[0].AskedTier != x.asked || last.Cost.String() != x.cost {
			t.Errorf("%s: asked for %q, cost %s (%s), want %q, %s", x.name, rows[0].AskedTier, last.Cost, last.Unpriced, x.asked, x.cost)
		}
	}
}

// The window's bound is within MaxCost's reach.
func TestCompletionWindowBound(t *testing.T) {
	stack := stackOver(t, newScript(says(200, "application/json", `{}`)), policy.Policy{})
	ctx := policy.With(t.Context(), policy.MaxCost(price.MustUSD("0.012")))
	body := `{"model":"gpt-6.1-sol","input":"hi","background":true,"max_output_tokens":1000,"background_options":{"completion_window":"8h"}}`
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, responsesURL, strings.NewReader(body))
	resp, err := stack.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// The result of a call of another process does not say which window it had, if any.
func TestCompletionWindowOfAnotherProcess(t *testing.T) {
	for model, want := range map[string][2]string{"gpt-6.1-sol": {"unknown", "0.012"}, "gpt-5": {"0.01125", "unknown"}} {
		answer := `{"id":"resp_1","status":"completed","background":true,"model":"` + model + `","service_tier":"default",
			"usage":{"input_tokens":1000,"output_tokens":1000,"total_tokens":2000}}`
		stack := stackOver(t, newScript(says(200, "application/json", answer)), policy.Policy{})
		req, _ := http.NewRequest(http.MethodGet, responsesURL+"/resp_1", http.NoBody)
		resp, err := stack.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if row := stack.Rows()[0]; row.Cost.String() != want[0] || row.Exposure.String() != want[1] || row.Cost.Known == (row.Unpriced != "") {
			t.Errorf("%s: cost %s, exposure %s (%s), want %v", model, row.Cost, row.Exposure, row.Unpriced, want)
		}
	}
}
