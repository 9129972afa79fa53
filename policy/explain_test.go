package policy

import (
	"context"
	"slices"
	"testing"
	"time"
)

func TestExplainSources(t *testing.T) {
	r, err := NewResolver(Policy{Tier: Flex, MaxWait: time.Minute, Rules: []Rule{{Match: Match{Model: "m"}, Set: Policy{Patience: time.Second}}}})
	if err != nil {
		t.Fatal(err)
	}
	_, list := r.Explain(From(With(context.Background(), MaxAttempts(3))), Subject{Model: "m", BodyTier: Standard, Tiers: allTiers})
	want := map[string]string{
		"tier": "request body", "patience": "rule 0", "max_wait": "policy", "max_attempts": "context", "max_elapsed": "default",
	}
	for _, s := range list {
		if w, ok := want[s.Name]; ok && s.From != w {
			t.Errorf("%s from %s, want %s", s.Name, s.From, w)
		}
		delete(want, s.Name)
	}
	if len(want) > 0 {
		t.Errorf("not explained: %v", want)
	}
}

func TestSnake(t *testing.T) {
	for field, want := range map[string]string{"Tier": "tier", "MaxWait": "max_wait", "AllowDoubleBilling": "allow_double_billing", "Cache.Mode": "cache_mode", "Cache.MaxCostPerHour": "cache_max_cost_per_hour"} {
		if got := snake(field); got != want {
			t.Errorf("snake(%q) = %q", field, got)
		}
	}
}

// Every setting is explained, once.
func TestExplainIsWhole(t *testing.T) {
	r, err := NewResolver(Policy{Tier: Flex, Fallback: Standard})
	if err != nil {
		t.Fatal(err)
	}
	_, list := r.Explain(nil, Subject{Tiers: allTiers})
	said := make(map[string]bool)
	for _, s := range list {
		if said[s.Name] || s.Value == "" || s.From == "" {
			t.Errorf("twice, or not in full: %+v", s)
		}
		said[s.Name] = true
	}
	for i := range table {
		if name := snake(table[i].key.Field); !said[name] {
			t.Errorf("%s is not explained", name)
		}
	}
	if len(said) != len(table) || list[0].Name != "tier" {
		t.Errorf("%d settings for %d rows, the first is %s", len(said), len(table), list[0].Name)
	}
}

// A setting that has no effect on the call says why.
func TestExplainUnused(t *testing.T) {
	for _, test := range []struct {
		name    string
		policy  Policy
		options []Option
		tiers   []Tier
		want    map[string]string // name: why
	}{
		{"all in use", Policy{Tier: Flex, Fallback: Standard, Patience: time.Second, FlexMinimum: time.Second, OverrideBody: true, MaxWait: time.Second}, nil, allTiers, nil},
		{"defaults", Policy{}, nil, allTiers, nil},
		{"no second tier", Policy{Tier: Flex, Patience: time.Second, FlexMinimum: time.Second}, nil, allTiers,
			map[string]string{"patience": "the plan has no second tier", "flex_minimum": "the plan has no tier after flex"}},
		{"flex last", Policy{Tier: Priority, Fallback: Flex, FlexMinimum: time.Second}, nil, allTiers, map[string]string{"flex_minimum": "the plan has no tier after flex"}},
		{"no tier", Policy{OverrideBody: true}, nil, allTiers, map[string]string{"override_body": "there is no tier to put into the body"}},
		{"a tier by context", Policy{OverrideBody: true}, []Option{OnTier(Flex)}, allTiers, nil},
		{"no tiers", Policy{Tier: Flex, OverrideBody: true}, nil, nil, map[string]string{"override_body": "there is no tier to put into the body"}},
		{"sent once", Policy{Tier: Flex, Fallback: Standard, MaxWait: time.Second, AllowDoubleBilling: true, StreamIdle: time.Second}, []Option{MaxAttempts(1)}, allTiers,
			map[string]string{"fallback": "max_attempts is 1, so the call is sent once", "max_wait": "max_attempts is 1, so the call is sent once",
				"allow_double_billing": "max_attempts is 1, so the call is sent once"}},
		{"the fallback is the tier", Policy{Fallback: Standard}, []Option{OnTier(Standard)}, allTiers, map[string]string{"fallback": "standard: the plan asks for it already"}},
	} {
		_, list := mustResolver(t, test.policy).Explain(From(With(context.Background(), test.options...)), Subject{Tiers: test.tiers})
		for _, s := range list {
			if s.Unused != test.want[s.Name] {
				t.Errorf("%s: %s: %q, want %q", test.name, s.Name, s.Unused, test.want[s.Name])
			}
		}
	}
}

// A tier that the body names leaves no room for another.
func TestExplainTierOfTheBody(t *testing.T) {
	for _, test := range []struct {
		policy Policy
		ctx    context.Context
		want   []Setting
	}{
		{Policy{Tier: Flex}, context.Background(), []Setting{{"tier", "priority", "request body", ""}, {"tier", "flex", "policy", "the request's body names priority"}}},
		{Policy{}, With(context.Background(), OnTier(Standard)), []Setting{{"tier", "priority", "request body", ""}, {"tier", "standard", "context", "the request's body names priority"}}},
		{Policy{Tier: Priority}, context.Background(), []Setting{{"tier", "priority", "request body", ""}}},
		{Policy{Tier: Flex, OverrideBody: true}, context.Background(), []Setting{{"tier", "flex", "policy", ""}}},
		{Policy{}, context.Background(), []Setting{{"tier", "priority", "request body", ""}}},
	} {
		_, list := mustResolver(t, test.policy).Explain(From(test.ctx), Subject{BodyTier: Priority, Tiers: allTiers})
		var got []Setting
		for _, s := range list {
			if s.Name == "tier" {
				got = append(got, s)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%+v: %+v", test.policy, got)
		}
	}
}
