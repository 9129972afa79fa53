package policy

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

// in is a policy with one rule, for one model.
func in(general, rule Cache) Policy {
	return Policy{Cache: general, Rules: []Rule{{Match: Match{Model: "m"}, Set: Policy{Cache: rule}}}}
}

func TestCacheValidate(t *testing.T) {
	auto := Cache{Mode: CacheAuto}
	for _, test := range []struct {
		field  string // "" is valid
		policy Policy
	}{
		{"", Policy{}},
		{"", Policy{Cache: Cache{Mode: CacheAuto, Create: CacheBefore, Writes: WritesAuto, Key: true, Compatible: true, MaxCost: 1, MaxCostPerHour: 1, MaxLive: 1}}},
		{"", Policy{Cache: Cache{MaxCost: price.USD, MaxLive: 5}}}, // for registered content
		{"Cache.Mode", Policy{Cache: Cache{Mode: "on"}}},
		{"Cache.Mode", Policy{Cache: Cache{Mode: "Auto"}}},
		{"Cache.Mode", Policy{Cache: Cache{Mode: " auto"}}},
		{"Cache.Create", Policy{Cache: Cache{Mode: CacheAuto, Create: "after"}}},
		{"Cache.Writes", Policy{Cache: Cache{Writes: "always"}}},
		{"Cache.MaxCost", Policy{Cache: Cache{MaxCost: -1}}},
		{"Cache.MaxCost", Policy{Cache: Cache{MaxCost: 1_000_000*price.USD + 1}}},
		{"Cache.MaxCostPerHour", Policy{Cache: Cache{MaxCostPerHour: -1}}},
		{"Cache.MaxLive", Policy{Cache: Cache{MaxLive: -1}}},
		{"Cache.MaxLive", Policy{Cache: Cache{MaxLive: 1_000_000}}},
		{"Rules[0].Set.Cache.Mode", in(Cache{}, Cache{Mode: "x"})},
		{"Rules[0].Set.Cache.MaxCost", in(auto, Cache{MaxCost: -1})},

		{"", Policy{Cache: Cache{Create: CacheBeside}}}, // for registered content
		{"", Policy{Cache: Cache{Mode: CacheOff, Create: CacheBefore}}},
		{"", in(Cache{Create: CacheBefore}, auto)},
		{"", in(Cache{Create: CacheBefore}, Cache{Mode: CacheOff})},
		{"", in(auto, Cache{Create: CacheBefore})},
		{"", in(auto, Cache{Mode: CacheOff, Create: CacheBefore})},
		{"", in(Cache{}, Cache{Create: CacheBefore})},
		{"", in(Cache{Mode: CacheAuto, Create: CacheBefore}, Cache{Mode: CacheOff})},
	} {
		_, err := NewResolver(test.policy)
		var bad *FieldError
		if errors.As(err, &bad); test.field == "" && err != nil || test.field != "" && (bad == nil || bad.Field != test.field) {
			t.Errorf("%+v: %v, want an error about %q", test.policy, err, test.field)
		}
	}
}

func TestCacheResolve(t *testing.T) {
	standard := Cache{Mode: CacheOff, Create: CacheBeside, Writes: WritesOff, MaxCost: 2 * price.USD, MaxCostPerHour: 10 * price.USD, MaxLive: 100}
	change := func(c Cache, f func(*Cache)) Cache { f(&c); return c }
	none := []Option{NoCache()}
	all := Cache{Mode: CacheAuto, Create: CacheBefore, Writes: WritesAuto, Key: true, Compatible: true, MaxCost: 1, MaxCostPerHour: 2, MaxLive: 3}
	for name, test := range map[string]struct {
		policy  Policy
		options []Option
		want    Cache
	}{
		"zero":              {Policy{}, nil, standard},
		"all":               {Policy{Cache: all}, nil, all},
		"the rule adds":     {in(Cache{Mode: CacheAuto, MaxLive: 5}, Cache{Create: CacheBefore, Key: true}), nil, change(standard, func(c *Cache) { c.Mode, c.MaxLive, c.Create, c.Key = CacheAuto, 5, CacheBefore, true })},
		"the rule replaces": {in(all, Cache{Mode: CacheOff, Writes: WritesOff, MaxCost: 7}), nil, change(all, func(c *Cache) { c.Mode, c.Writes, c.MaxCost = CacheOff, WritesOff, 7 })},
		"another rule":      {Policy{Rules: []Rule{{Match: Match{Model: "other"}, Set: Policy{Cache: all}}}}, nil, standard},
		"not this call":     {Policy{Cache: all}, none, change(all, func(c *Cache) { c.Mode, c.Writes, c.Key = CacheOff, WritesOff, false })},
		"not by the rule":   {in(Cache{}, all), none, change(all, func(c *Cache) { c.Mode, c.Writes, c.Key = CacheOff, WritesOff, false })},
		"nothing to avoid":  {Policy{}, none, standard},
	} {
		r := mustResolver(t, test.policy)
		options := From(With(context.Background(), test.options...))
		for _, tiers := range [][]Tier{nil, allTiers} {
			s := Subject{Model: "m", Tiers: tiers}
			if got := r.Resolve(options, s); got.Cache != test.want {
				t.Errorf("%s:\ngot  %+v\nwant %+v", name, got.Cache, test.want)
			}
			if got, _ := r.Explain(options, s); got.Cache != test.want {
				t.Errorf("%s: Explain has %+v", name, got.Cache)
			}
		}
	}
}

func TestNoCache(t *testing.T) {
	var none *Options
	o := From(With(context.Background(), NoCache(), CachedContent("cachedContents/own")))
	if !o.NoCache() || none.NoCache() || From(With(context.Background(), Tag("a", "b"))).NoCache() {
		t.Error("NoCache is not what was set")
	}
	if o.Err() != nil || o.CachedContent() != "cachedContents/own" {
		t.Errorf("the caller's own cache is %q, %v", o.CachedContent(), o.Err())
	}
	if got := o.Unenforced(0); got != nil {
		t.Errorf("it needs a part: %q", got)
	}
}

func TestCacheExplain(t *testing.T) {
	policy := in(Cache{Mode: CacheAuto, Create: CacheBefore, Key: true, MaxLive: 5}, Cache{Mode: CacheOff, Writes: WritesAuto})
	const avoided = "the context's NoCache says that no cache is made or used"
	for name, test := range map[string]struct {
		options []Option
		model   string
		want    map[string]Setting
	}{
		"policy": {nil, "other", map[string]Setting{
			"cache_mode": {"cache_mode", "auto", "policy", ""}, "cache_create": {"cache_create", "before", "policy", ""},
			"cache_writes": {"cache_writes", "off", "default", ""}, "cache_max_cost": {"cache_max_cost", "2", "default", ""},
			"cache_max_live": {"cache_max_live", "5", "policy", ""},
		}},
		"rule": {nil, "m", map[string]Setting{
			"cache_mode": {"cache_mode", "off", "rule 0", ""}, "cache_create": {"cache_create", "before", "policy", ""},
			"cache_writes": {"cache_writes", "auto", "rule 0", ""}, "cache_key": {"cache_key", "true", "policy", ""},
		}},
		"context": {[]Option{NoCache()}, "other", map[string]Setting{
			"cache_mode": {"cache_mode", "off", "context", ""}, "cache_writes": {"cache_writes", "off", "context", ""},
			"cache_create": {"cache_create", "before", "policy", avoided}, "cache_key": {"cache_key", "false", "policy", avoided},
			"cache_compatible": {"cache_compatible", "false", "default", ""},
		}},
	} {
		_, list := mustResolver(t, policy).Explain(From(With(context.Background(), test.options...)), Subject{Model: test.model})
		for _, s := range list {
			if want, ok := test.want[s.Name]; ok && s != want {
				t.Errorf("%s: %+v, want %+v", name, s, want)
			}
			delete(test.want, s.Name)
		}
		if len(test.want) > 0 {
			t.Errorf("%s: not explained: %v", name, test.want)
		}
		if last := list[len(list)-1].Name; !strings.HasPrefix(last, "cache_") {
			t.Errorf("%s: the last is %s", name, last)
		}
	}
}
