package policy

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

const allParts = TierPart | RetryPart | AttemptPart | LimitPart | BudgetPart | CachePart | ClassPart

// A field is unenforced if, and only if, its own part is missing.
func TestPolicyUnenforced(t *testing.T) {
	p := Policy{Limits: []Limit{{Concurrency: 1}}, Budgets: []Budget{{Name: "a"}}}
	for i := range table {
		one(t, table[i].value.at(&p))
	}
	for part, fields := range map[Parts][]string{
		TierPart:    {"Tier", "Fallback", "OverrideBody", "FlexMinimum"},
		RetryPart:   {"MaxAttempts", "MaxWait", "MaxElapsed", "RetryQuota", "BackoffBase", "BackoffMax", "OnlyDocumented", "AllowDoubleBilling"},
		AttemptPart: {"AttemptTimeout", "StreamIdle", "LeaveStreams"},
		LimitPart:   {"Limits"},
		ClassPart:   {"Class"},
		BudgetPart:  {"Budgets"},
		CachePart: {"Cache.Mode", "Cache.Create", "Cache.Writes", "Cache.Key", "Cache.Compatible", "Cache.MaxCost", "Cache.MaxCostPerHour",
			"Cache.MaxLive"},
	} {
		without, alone := p.Unenforced(allParts&^part), p.Unenforced(part)
		for _, name := range fields {
			if !slices.Contains(without, name) || slices.Contains(alone, name) {
				t.Errorf("%s is not enforced by part %b", name, part)
			}
		}
	}
	if got := p.Unenforced(allParts); got != nil {
		t.Errorf("with every part: %q", got)
	}
	for _, part := range []Parts{TierPart, RetryPart} {
		if !slices.Contains(p.Unenforced(allParts&^part), "Patience") {
			t.Errorf("Patience is enforced without part %b", part)
		}
	}
}

func TestPolicyUnenforcedInRules(t *testing.T) {
	p := Policy{
		Patience: time.Second,
		Limits:   []Limit{{Concurrency: 1}, {Concurrency: 2}},
		Rules:    []Rule{{Set: Policy{MaxAttempts: 2}}, {}, {Set: Policy{MaxWait: time.Second, Tier: Flex}}},
	}
	for _, test := range []struct {
		parts Parts
		want  []string
	}{
		{allParts, nil},
		{TierPart | RetryPart | LimitPart, nil},
		{TierPart | LimitPart, []string{"Patience", "Rules[0].Set.MaxAttempts", "Rules[2].Set.MaxWait"}},
		{RetryPart | LimitPart, []string{"Patience", "Rules[2].Set.Tier"}},
		{TierPart | RetryPart, []string{"Limits"}},
		{0, []string{"Patience", "Limits", "Rules[0].Set.MaxAttempts", "Rules[2].Set.Tier", "Rules[2].Set.MaxWait"}},
	} {
		if got := p.Unenforced(test.parts); !slices.Equal(got, test.want) || (got == nil) != (test.want == nil) {
			t.Errorf("parts %b: %q, want %q", test.parts, got, test.want)
		}
	}
	if got := new(Policy).Unenforced(0); got != nil {
		t.Errorf("the zero Policy: %q", got)
	}
}

func TestOptionsUnenforced(t *testing.T) {
	under := func(options ...Option) *Options { return From(With(context.Background(), options...)) }
	free := under(MaxAttempts(1), AsClass(ClassBatch), FinishBy(time.Now()), CachedContent("cachedContents/x"), Tag("a", "b"))
	for _, test := range []struct {
		name    string
		options *Options
		parts   Parts
		want    []string
	}{
		{"no options", nil, 0, nil},
		{"options that need no part", free, 0, nil},
		{"all", under(OnTier(Flex), FallBackTo(NoFallback), MaxCost(0), MaxAttempts(2), AllowDoubleBilling()), 0,
			[]string{"OnTier", "FallBackTo", "MaxAttempts", "AllowDoubleBilling", "MaxCost"}},
		{"no retries", under(MaxAttempts(3), AllowDoubleBilling()), allParts &^ RetryPart, []string{"MaxAttempts", "AllowDoubleBilling"}},
		{"one attempt after all", under(MaxAttempts(3), MaxAttempts(1)), 0, nil},
		{"one attempt, and double billing", under(AllowDoubleBilling(), MaxAttempts(1)), 0, []string{"AllowDoubleBilling"}},
		{"no budget", under(OnTier(Flex), MaxCost(price.USD)), TierPart | RetryPart, []string{"MaxCost"}},
		{"no tier", under(FallBackTo(Standard), MaxCost(price.USD)), BudgetPart, []string{"FallBackTo"}},
		{"enforced", under(OnTier(Flex), FallBackTo(Standard), MaxCost(0)), TierPart | BudgetPart, nil},
		{"from an outer context", From(With(With(context.Background(), MaxCost(1)), Tag("a", "b"))), TierPart, []string{"MaxCost"}},
	} {
		if got := test.options.Unenforced(test.parts); !slices.Equal(got, test.want) || (got == nil) != (test.want == nil) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	enforced := under(OnTier(Flex), MaxCost(1))
	if n := testing.AllocsPerRun(100, func() {
		enforced.Unenforced(allParts)
		free.Unenforced(0)
		(*Options)(nil).Unenforced(0)
	}); n != 0 {
		t.Errorf("%v allocations where there is nothing to report", n)
	}
}
