package main

import (
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// at is the time of the generations.
var at = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func generation(id string, in, out int64) llmtest.Generation {
	return llmtest.Generation{ID: id, Provider: "openai", Model: "gpt-5", Tier: "flex", At: at, Prompt: in, Completion: out}
}

// measured returns the row of a generation on flex, where a million tokens of gpt-5 cost $0.625 and $5.
func measured(id string, in, out int64) ledger.Row {
	return ledger.Row{
		ResponseID: id, Outcome: policy.Billed, ServedTier: policy.Flex, UsageSource: ledger.Measured,
		Usage: price.Usage{Input: in, Output: out}, Cost: ledger.Known(price.Pico(in*625_000 + out*5_000_000)),
	}
}

// TestAgree has ledgers that differ from the meter.
func TestAgree(t *testing.T) {
	meter := []llmtest.Generation{generation("a", 7, 5), generation("b", 9, 3)}
	a, b := measured("a", 7, 5), measured("b", 9, 3)
	free := ledger.Row{Outcome: policy.Rejected, UsageSource: ledger.None, Cost: ledger.Known(0)}
	paidFree := ledger.Row{Outcome: policy.Rejected, UsageSource: ledger.None, Cost: ledger.Known(1)}
	openFree := ledger.Row{Outcome: policy.Rejected, UsageSource: ledger.None, Exposure: ledger.Known(1)}
	lost := ledger.Row{Outcome: policy.Ambiguous, UsageSource: ledger.Unknown, Exposure: ledger.Known(price.USD)}
	unknown := ledger.Row{ResponseID: "b", Outcome: policy.Billed, UsageSource: ledger.Unknown, Exposure: ledger.Known(price.USD)}
	for name, c := range map[string]struct {
		rows []ledger.Row
		want string
	}{
		"the same":       {[]ledger.Row{free, a, free, b}, ""},
		"without one":    {[]ledger.Row{a, lost}, ""},
		"one too few":    {[]ledger.Row{a, free}, "2 generations"},
		"one too many":   {[]ledger.Row{a, b, lost}, "although nothing was billed"},
		"another usage":  {[]ledger.Row{a, measured("b", 9, 4)}, "another usage"},
		"another order":  {[]ledger.Row{measured("b", 7, 5), measured("a", 9, 3)}, "another answer"},
		"no usage":       {[]ledger.Row{a, unknown}, "not known"},
		"nothing's cost": {[]ledger.Row{a, paidFree, b}, "costs something"},
		"nothing's risk": {[]ledger.Row{a, openFree, b}, "costs something"},
	} {
		err := (&rowStore{rows: c.rows}).agree(meter)
		says(t, name, err, c.want)
	}
}

// TestSame has a row that differs from its generation: 900 tokens in, 400 of them cached, and 30 out, which on flex cost
// 500 * 0.625 + 400 * 0.0625 + 30 * 5 millionths of a dollar.
func TestSame(t *testing.T) {
	const cost = price.Pico(487_500_000)
	g := generation("a", 900, 30)
	g.Cached, g.Reasoning = 400, 10
	row := measured("a", 500, 30)
	row.Usage.CachedInput, row.Usage.Reasoning, row.Cost = 400, 10, ledger.Known(cost)
	for name, c := range map[string]struct {
		change func(*ledger.Row, *llmtest.Generation)
		want   string
	}{
		"the same":          {func(*ledger.Row, *llmtest.Generation) {}, ""},
		"another id":        {func(r *ledger.Row, _ *llmtest.Generation) { r.ResponseID = "b" }, "another answer"},
		"no id":             {func(r *ledger.Row, _ *llmtest.Generation) { r.ResponseID = "" }, "another answer"},
		"wrong output":      {func(r *ledger.Row, _ *llmtest.Generation) { r.Usage.Output++ }, "another usage"},
		"wrong reasoning":   {func(r *ledger.Row, _ *llmtest.Generation) { r.Usage.Reasoning++ }, "another usage"},
		"cached as plain":   {func(r *ledger.Row, _ *llmtest.Generation) { r.Usage.Input, r.Usage.CachedInput = 900, 0 }, "another usage"},
		"a cache write":     {func(r *ledger.Row, _ *llmtest.Generation) { r.Usage.CacheWrite = 1 }, "another usage"},
		"wrong tier":        {func(r *ledger.Row, _ *llmtest.Generation) { r.ServedTier = policy.Standard }, "another tier"},
		"no tier":           {func(r *ledger.Row, _ *llmtest.Generation) { r.ServedTier = "" }, "another tier"},
		"served by default": {func(_ *ledger.Row, g *llmtest.Generation) { g.Tier = "default" }, "another tier"},
		"wrong cost":        {func(r *ledger.Row, _ *llmtest.Generation) { r.Cost.Pico++ }, "another cost"},
		"wrong tier's cost": {func(r *ledger.Row, g *llmtest.Generation) { r.ServedTier, g.Tier = policy.Standard, "default" }, "another cost"},
		"no cost":           {func(r *ledger.Row, _ *llmtest.Generation) { r.Cost = ledger.Amount{} }, "another cost"},
		"no price":          {func(_ *ledger.Row, g *llmtest.Generation) { g.Model = "gpt-0" }, "unpriced"},

		"Azure, no cost":       {func(r *ledger.Row, g *llmtest.Generation) { r.Cost, g.Provider = ledger.Amount{}, "azure" }, ""},
		"Azure, OpenAI's cost": {func(_ *ledger.Row, g *llmtest.Generation) { g.Provider = "azure" }, ""},
		"Azure, wrong cost":    {func(r *ledger.Row, g *llmtest.Generation) { r.Cost.Pico, g.Provider = 0, "azure" }, "another cost"},
		"Azure, wrong usage":   {func(r *ledger.Row, g *llmtest.Generation) { r.Usage.Input, g.Provider = 0, "azure" }, "another usage"},
		"Azure, wrong tier":    {func(r *ledger.Row, g *llmtest.Generation) { r.ServedTier, g.Provider = "priority", "azure" }, "another tier"},
		"Azure, lost": {func(r *ledger.Row, g *llmtest.Generation) {
			*r, g.Provider = lostRow(ledger.Amount{}, ledger.Amount{}), "azure"
		}, ""},
		"lost":                  {func(r *ledger.Row, _ *llmtest.Generation) { *r = lostRow(ledger.Amount{}, ledger.Known(cost)) }, ""},
		"exposure too small":    {func(r *ledger.Row, _ *llmtest.Generation) { *r = lostRow(ledger.Amount{}, ledger.Known(cost-1)) }, "do not hold"},
		"no exposure":           {func(r *ledger.Row, _ *llmtest.Generation) { *r = lostRow(ledger.Amount{}, ledger.Amount{}) }, "do not hold"},
		"cut":                   {func(r *ledger.Row, _ *llmtest.Generation) { *r = lostRow(ledger.Known(100), ledger.Known(cost-100)) }, ""},
		"cut, exposure missing": {func(r *ledger.Row, _ *llmtest.Generation) { *r = lostRow(ledger.Known(100), ledger.Known(cost-101)) }, "do not hold"},
		"cut, cost too much":    {func(r *ledger.Row, _ *llmtest.Generation) { *r = lostRow(ledger.Known(cost+1), ledger.Known(cost)) }, "do not hold"},
	} {
		r, g := row, g
		c.change(&r, &g)
		says(t, name, same(r, g), c.want)
	}
}

// lostRow returns a row of unknown usage.
func lostRow(cost, exposure ledger.Amount) ledger.Row {
	return ledger.Row{Outcome: policy.Ambiguous, UsageSource: ledger.Unknown, Cost: cost, Exposure: exposure}
}

// says checks an error, which must contain want, or be nil if want is empty.
func says(t *testing.T, name string, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %q", name, err, want)
	}
}
