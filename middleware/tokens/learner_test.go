package tokens

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

func callOf(model string) *wire.Call {
	return &wire.Call{Shape: &wire.Shape{Provider: "openai", Operation: "chat"}, Model: model, Choices: 1}
}

func answer(u price.Usage) *ledger.Row {
	return &ledger.Row{Outcome: policy.Billed, UsageSource: ledger.Measured, Usage: u}
}

func TestAsked(t *testing.T) {
	estimate := Estimate{Text: 300, Media: 700, Held: 50}
	reserves, holds := wire.Metering{Reserves: true}, wire.Metering{Holds: true}
	for _, test := range []struct {
		name      string
		change    func(*wire.Call)
		metering  wire.Metering
		maxOutput int64
		want      limit.Tokens
	}{
		{"nothing is stated", nil, wire.Metering{}, 0, limit.Tokens{Input: 1050, Output: 1000}},
		{"nothing is stated, and it would count", nil, reserves, 0, limit.Tokens{Input: 1050, Output: 1000}},
		{"the model gives less", nil, wire.Metering{}, 600, limit.Tokens{Input: 1050, Output: 600}},
		{"a limit that counts", func(c *wire.Call) { c.MaxOutput = 8000 }, reserves, 600, limit.Tokens{Input: 1050, Output: 8000}},
		{"a limit that counts while it runs", func(c *wire.Call) { c.MaxOutput = 8000 }, holds, 0, limit.Tokens{Input: 1050, Output: 8000}},
		{"a limit that does not count", func(c *wire.Call) { c.MaxOutput = 8000 }, wire.Metering{}, 0, limit.Tokens{Input: 1050, Output: 1000}},
		{"a small limit that does not count", func(c *wire.Call) { c.MaxOutput = 80 }, wire.Metering{}, 0, limit.Tokens{Input: 1050, Output: 80}},
		{"three answers", func(c *wire.Call) { c.MaxOutput, c.Choices = 500, 3 }, reserves, 0, limit.Tokens{Input: 1050, Output: 1500}},
		{"three answers without a limit", func(c *wire.Call) { c.Choices = 3 }, reserves, 0, limit.Tokens{Input: 1050, Output: 3000}},
		{"no known number of answers", func(c *wire.Call) { c.Choices = 0 }, reserves, 0, limit.Tokens{Input: 1050, Output: 1000}},
		{"output does not count", func(c *wire.Call) { c.MaxOutput = 500 }, wire.Metering{WithoutOutput: true}, 0, limit.Tokens{Input: 1050}},
		{"no output", func(c *wire.Call) { c.Shape = &wire.Shape{NoOutput: true} }, wire.Metering{}, 0, limit.Tokens{Input: 1050}},
		{"the context cache does not count", nil, wire.Metering{WithoutCached: true}, 0, limit.Tokens{Input: 1000, Output: 1000}},
		{"absurd limits", func(c *wire.Call) { c.MaxOutput, c.Choices = 1<<62, 1<<62 }, reserves, 0, limit.Tokens{Input: 1050, Output: maxTokens}},
	} {
		c, l := callOf("gpt-5"), new(Learner)
		if test.change != nil {
			test.change(c)
		}
		if got := l.Asked(c, test.metering, estimate, test.maxOutput); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// within fails the test if got is not near want, in percent.
func within(t *testing.T, what string, got, want, percent int64) {
	t.Helper()
	if got < want*(100-percent)/100 || got > want*(100+percent)/100 {
		t.Errorf("%s: %d, want %d within %d %%", what, got, want, percent)
	}
}

func TestLearn(t *testing.T) {
	for _, factor := range []int64{25, 70, 100, 150, 800} { // percent of the estimate that the provider counts
		var l Learner
		c, e := callOf("gpt-5"), Estimate{Text: 2000}
		for range 30 {
			l.Learn(c, e, answer(price.Usage{Input: 20 * factor, Output: 300}))
		}
		asked := l.Asked(c, wire.Metering{}, e, 0)
		within(t, fmt.Sprint(factor, " %"), asked.Input, 20*factor, 5)
		within(t, "output", asked.Output, 300, 25)
		if other := l.Asked(callOf("gpt-4o"), wire.Metering{}, e, 0); other != (limit.Tokens{Input: 2000, Output: 1000}) {
			t.Errorf("another model: %+v", other)
		}
	}
}

// One odd answer changes little.
func TestLearnOdd(t *testing.T) {
	var l Learner
	c, e := callOf("gpt-5"), Estimate{Text: 2000}
	for range 40 {
		l.Learn(c, e, answer(price.Usage{Input: 2200, Output: 300}))
	}
	l.Learn(c, e, answer(price.Usage{Input: 900_000, Output: 60_000}))
	asked := l.Asked(c, wire.Metering{}, e, 0)
	within(t, "input", asked.Input, 2200, 15)
	within(t, "output", asked.Output, 300, 25)
}

// A small prompt, of which most is what the provider adds, changes nothing for large ones.
func TestLearnSmall(t *testing.T) {
	var l Learner
	c := callOf("gpt-5")
	for range 40 {
		l.Learn(c, Estimate{Text: 4000}, answer(price.Usage{Input: 4000}))
		l.Learn(c, Estimate{Text: 10}, answer(price.Usage{Input: 500}))
	}
	within(t, "large", l.Asked(c, wire.Metering{}, Estimate{Text: 4000}, 0).Input, 4000, 1)
	within(t, "small", l.Asked(c, wire.Metering{}, Estimate{Text: 10}, 0).Input, 500, 10)

	// What is known of large prompts holds for small ones of which nothing is known.
	var large Learner
	for range 20 {
		large.Learn(c, Estimate{Text: 4000}, answer(price.Usage{Input: 6000}))
	}
	within(t, "unknown", large.Asked(c, wire.Metering{}, Estimate{Text: 10}, 0).Input, 15, 5)
}

// Where the provider does not count cached input, what is usually cached is not asked for.
func TestLearnCached(t *testing.T) {
	var l Learner
	c, e := callOf("claude"), Estimate{Text: 10_000}
	for range 40 {
		l.Learn(c, e, answer(price.Usage{Input: 500, CachedInput: 9000, CacheWrite: 500}))
	}
	within(t, "all", l.Asked(c, wire.Metering{}, e, 0).Input, 10_000, 5)
	within(t, "without what is cached", l.Asked(c, wire.Metering{WithoutCached: true}, e, 0).Input, 1000, 15)
}

// What a context cache holds is known, and not learned.
func TestLearnHeld(t *testing.T) {
	var l Learner
	c, e := callOf("gemini"), Estimate{Text: 1000, Held: 50_000}
	for range 20 {
		l.Learn(c, e, answer(price.Usage{Input: 1500, CachedInput: 50_000}))
	}
	within(t, "with the cache", l.Asked(c, wire.Metering{}, e, 0).Input, 51_500, 2)
	within(t, "without", l.Asked(c, wire.Metering{}, Estimate{Text: 1000}, 0).Input, 1500, 5)
}

func TestLearnNothing(t *testing.T) {
	var l Learner
	c, e := callOf("gpt-5"), Estimate{Text: 1000}
	for _, row := range []*ledger.Row{
		nil,
		{Outcome: policy.Rejected, UsageSource: ledger.None},
		{Outcome: policy.Ambiguous, UsageSource: ledger.Unknown},
		{Outcome: policy.Billed, UsageSource: ledger.Estimated, Usage: price.Usage{Input: 9000, Output: 9000}},
		{Outcome: policy.Partial, UsageSource: ledger.Measured, Usage: price.Usage{Input: 9000, Output: 1}},
	} {
		l.Learn(c, e, row)
	}
	l.Learn(callOf(strings.Repeat("x", 1000)), e, answer(price.Usage{Input: 1}))
	if len(l.models) != 0 {
		t.Errorf("%d models", len(l.models))
	}
}

// Absurd counts neither overflow nor lead to negative ones.
func TestLearnAbsurd(t *testing.T) {
	var l Learner
	c := callOf("gpt-5")
	for _, n := range []int64{-1 << 63, -1, 0, 1, 1 << 40, 1<<63 - 1} {
		e := Estimate{Text: n, Media: n, Held: n}
		for range 300 {
			l.Learn(c, e, answer(price.Usage{Input: n, CachedInput: n, Output: n, AudioOutput: n}))
			asked := l.Asked(c, wire.Metering{WithoutCached: true}, e, n)
			if asked.Input < 0 || asked.Output < 0 {
				t.Fatalf("%d: %+v", n, asked)
			}
		}
	}
}

// The models are bounded, and the one that was unused for longest is forgotten.
func TestLearnerBounded(t *testing.T) {
	var l Learner
	e := Estimate{Text: 2000}
	for i := range 2 * maxModels {
		l.Learn(callOf(fmt.Sprint("m", i)), e, answer(price.Usage{Input: 4000, Output: 9}))
		l.Asked(callOf("m0"), wire.Metering{}, e, 0)
	}
	if len(l.models) != maxModels {
		t.Errorf("%d models", len(l.models))
	}
	if got := l.Asked(callOf("m0"), wire.Metering{}, e, 0).Input; got <= 2000 {
		t.Error("the model that is used was forgotten")
	}
	if got := l.Asked(callOf("m1"), wire.Metering{}, e, 0).Input; got != 2000 {
		t.Error("a model that is unused was not forgotten")
	}
}

func TestLearnerConcurrent(t *testing.T) {
	var l Learner
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 200 {
				c := callOf(fmt.Sprint("m", (i+j)%5))
				l.Learn(c, Estimate{Text: 1000}, answer(price.Usage{Input: 1100, Output: 100}))
				l.Asked(c, wire.Metering{}, Estimate{Text: 1000}, 0)
			}
		})
	}
	group.Wait()
	within(t, "input", l.Asked(callOf("m1"), wire.Metering{}, Estimate{Text: 1000}, 0).Input, 1100, 5)
}

func TestAskedAllocs(t *testing.T) {
	var l Learner
	c, e, row := callOf("gpt-5"), Estimate{Text: 1000}, answer(price.Usage{Input: 1100, Output: 100})
	l.Learn(c, e, row)
	if n := testing.AllocsPerRun(100, func() {
		l.Asked(c, wire.Metering{}, e, 0)
		l.Learn(c, e, row)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAsked(b *testing.B) {
	var l Learner
	c, e := callOf("gpt-5"), Estimate{Text: 1000}
	l.Learn(c, e, answer(price.Usage{Input: 1100, Output: 100}))
	b.ReportAllocs()
	for b.Loop() {
		l.Asked(c, wire.Metering{}, e, 0)
	}
}
