package policy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
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
		{"Rules[0].Set.Tier", Policy{Rules: []Rule{{Set: Policy{Tier: "x"}}}}},
		{"Rules[0].Set.Fallback", Policy{Rules: []Rule{{Set: Policy{Tier: Flex, Fallback: Flex}}}}},
		{"Rules[0].Set.Rules", Policy{Rules: []Rule{{Set: Policy{Rules: []Rule{{}}}}}}},
		{"Rules[0].Set.Limits", Policy{Rules: []Rule{{Set: Policy{Limits: []Limit{{Concurrency: 1}}}}}}},
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

func TestResolve(t *testing.T) {
	r, err := NewResolver(Policy{
		Tier: Flex, Fallback: Standard, MaxAttempts: 4,
		Rules: []Rule{
			{Match: Match{Provider: "openai", Model: "gpt-5*"}, Set: Policy{Tier: Priority, MaxAttempts: 2}},
			{Match: Match{Tags: map[string]string{"job": "nightly"}}, Set: Policy{Fallback: NoFallback}},
			{Match: Match{Model: "forced"}, Set: Policy{OverrideBody: true}},
			{Match: Match{Model: "plain"}, Set: Policy{Tier: Standard}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	nightly := From(With(context.Background(), Tag("job", "nightly")))
	for _, test := range []struct {
		name    string
		options *Options
		subject Subject
		plan    Plan
	}{
		{"default", nil, Subject{Model: "m", Tiers: allTiers}, Plan{Flex, Standard}},
		{"rule", nil, Subject{Provider: "openai", Model: "gpt-5-mini", Tiers: allTiers}, Plan{Priority, Standard}},
		{"other provider: no rule", nil, Subject{Provider: "azure", Model: "gpt-5-mini", Tiers: allTiers}, Plan{Flex, Standard}},
		{"rule by tag", nightly, Subject{Model: "m", Tiers: allTiers}, Plan{Flex}},
		{"the first rule wins", nightly, Subject{Provider: "openai", Model: "gpt-5", Tiers: allTiers}, Plan{Priority, Standard}},
		{"context over rule", From(With(context.Background(), OnTier(Standard))), Subject{Provider: "openai", Model: "gpt-5", Tiers: allTiers}, Plan{Standard}},
		{"context takes the fallback away", From(With(context.Background(), FallBackTo(NoFallback))), Subject{Model: "m", Tiers: allTiers}, Plan{Flex}},
		{"body over context", From(With(context.Background(), OnTier(Flex))), Subject{Model: "m", BodyTier: Priority, Tiers: allTiers}, Plan{Priority, Standard}},
		{"a tier of the body's own", nil, Subject{Model: "m", BodyTier: "auto", Tiers: allTiers}, Plan{"auto", Standard}},
		{"override", nil, Subject{Model: "forced", BodyTier: Priority, Tiers: allTiers}, Plan{Flex, Standard}},
		{"a rule's tier is the fallback already", nil, Subject{Model: "plain", Tiers: allTiers}, Plan{Standard}},
		{"the operation has no tiers", nil, Subject{Model: "m"}, Plan{""}},
		{"the operation has no tiers, the body names one", nil, Subject{Model: "m", BodyTier: "x"}, Plan{"x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := r.Resolve(test.options, test.subject)
			if !slices.Equal(got.Plan, test.plan) {
				t.Errorf("plan %q, want %q", got.Plan, test.plan)
			}
			explained, list := r.Explain(test.options, test.subject)
			if !slices.Equal(explained.Plan, test.plan) || len(list) == 0 {
				t.Errorf("explained: %q", explained.Plan)
			}
		})
	}
	only := settled(t, Policy{Tier: Flex})
	if only.MaxWait != 10*time.Minute || only.MaxElapsed != 45*time.Minute {
		t.Errorf("a plan that ends in flex: %v, %v", only.MaxWait, only.MaxElapsed)
	}
	if s := settled(t, Policy{Tier: Flex, MaxWait: time.Second}); s.MaxWait != time.Second {
		t.Errorf("its default replaces what was set: %v", s.MaxWait)
	}
	if s := settled(t, Policy{}); s.MaxAttempts != 6 || s.MaxWait != 2*time.Minute || s.MaxElapsed != 15*time.Minute || s.Plan.First() != "" {
		t.Errorf("defaults: %+v", s)
	}
}

func TestExplainSources(t *testing.T) {
	r, err := NewResolver(Policy{Tier: Flex, MaxWait: time.Minute, Rules: []Rule{{Match: Match{Model: "m"}, Set: Policy{Patience: time.Second}}}})
	if err != nil {
		t.Fatal(err)
	}
	_, list := r.Explain(From(With(context.Background(), MaxAttempts(3))), Subject{Model: "m", BodyTier: Standard, Tiers: allTiers})
	want := map[string]Source{
		"tier": FromBody, "patience": FromRule(0), "max_wait": FromPolicy, "max_attempts": FromContext, "max_elapsed": FromDefault,
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

func TestGlob(t *testing.T) {
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"*", "a/b", true}, {"gemini-*-pro*", "gemini-2.5-pro-preview", true}, {"gemini-*-pro*", "gemini-2.5-flash", false},
		{"gpt-?", "gpt-5", true}, {"gpt-?", "gpt-55", false}, {"a*b*c", "aXbXbc", true}, {"a*b*c", "aXc", false}, {"", "x", false}, {"**", "x", true},
		{strings.Repeat("*a", 30), strings.Repeat("a", 2000) + "b", false},
	} {
		if got := glob(test.pattern, test.s); got != test.want {
			t.Errorf("glob(%q, %.20q) = %v", test.pattern, test.s, got)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	for field, option := range map[string]Option{
		"OnTier": OnTier("x"), "FallBackTo": FallBackTo("x"), "MaxAttempts": MaxAttempts(0), "CachedContent": CachedContent("a b"),
		"MaxCost": MaxCost(-1), "Tag": Tag("", "x"),
	} {
		ctx := With(With(context.Background(), option), Tag("still", "there"))
		var bad *FieldError
		if err := From(ctx).Err(); !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("want an error about %s, got %v", field, err)
		}
	}
	for _, option := range []Option{Tag(strings.Repeat("k", 65), ""), Tag("k", strings.Repeat("v", 257)), Tag("k", "a\x00"), OnTier("")} {
		if From(With(context.Background(), option)).Err() == nil {
			t.Error("no error")
		}
	}
}

func TestWith(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	outer := With(context.Background(), Tag("a", "1"), OnTier(Flex), nil)
	inner := With(outer, Tag("b", "2"), Tag("a", "3"), FinishBy(soon), MaxCost(price.USD), CachedContent("cachedContents/x"), AllowDoubleBilling())
	if got := From(outer).Tags(); len(got) != 1 || got["a"] != "1" {
		t.Errorf("the outer context was changed: %v", got)
	}
	o := From(inner)
	if got := o.Tags(); len(got) != 2 || got["a"] != "3" || got["b"] != "2" {
		t.Errorf("tags %v", got)
	}
	by, ok := o.FinishBy()
	most, bounded := o.MaxCost()
	if !ok || !by.Equal(soon) || !bounded || most != price.USD || o.CachedContent() != "cachedContents/x" || !o.double || o.tier != Flex {
		t.Errorf("%+v", o)
	}
	var none *Options
	if _, ok := none.FinishBy(); ok || none.Err() != nil || none.Tags() != nil || none.CachedContent() != "" || none.Tracked() != nil {
		t.Error("no options say something")
	}
	if _, ok := none.MaxCost(); ok {
		t.Error("no options say something")
	}
}

func TestTrack(t *testing.T) {
	ctx, call := Track(context.Background())
	tracked := From(ctx).Tracked()
	tracked.Report(Report{Err: errors.New("first"), Priced: true})
	tracked.Report(Report{Tier: Flex, Usage: price.Usage{Input: 3}, Cost: 5, Priced: true})
	cost, complete := call.Cost()
	if call.Attempts() != 2 || call.Tier() != Flex || call.Usage().Input != 3 || !complete || cost.String() != "0.000000000005" || call.Err() != nil {
		t.Errorf("%+v", call)
	}
	tracked.Report(Report{Refused: true, Priced: true, Err: errors.New("no")})
	tracked.Report(Report{})
	if _, complete := call.Cost(); complete || call.Attempts() != 3 {
		t.Error("an attempt of unknown cost goes unnoticed")
	}
	(*Call)(nil).Report(Report{})
}
