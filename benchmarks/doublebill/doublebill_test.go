package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const (
	childEnv = "SKINFLINT_DOUBLEBILL"
	fewCalls = 200
)

func TestMain(m *testing.M) {
	flag.Parse()
	log.SetOutput(io.Discard)
	switch os.Getenv(childEnv) {
	case "passes":
		asTest("child", func(*testing.T) error { return nil })
	case "fails":
		asTest("child", func(*testing.T) error { return errors.New("it failed") })
	case "panics":
		asTest("child", func(t *testing.T) error { return inBubble(t, func(*testing.T) error { panic("it panicked") }) })
	case "hangs":
		asTest("child", func(t *testing.T) error {
			return inBubble(t, func(*testing.T) error { <-make(chan int); return nil })
		})
	}
	os.Exit(m.Run())
}

// TestExit ends processes of their own in all the ways.
func TestExit(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for way, want := range map[string]struct {
		status int
		says   string
	}{
		"passes": {0, ""}, "fails": {1, "it failed"}, "panics": {1, "it panicked"}, "hangs": {1, "deadlock"},
	} {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), childEnv+"="+way)
		var says strings.Builder
		cmd.Stderr = &says
		out, err := cmd.Output()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != want.status || !strings.Contains(says.String(), want.says) || len(out) > 0 {
			t.Errorf("%s: exit status %d, want %d; it prints %q, and says\n%s", way, got, want.status, out, says.String())
		}
	}
}

// TestFew has every client make a few calls, twice.
func TestFew(t *testing.T) {
	all := clients()
	if bench.RaceDetector() {
		all = slices.DeleteFunc(all, func(c client) bool { return !strings.HasPrefix(c.name, "ours") && c.name != "openai-go" })
	}
	results, err := measure(t, all, fewCalls, 1)
	if err != nil {
		t.Fatal(err) // our ledger not agreeing with the meter is one
	}
	again, err := measure(t, all, fewCalls, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if a := again[i]; a.figures != r.figures || a.money != r.money || a.measured != r.measured {
			t.Errorf("%s: %+v, $%s and $%s, and then %+v, $%s and $%s", r.name, r.figures, r.paid, r.exposure, a.figures, a.paid, a.exposure)
		}
		if r.Calls != fewCalls || r.Attempts < r.Calls || r.Attempts < r.Billed || r.Lost < r.LostUnbilled || r.Billed-r.BilledTwice != r.Calls-r.LostUnbilled {
			t.Errorf("%s: the figures do not add up: %+v", r.name, r.figures)
		}
		ours := strings.HasPrefix(r.name, "ours")
		if ours != (r.rows > 0) || ours && (r.rows < r.Attempts || r.measured != r.Calls-r.Lost) {
			t.Errorf("%s: %d rows in the ledger, %d measured, for %+v", r.name, r.rows, r.measured, r.figures)
		}
		if azure := r.name == "ours under azopenai"; (r.unpriced > 0) != azure || azure && r.unpriced != r.measured {
			t.Errorf("%s: %d of %d without a cost", r.name, r.unpriced, r.measured)
		}
		if r.paid.Sign() <= 0 || !ours && (r.cost.Sign() != 0 || r.exposure.Sign() != 0) || ours && r.unpriced == 0 && !r.covered() {
			t.Errorf("%s: paid $%s, cost $%s, exposure $%s", r.name, r.paid, r.cost, r.exposure)
		}
		switch {
		case r.name == "ours, double billing allowed":
			if r.BilledTwice == 0 || r.LostUnbilled != 0 || r.Lost >= results[0].Lost {
				t.Errorf("%s: %+v, and ours: %+v", r.name, r.figures, results[0].figures)
			}
		case ours && (r.BilledTwice != 0 || r.LostUnbilled != 0 || r.Billed != r.Calls):
			t.Errorf("%s: %+v", r.name, r.figures)
		case !ours && r.BilledTwice == 0:
			t.Errorf("%s: nothing was billed twice: %+v", r.name, r.figures)
		case strings.HasPrefix(r.name, "openai-go over ") && r.Lost >= results[0].Lost:
			t.Errorf("%s: lost as much as ours, so that its timeout was not for each attempt: %+v", r.name, r.figures)
		}
	}
	t.Run("json", func(t *testing.T) { testJSON(t, results) })
	t.Run("table", func(t *testing.T) { testTable(t, results) })
}

func testTable(t *testing.T, results []result) {
	var table bytes.Buffer
	if err := writeTable(&table, results, 1); err != nil {
		t.Fatal(err)
	}
	want := []string{"| paid $ |", "checked: ours: ", "<= cost $"}
	for _, r := range results {
		want = append(want, " "+dollars(r.paid)+" |")
		if r.unpriced > 0 {
			want = append(want, "checked: "+r.name+": ", "no money, as the catalog has no prices")
		}
	}
	for _, s := range want {
		if !strings.Contains(table.String(), s) {
			t.Errorf("the table has no %q:\n%s", s, table.String())
		}
	}
}

func testJSON(t *testing.T, results []result) {
	var out bytes.Buffer
	if err := writeJSON(&out, results); err != nil {
		t.Fatal(err)
	}
	var object map[string]map[string]int
	if err := json.Unmarshal(out.Bytes(), &object); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"anthropic-sdk-go", "azopenai", "genai with retry options",
		"openai-go", "openai-go over failsafe-go", "openai-go over go-retryablehttp", "openai-go over rehttp", "openai-go, http.Client.Timeout",
		"ours", "ours under anthropic-sdk-go", "ours under azopenai", "ours under genai", "ours, SDK retries left on", "ours, double billing allowed",
	}
	if got := slices.Sorted(maps.Keys(object)); !slices.Equal(got, want) && !bench.RaceDetector() {
		t.Errorf("clients %q, want %q", got, want)
	}
	for name, f := range object {
		if got := slices.Sorted(maps.Keys(f)); !slices.Equal(got, []string{"attempts", "billed", "billed_twice", "calls", "lost", "lost_unbilled"}) {
			t.Errorf("%s has %q", name, got)
		}
	}
}

// at is when the prices hold.
var at = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func generation(id string, in, out int64) llmtest.Generation {
	return llmtest.Generation{ID: id, Provider: "openai", Model: "gpt-5", Tier: "flex", At: at, Prompt: in, Completion: out}
}

// measured is a row of a generation on flex: gpt-5's tokens are at $0.625 and $5 a million.
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
		"one too many":   {[]ledger.Row{a, b, lost}, "nothing was billed for"},
		"another usage":  {[]ledger.Row{a, measured("b", 9, 4)}, "another usage"},
		"another order":  {[]ledger.Row{measured("b", 7, 5), measured("a", 9, 3)}, "another answer"},
		"no usage":       {[]ledger.Row{a, unknown}, "not known"},
		"nothing's cost": {[]ledger.Row{a, paidFree, b}, "costs something"},
		"nothing's risk": {[]ledger.Row{a, openFree, b}, "costs something"},
	} {
		err := (&books{rows: c.rows}).agree(meter)
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

// lostRow is a row of which nobody said what was used.
func lostRow(cost, exposure ledger.Amount) ledger.Row {
	return ledger.Row{Outcome: policy.Ambiguous, UsageSource: ledger.Unknown, Cost: cost, Exposure: exposure}
}

func says(t *testing.T, name string, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %q", name, err, want)
	}
}

func TestPaid(t *testing.T) {
	for _, c := range []struct {
		provider, model, tier string
		want                  price.Pico // of 1000 tokens in, and 100 out
	}{
		{"openai", "gpt-5", "default", 2_250_000_000},
		{"openai", "gpt-5", "flex", 1_125_000_000},
		{"azure", "gpt-5", "default", 2_250_000_000},
		{"anthropic", "claude-sonnet-4-5", "standard", 4_500_000_000},
		{"gemini", "gemini-2.5-flash", "flex", 275_000_000},
	} {
		g := generation("a", 1000, 100)
		g.Provider, g.Model, g.Tier = c.provider, c.model, c.tier
		if got, err := paid(g); got != c.want || err != nil {
			t.Errorf("%s %s %s: $%s, %v, want $%s", c.provider, c.model, c.tier, got, err, c.want)
		}
		if got := priced(g); got != (c.provider != "azure") {
			t.Errorf("%s: prices of its own: %t", c.provider, got)
		}
	}
}

func TestCovered(t *testing.T) {
	for _, c := range []struct {
		paid, cost, exposure price.Pico
		want                 bool
	}{
		{7, 7, 0, true}, {7, 4, 3, true}, {7, 0, 9, true}, {7, 4, 2, false}, {7, 8, 0, false},
	} {
		var m money
		m.paid.Add(c.paid)
		m.cost.Add(c.cost)
		m.exposure.Add(c.exposure)
		if got := m.covered(); got != c.want {
			t.Errorf("paid %d, cost %d, exposure %d: %t", c.paid, c.cost, c.exposure, got)
		}
	}
}

func TestDollars(t *testing.T) {
	for usd, want := range map[string]string{
		"0": "0.0000", "1.1477": "1.1477", "0.00005": "0.0001", "0.000049999999": "0.0000", "0.99995": "1.0000", "12.30004": "12.3000",
		"9223372.036854775807": "9223372.0369",
	} {
		var s price.Sum
		s.Add(price.MustUSD(usd))
		if got := dollars(s); got != want {
			t.Errorf("$%s is %q, want %q", usd, got, want)
		}
	}
}
