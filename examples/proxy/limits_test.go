package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Budgets of the policy file hold, also over a restart with the same ledger, and the pages say how they stand.
func TestLimitsAndBudgets(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	dir := t.TempDir()
	policy := policyFile(t, "limits:\n  - {name: calls, per: [key], concurrency: 4}\nbudgets:\n  - {name: daily, per: [\"tag:tenant\"], every: day, cap_usd: \"2\"}\n")
	var spent price.Pico
	for range 2 {
		p := start(t, sim.URL, "-headers", "-policy", policy, "-ledger", dir)
		p.chat("one", "Skinflint-Tag", "tenant=acme", "Skinflint-Class", "batch")
		var got struct {
			Limits []struct {
				Limit, Figures string
				Busy           int
			} `json:"limits"`
			Budgets []struct {
				Name, Key string
				Cap       price.Pico `json:"cap_usd"`
				Spent     price.Pico `json:"spent_usd"`
				Held      price.Pico `json:"held_usd"`
			} `json:"budgets"`
		}
		text := do(t, "GET", p.url+"/debug/spend/limits.json", "").body
		if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Budgets) != 1 || len(got.Limits) != 1 {
			t.Fatalf("%v: %s", err, text)
		}
		b := got.Budgets[0]
		if b.Name != "daily" || !strings.Contains(b.Key, "acme") || b.Cap != price.MustUSD("2") || b.Spent <= spent || b.Held != 0 || got.Limits[0].Limit != "calls" || got.Limits[0].Figures != "4 at once" || got.Limits[0].Busy != 0 {
			t.Errorf("%s", text)
		}
		if total, _ := p.totals().Cost.Pico(); total != b.Spent {
			t.Errorf("the totals have $%s, the budget $%s", total, b.Spent)
		}
		spent = b.Spent
		for path, want := range map[string]string{
			"/metrics?":     `skinflint_limit_busy{limit="calls",match="`,
			"/metrics":      `skinflint_budget_spent_usd{budget="daily",key="tenant acme"} ` + spent.String() + "\n",
			"/debug/spend/": "<td>daily (tenant acme)</td><td class=\"n\">$2</td><td class=\"n\">$" + spent.String() + "</td>",
		} {
			if got := do(t, "GET", p.url+path, "").body; !strings.Contains(got, want) {
				t.Errorf("%s lacks %s:\n%s", path, want, got)
			}
		}
		p.stop()
	}
}
