package main

import (
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// TestBudget spends a budget in two runs. What the first one has spent counts in the second.
func TestBudget(t *testing.T) {
	sim := provider(t, llmtest.Config{Flex: llmtest.Schedule("..x")})
	const lines = 160
	args, _ := requests(t, chatLines(lines)...)
	args = append(args, "-patience", "0s", "-parallel", "8")
	for _, c := range []struct {
		budget string
		most   price.Pico
	}{{"0.004", price.MustUSD("0.004")}, {"0.008", price.MustUSD("0.008")}} {
		r := drive(t, sim.Transport(), append(args, "-budget", c.budget)...)
		if r.code != exitBudget || r.sum.Left == 0 || r.sum.BudgetRefused == 0 || r.sum.Failed > 0 {
			t.Errorf("-budget %s: code %d, %+v\n%s", c.budget, r.code, r.sum, r.stderr)
		}
		r.says(t, "the budget is used up", "$"+strings.TrimRight(c.budget, "0"), "lines are left")
		m, err := readMeter(sim)
		if err != nil {
			t.Fatal(err)
		}
		spent, _ := m.cost.Pico()
		if spent > c.most || spent < c.most/10*8 {
			t.Errorf("-budget %s: $%s was spent", c.budget, spent)
		}
	}
	r := drive(t, sim.Transport(), args...)
	if r.code != exitDone || r.sum.Done+r.sum.Resumed != lines || twice(t, sim) > 0 {
		t.Errorf("code %d, %+v", r.code, r.sum)
	}
}

// TestBudgetOfOneLine has lines that the budget can never pay for, or whose cost has no bound. The others are answered.
func TestBudgetOfOneLine(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	args, out := requests(t,
		strings.Replace(chatLine("dear"), `"max_completion_tokens":100`, `"max_completion_tokens":100000`, 1),
		strings.Replace(chatLine("unknown"), "gpt-5-mini", "no-such-model", 1),
		chatLine("cheap"))
	r := drive(t, sim.Transport(), append(args, "-budget", "0.01", "-ordered")...)
	r.want(t, want{code: exitFailed, done: 1, failed: 2})
	all := answers(t, out)
	for i, text := range []string{"the cap is $0.01", "it is not known what it can cost at most"} {
		if a := all[i]; a.Error == nil || a.Error.Code != "budget" || !strings.Contains(a.Error.Message, text) || a.MaybePaid {
			t.Errorf("%+v: %+v", a, a.Error)
		}
	}
	if len(sim.Requests()) != 1 {
		t.Errorf("%d requests", len(sim.Requests()))
	}
}
