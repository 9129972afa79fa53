package policy

import (
	"slices"
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

// caching are the calls of three providers.
var caching = []Known{
	{Provider: "openai", Operation: "chat", Writes: true, Key: true},
	{Provider: "anthropic", Operation: "messages", Writes: true},
	{Provider: "gemini", Operation: "generate", Caches: true},
	{Provider: "gemini", Operation: "chat", Caches: true, Compatible: true},
	{Provider: "gemini", Operation: "embeddings"},
}

func TestCacheWithoutEffect(t *testing.T) {
	auto := Cache{Mode: CacheAuto}
	for name, test := range map[string]struct {
		general Cache
		match   Match
		set     Cache
		want    []string // the fields of the rule's Cache
	}{
		"auto":                           {Cache{}, Match{Provider: "gemini"}, auto, nil},
		"auto, everywhere":               {Cache{}, Match{}, auto, nil},
		"auto at another provider":       {Cache{}, Match{Provider: "openai"}, auto, []string{"Mode"}},
		"all at another provider":        {Cache{}, Match{Provider: "openai"}, Cache{Mode: CacheAuto, Create: CacheBefore, Compatible: true, MaxCost: price.USD, MaxCostPerHour: price.USD, MaxLive: 1}, []string{"Mode", "Create", "Compatible", "MaxCost", "MaxCostPerHour", "MaxLive"}},
		"off at another provider":        {auto, Match{Provider: "openai"}, Cache{Mode: CacheOff, Writes: WritesOff}, nil},
		"auto of embeddings":             {Cache{}, Match{Provider: "gemini", Operation: "embeddings"}, auto, []string{"Mode"}},
		"writes at OpenAI":               {Cache{}, Match{Provider: "openai"}, Cache{Writes: WritesAuto, Key: true}, nil},
		"writes at Gemini":               {Cache{}, Match{Provider: "gemini"}, Cache{Writes: WritesAuto, Key: true}, []string{"Writes", "Key"}},
		"a key at Anthropic":             {Cache{}, Match{Provider: "anthropic"}, Cache{Writes: WritesAuto, Key: true}, []string{"Key"}},
		"the compatible endpoint":        {Cache{}, Match{Provider: "gemini", Operation: "chat"}, auto, []string{"Mode"}},
		"the compatible endpoint, asked": {Cache{}, Match{Provider: "gemini", Operation: "chat"}, Cache{Mode: CacheAuto, Compatible: true}, nil},
		"asked by the policy":            {Cache{Compatible: true}, Match{Provider: "gemini", Operation: "chat"}, auto, nil},
		"compatible, natively":           {Cache{}, Match{Operation: "generate"}, Cache{Compatible: true}, []string{"Compatible"}},
		"a model":                        {Cache{}, Match{Model: "gemini-2.5-pro"}, auto, nil},
	} {
		p := Policy{Cache: test.general, Rules: []Rule{{Match: test.match, Set: Policy{Cache: test.set}}}}
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var want, got []string
		for _, field := range test.want {
			want = append(want, "Rules[0].Set.Cache."+field)
		}
		for _, e := range p.Ineffective(caching) {
			got = append(got, e.Field)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		// Nothing is said where nothing is known about caches.
		if got := p.Ineffective(known); got != nil {
			t.Errorf("%s, of calls that say nothing about caches: %v", name, got)
		}
	}
}

func TestCapsWithoutEffect(t *testing.T) {
	const dollar = price.USD
	for name, test := range map[string]struct {
		general, rule Cache
		want          []string
	}{
		"caps":                        {Cache{MaxCost: dollar, MaxCostPerHour: 5 * dollar}, Cache{MaxCost: 2 * dollar}, nil},
		"an hour of less than one":    {Cache{MaxCost: 5 * dollar, MaxCostPerHour: 4 * dollar}, Cache{MaxLive: 1}, []string{"Cache.MaxCost"}},
		"of less than the default":    {Cache{MaxCostPerHour: dollar}, Cache{MaxLive: 1}, nil},
		"more than the default":       {Cache{MaxCost: 11 * dollar}, Cache{MaxLive: 1}, []string{"Cache.MaxCost"}},
		"more, in the rule":           {Cache{MaxCostPerHour: 3 * dollar}, Cache{MaxCost: 4 * dollar}, []string{"Rules[0].Set.Cache.MaxCost"}},
		"picodollars":                 {Cache{MaxCost: 5}, Cache{MaxCostPerHour: 20}, []string{"Cache.MaxCost", "Rules[0].Set.Cache.MaxCostPerHour"}},
		"the least that is a mistake": {Cache{MaxCost: dollar / 1_000_000}, Cache{MaxLive: 1}, nil},
	} {
		p := in(test.general, test.rule)
		var got []string
		for _, e := range p.Ineffective(nil) {
			got = append(got, e.Field)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
