package price

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestBound(t *testing.T) {
	q := func(model, tier string) Query { return query("openai", model, tier) }
	for _, test := range []struct {
		name    string
		q       Query
		in, out int64
		want    string
	}{
		{"plain", q("o3", "flex"), 1_000, 1_000, "0.005"},
		{"nothing", q("o3", "flex"), 0, 0, "0"},
		{"limits stand in", q("o3", "flex"), -1, -1, "0.6"},
		{"limits clamp", q("o3", "flex"), 1 << 60, 1 << 60, "0.6"},
		{"cache writes for 12 hours are dearer", q("gpt-6-sol", "standard"), 1_000, 0, "0.005"},
		{"the dearer band, once it can be selected", q("gpt-6-sol", "standard"), 272_000, 100, "1.361"},
		{"the dearer band, once it can be selected", q("gpt-6-sol", "standard"), 272_001, 100, "2.72151"},
		{"free output needs no limit", q("text-embedding-3-small", "standard"), 1_000, -1, "0.00002"},
		{"audio is dearer", query("gemini", "gemini-2.5-flash", "standard"), 1_000, 0, "0.001"},
		{"no price of output, and none", query("cohere", "embed-v4.0", "standard"), 1_000, 0, "0.00012"},
	} {
		if got, err := Embedded().Bound(test.q, Size{Input: test.in, Output: test.out}); err != nil || got != MustUSD(test.want) {
			t.Errorf("%s: %s, %v; want %s", test.name, got, err, test.want)
		}
	}
}

func TestBoundUnpriced(t *testing.T) {
	for _, test := range []struct {
		q       Query
		in, out int64
		word    string
	}{
		{query("openai", "gpt-9", "flex"), 1, 1, "no such model"},
		{query("openai", "o3-pro", "flex"), 1, 1, "no price for this tier"},
		{query("openai", "o3", ""), 1, 1, "not known"},
		{Query{Provider: "openai", Model: "o3", Tier: "flex"}, 1, 1, "start of the request"},
		{query("openai", "gpt-6-astra", "standard"), -1, 1, "size of the prompt"},
		{query("openai", "gpt-6-astra", "standard"), 1, -1, "size of the output"},
		{query("openai", "gpt-5.4", "priority"), 272_001, 1, "OpenAI lists no long context for priority"},
		{query("openai", "gpt-5.4", "priority"), -1, 1, "long context"},
		{query("cohere", "embed-v4.0", "standard"), 1, -1, "any kind of output"},
		{query("openai", "gpt-6-astra", "standard"), math.MaxInt64, math.MaxInt64, "more than"},
	} {
		got, err := Embedded().Bound(test.q, Size{Input: test.in, Output: test.out})
		wantUnpriced(t, err, test.q.Model, test.word)
		if got != 0 {
			t.Errorf("%+v: the bound is %s", test.q, got)
		}
	}
	c := mustParse(t, onePrice(`"output":"1"`))
	_, err := c.Bound(Query{Provider: "acme", Model: "roadrunner", Tier: "standard", At: time.Now()}, Size{Input: 1, Output: 1})
	wantUnpriced(t, err, "any kind of input")
}

// No usage within the bound's limits costs more than the bound.
func TestBoundBounds(t *testing.T) {
	o, c := newOracle(t), Embedded()
	random := rand.New(rand.NewPCG(5, 6))
	checked := 0
	o.questions(7, 80_000, func(x question) {
		// A bound has no tools except the request itself.
		x.u.WebSearches, x.u.MapSearches, x.u.FileSearches, x.u.CodeSessions = 0, 0, 0, 0
		got, err := c.Cost(x.q, x.u)
		in, out := x.u.Prompt(), x.u.Output+x.u.AudioOutput+x.u.ImageOutput+x.u.VideoOutput
		if limits := x.m.Limits; err != nil || limits["max_input"] > 0 && in > limits["max_input"] || limits["max_output"] > 0 && out > limits["max_output"] {
			return
		}
		maxIn, maxOut := in+random.Int64N(100_000), out+random.Int64N(5_000)
		if x.m.Limits["max_input"] > 0 && random.IntN(3) == 0 {
			maxIn = -1
		}
		if x.m.Limits["max_output"] > 0 && random.IntN(3) == 0 {
			maxOut = -1
		}
		bound, err := c.Bound(x.q, Size{Input: maxIn, Output: maxOut})
		if err != nil {
			if mayEnd := x.m.tiersAt(x.q.At).ends(x.q.Tier); !mayEnd {
				t.Fatalf("no bound for %d and %d of %+v: %v", maxIn, maxOut, x.q, err)
			}
			return
		}
		checked++
		if got.Cost > bound || got.Uncached > bound {
			t.Fatalf("%+v of %+v costs %+v, above the bound of %s", x.u, x.q, got, bound)
		}
	})
	if checked < 15_000 {
		t.Errorf("only %d bounds were checked", checked)
	}
}
