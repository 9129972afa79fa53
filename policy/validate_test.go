package policy

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		field  string
		policy Policy
	}{
		{"Tier", Policy{Tier: "turbo"}},
		{"Tier", Policy{Tier: Batch}},
		{"Tier", Policy{Tier: "Flex"}},
		{"Fallback", Policy{Tier: Flex, Fallback: Flex}},
		{"Fallback", Policy{Fallback: "cheap"}},
		{"Patience", Policy{Patience: -time.Second}},
		{"MaxWait", Policy{MaxWait: 400 * 24 * time.Hour}},
		{"MaxElapsed", Policy{MaxElapsed: -1}},
		{"AttemptTimeout", Policy{AttemptTimeout: -1}},
		{"FlexMinimum", Policy{FlexMinimum: -1}},
		{"BackoffBase", Policy{BackoffBase: -1}},
		{"BackoffMax", Policy{BackoffMax: -1}},
		{"StreamIdle", Policy{StreamIdle: -1}},
		{"MaxAttempts", Policy{MaxAttempts: -1}},
		{"MaxAttempts", Policy{MaxAttempts: 1_000_000}},
		{"Limits[0].RequestsPerMinute", Policy{Limits: []Limit{{RequestsPerMinute: -5}}}},
		{"Limits[1].Concurrency", Policy{Limits: []Limit{{Concurrency: 1}, {Concurrency: -1}}}},
		{"Limits[0].Burst", Policy{Limits: []Limit{{RequestsPerMinute: 1, Burst: -1}}}},
		{"Limits[0].Burst", Policy{Limits: []Limit{{Concurrency: 1, Burst: 1}}}},
		{"Limits[0].RequestsPerMinute", Policy{Limits: []Limit{{}}}},
		{"Limits[0].Match.Tags", Policy{Limits: []Limit{{Concurrency: 1, Match: Match{Tags: map[string]string{"": "x"}}}}}},
		{"Budgets[0].Per", Policy{Budgets: []Budget{{Name: "b", Per: []string{"model", "key"}, Window: time.Hour, Cap: 1}}}},
		{"Rules[0].Set.Tier", Policy{Rules: []Rule{{Set: Policy{Tier: "x"}}}}},
		{"Rules[0].Set.Fallback", Policy{Rules: []Rule{{Set: Policy{Tier: Flex, Fallback: Flex}}}}},
		{"Rules[0].Set.Rules", Policy{Rules: []Rule{{Set: Policy{Rules: []Rule{{}}}}}}},
		{"Rules[0].Set.Limits", Policy{Rules: []Rule{{Set: Policy{Limits: []Limit{{Concurrency: 1}}}}}}},
		{"Rules[0].Match.Tags", Policy{Rules: []Rule{{Match: Match{Tags: map[string]string{"job*": "x"}}}}}},
		{"Rules[0].Match.Model", Policy{Rules: []Rule{{Match: Match{Model: " gpt-5"}}}}},
		{"Limits[0].Match.Provider", Policy{Limits: []Limit{{Concurrency: 1, Match: Match{Provider: "openai\n"}}}}},
		{"Rules[1].Match", Policy{Rules: []Rule{{}, {Match: Match{Model: "gpt-5"}}}}},
		{"Rules[2].Match", Policy{Rules: []Rule{{Match: Match{Model: "a"}}, {Match: Match{Provider: "open*"}}, {Match: Match{Provider: "openai", Model: "b"}}}}},
		{"Rules[1].Match", Policy{Rules: []Rule{{Match: Match{Model: "a"}}, {Match: Match{Model: "a"}}}}},
		{"Rules[1].Match.Tags", Policy{Rules: []Rule{{}, {Match: Match{Tags: map[string]string{"a\n": ""}}}}}},
	} {
		_, err := NewResolver(test.policy)
		var field *FieldError
		if !errors.As(err, &field) || field.Field != test.field || !strings.Contains(err.Error(), test.field) {
			t.Errorf("want an error about %s, got %v", test.field, err)
		}
	}
	if _, err := NewResolver(Policy{}); err != nil {
		t.Errorf("the zero policy: %v", err)
	}
}
