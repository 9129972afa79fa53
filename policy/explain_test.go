package policy

import (
	"context"
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
	for field, want := range map[string]string{"Tier": "tier", "MaxWait": "max_wait", "AllowDoubleBilling": "allow_double_billing"} {
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
