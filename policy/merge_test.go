package policy

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

func TestMerge(t *testing.T) {
	limits := []Limit{{Match: Match{Tags: map[string]string{"a": "b"}}, Concurrency: 1}}
	budgets := []Budget{{Name: "a", Cap: price.USD, Per: []string{"model"}, Every: EveryDay}}
	rules := []Rule{{Match: Match{Model: "m"}, Set: Policy{MaxWait: time.Second}}}
	for _, test := range []struct {
		name string
		in   []Policy
		want Policy
	}{
		{"none", nil, Policy{}},
		{"zero", []Policy{{}, {}}, Policy{}},
		{"one", []Policy{{Tier: Flex, Limits: limits, Rules: rules}}, Policy{Tier: Flex, Limits: limits, Rules: rules}},
		{"fields of each", []Policy{{Tier: Flex}, {}, {MaxAttempts: 2, Rules: rules}, {OnlyDocumented: true, Limits: limits}, {Budgets: budgets, Class: ClassBatch}},
			Policy{Tier: Flex, MaxAttempts: 2, OnlyDocumented: true, Limits: limits, Budgets: budgets, Class: ClassBatch, Rules: rules}},
		{"the same twice", []Policy{{Tier: Flex, Limits: limits, Rules: rules}, {Tier: Flex, Limits: append([]Limit(nil), limits...), Rules: rules}},
			Policy{Tier: Flex, Limits: limits, Rules: rules}},
	} {
		if got, err := Merge(test.in...); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
}

func TestMergeConflicts(t *testing.T) {
	for field, in := range map[string][]Policy{
		"Tier":        {{Tier: Flex}, {}, {Tier: Standard}},
		"MaxAttempts": {{MaxAttempts: 2}, {MaxAttempts: 3}},
		"MaxWait":     {{MaxWait: time.Minute}, {Patience: time.Second, MaxWait: time.Second}},
		"Limits":      {{Limits: []Limit{{Concurrency: 1}}}, {Limits: []Limit{{Concurrency: 2}}}},
		"Budgets":     {{Budgets: []Budget{{Cap: 1}}}, {Budgets: []Budget{{Cap: 2}}}},
		"Class":       {{Class: ClassBatch}, {Class: ClassInteractive}},
		"Rules":       {{Rules: []Rule{{}}}, {Rules: []Rule{{}, {}}}},
	} {
		p, err := Merge(in...)
		var bad *FieldError
		if !errors.As(err, &bad) || bad.Field != field || !reflect.DeepEqual(p, Policy{}) {
			t.Errorf("want an error about %s, got %+v, %v", field, p, err)
		}
	}
	// Two different values of any setting are not merged.
	for i := range table {
		r := &table[i]
		var a, b Policy
		one(t, r.value.at(&a))
		switch v := r.value.at(&b).(type) {
		case *time.Duration:
			*v = time.Second
		case *int:
			*v = 1
		case *price.Pico:
			*v = price.USD
		case *bool:
			continue // false is not set
		default: // a word
			reflect.ValueOf(v).Elem().SetString("another")
		}
		if _, err := Merge(a, b); err == nil {
			t.Errorf("%s: no error", r.key.Field)
		}
	}
}
