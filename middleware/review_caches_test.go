package middleware

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A rule that makes context caches for models that have none is said to have no effect, once.
func TestModelsWithoutCaches(t *testing.T) {
	e := &engine{router: new(wire.Router), book: new(price.Book)}
	e.book.SetBase(price.Embedded())
	auto, writes := policy.Cache{Mode: policy.CacheAuto}, policy.Cache{Writes: policy.WritesAuto}
	for _, test := range []struct {
		match string // provider and model
		set   policy.Cache
		want  []string
	}{
		{"gemini gemini-2.5-pro", auto, nil},
		{"gemini gemini-2.5-pro-002", auto, nil},
		{"gemini gemini-*", auto, nil},
		{" gemini-*", auto, nil},
		{"gemini *", auto, nil},
		{"gemini gemini-4-argon", auto, []string{"Mode"}},
		{"gemini gemini-4-*", auto, []string{"Mode"}},
		{" gemini-4-*", auto, []string{"Mode"}},
		{"gemini gemini-2.0-flash", auto, []string{"Mode"}},
		{"vertex gemini-4-argon", auto, nil}, // no prices of its own
		{"gemini gemini-4-*", policy.Cache{Mode: policy.CacheOff}, nil},
		{"openai gpt-5", auto, []string{"Mode"}}, // said by the provider already
		{"openai gpt-5", writes, []string{"Writes"}},
		{"openai gpt-5*", writes, nil}, // gpt-5.6
		{"openai gpt-6.1-sol", writes, nil},
		{"anthropic claude-opus-5*", writes, nil},
		{"anthropic claude-2", writes, []string{"Writes"}},
		{"openai gpt-5", policy.Cache{Key: true}, nil},
	} {
		provider, model, _ := strings.Cut(test.match, " ")
		p := policy.Policy{Rules: []policy.Rule{{Match: policy.Match{Provider: provider, Model: model}, Set: policy.Policy{Cache: test.set}}}}
		list, err := e.review(&p)
		if err != nil {
			t.Errorf("%s: %v", test.match, err)
		}
		var got []string
		for _, f := range list {
			got = append(got, strings.TrimPrefix(f.Field, "Rules[0].Set.Cache."))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s %+v: %q, want %q", test.match, test.set, got, test.want)
		}
	}
}

// What a model offers is that of the day.
func TestModelsWithoutCachesByTime(t *testing.T) {
	own, err := price.Parse("own", strings.NewReader(`{"providers":{"openai":{"models":{"m":{
		"caching":[{"source":"s","from":"2026-01-01","min_write":1,"write_ttl":"5m"}],
		"periods":[{"source":"s","tiers":{"standard":[{"usd_per_million":{"input":"1","cache_write":"2"}}]}}]}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{router: new(wire.Router), book: new(price.Book)}
	e.book.SetUser(own)
	known, _ := e.router.Known()
	p := policy.Policy{Rules: []policy.Rule{{Match: policy.Match{Model: "m"}, Set: policy.Policy{Cache: policy.Cache{Writes: policy.WritesAuto}}}}}
	for year, want := range map[int]int{2025: 1, 2026: 0} {
		if got := uncachedModels(e.book.Catalog(), &p, known, time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC), nil); len(got) != want {
			t.Errorf("in %d: %v", year, got)
		}
	}
}
