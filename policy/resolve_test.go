package policy

import (
	"context"
	"slices"
	"testing"
	"time"
)

// allTiers is what an operation of OpenAI's accepts.
var allTiers = []Tier{Flex, Standard, Priority}

func settled(t *testing.T, p Policy) *Settings {
	t.Helper()
	r, err := NewResolver(p)
	if err != nil {
		t.Fatal(err)
	}
	return r.Resolve(nil, Subject{Tiers: allTiers})
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

// Most calls share their Settings: they cost no allocation, and see the rule that they match.
func TestResolveShares(t *testing.T) {
	r, err := NewResolver(Policy{Tier: Flex, Rules: []Rule{{Match: Match{Model: "m"}, Set: Policy{MaxAttempts: 2}}}})
	if err != nil {
		t.Fatal(err)
	}
	tagged := From(With(context.Background(), Tag("a", "b"), FinishBy(time.Now()), MaxCost(1)))
	for _, model := range []string{"m", "other"} {
		s := Subject{Model: model, Tiers: allTiers}
		if n := testing.AllocsPerRun(100, func() { r.Resolve(tagged, s) }); n != 0 || r.Resolve(nil, s) != r.Resolve(tagged, s) {
			t.Errorf("%s: %v allocations", model, n)
		}
	}
	shared := r.Resolve(nil, Subject{Model: "m", Tiers: allTiers})
	own := r.Resolve(From(With(context.Background(), MaxAttempts(4), AllowDoubleBilling())), Subject{Model: "m", Tiers: allTiers})
	if shared.MaxAttempts != 2 || shared.AllowDoubleBilling || own.MaxAttempts != 4 || !own.AllowDoubleBilling || own.MaxWait != 10*time.Minute {
		t.Errorf("shared: %+v\nwith options: %+v", shared, own)
	}
	if s := r.Resolve(From(With(context.Background(), OnTier(Standard))), Subject{Tiers: allTiers}); s.MaxWait != 2*time.Minute {
		t.Errorf("the plan does not end in flex, and max_wait is %v", s.MaxWait)
	}
}

// The Settings say which tier a call does not ask for, and why; and calls without tiers share theirs.
func TestUnasked(t *testing.T) {
	r, err := NewResolver(Policy{Tier: Flex, Fallback: Standard})
	if err != nil {
		t.Fatal(err)
	}
	override, err := NewResolver(Policy{Tier: Flex, OverrideBody: true})
	if err != nil {
		t.Fatal(err)
	}
	const none, other = ": this call takes no service tier", ": this call does not take this tier"
	for _, test := range []struct {
		name    string
		r       *Resolver
		options []Option
		subject Subject
		want    string
	}{
		{"all tiers", r, nil, Subject{Tiers: allTiers}, ""},
		{"no tiers", r, nil, Subject{}, "flex" + none},
		{"no tiers, another by context", r, []Option{OnTier(Priority)}, Subject{}, "priority" + none},
		{"no flex", r, nil, Subject{Tiers: []Tier{Standard, Priority}}, "flex" + other},
		{"no standard", r, nil, Subject{Tiers: []Tier{Flex, Priority}}, "standard" + other},
		{"the body's tier goes first", r, nil, Subject{BodyTier: Priority, Tiers: allTiers}, ""},
		{"the body's tier cannot be replaced", override, nil, Subject{BodyTier: Priority}, "flex" + none},
		{"the body's tier stays", r, nil, Subject{BodyTier: Priority}, ""},
		{"the body's own tier is no other", override, nil, Subject{BodyTier: Flex}, ""},
		{"a fallback alone", mustResolver(t, Policy{Fallback: Standard}), nil, Subject{}, ""},
		{"nothing set", mustResolver(t, Policy{}), nil, Subject{}, ""},
	} {
		s := test.r.Resolve(From(With(context.Background(), test.options...)), test.subject)
		if s.Unasked != test.want {
			t.Errorf("%s: %q, want %q", test.name, s.Unasked, test.want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { r.Resolve(nil, Subject{Model: "m"}) }); n != 0 {
		t.Errorf("%v allocations for a call without tiers", n)
	}
}

func mustResolver(t *testing.T, p Policy) *Resolver {
	t.Helper()
	r, err := NewResolver(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
