package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// daily returns a valid budget, changed.
func daily(change func(*Budget)) Budget {
	b := Budget{Name: "b", Every: EveryDay, Cap: 10 * price.USD}
	if change != nil {
		change(&b)
	}
	return b
}

func TestBudgetRefused(t *testing.T) {
	for _, test := range []struct {
		field, problem string
		change         func(*Budget)
	}{
		{"Name", "it needs a name", func(b *Budget) { b.Name = "" }},
		{"Name", "at most 64", func(b *Budget) { b.Name = strings.Repeat("n", 65) }},
		{"Name", "control characters", func(b *Budget) { b.Name = "a\tb" }},
		{"Match.Provider", "control characters", func(b *Budget) { b.Match.Provider = "a\n" }},
		{"Per", "no such dimension", func(b *Budget) { b.Per = []string{"tenant"} }},
		{"Per", "it is there twice", func(b *Budget) { b.Per = []string{"model", "model"} }},
		{"Per", "rows do not say which key", func(b *Budget) { b.Per = []string{"model", "key"} }},
		{"Window", "either Window or Every", func(b *Budget) { b.Every = "" }},
		{"Every", "either Window or Every", func(b *Budget) { b.Window = time.Hour }},
		{"Every", "want minute, hour, day, week or month", func(b *Budget) { b.Every = "year" }},
		{"Every", "want minute, hour, day, week or month", func(b *Budget) { b.Every = "Day" }},
		{"Window", "negative", func(b *Budget) { b.Every, b.Window = "", -time.Hour }},
		{"Window", "shorter than a minute", func(b *Budget) { b.Every, b.Window = "", time.Minute-1 }},
		{"Window", "shorter than a minute", func(b *Budget) { b.Every, b.Window = "", 1 }},
		{"Window", "longer than 366 days", func(b *Budget) { b.Every, b.Window = "", 366*24*time.Hour+1 }},
		{"Zone", "database of time zones", func(b *Budget) { b.Zone = "Berlin" }},
		{"Zone", "another zone on each machine", func(b *Budget) { b.Zone = "Local" }},
		{"Zone", "it needs Every", func(b *Budget) { b.Every, b.Window, b.Zone = "", time.Hour, "UTC" }},
		{"Cap", "a budget needs a Cap", func(b *Budget) { b.Cap = 0 }},
		{"Cap", "negative", func(b *Budget) { b.Cap = -1 }},
		{"Cap", "more than 4000000 US dollars", func(b *Budget) { b.Cap = maxCap + 1 }},
		{"WarnPercent", "negative", func(b *Budget) { b.WarnPercent = -1 }},
		{"WarnPercent", "more than 100", func(b *Budget) { b.WarnPercent = 101 }},
		{"CheapestPercent", "negative", func(b *Budget) { b.CheapestPercent = -1 }},
		{"CheapestPercent", "more than 100", func(b *Budget) { b.CheapestPercent = 101 }},
	} {
		p := Policy{Budgets: []Budget{daily(func(b *Budget) { b.Name = "another" }), daily(test.change)}}
		wantField(t, p.Validate(), "Budgets", 1, test.field, test.problem)
	}
	p := Policy{Budgets: []Budget{daily(nil), daily(func(b *Budget) { b.Match.Model = "m" })}}
	wantField(t, p.Validate(), "Budgets", 1, "Name", "Budgets[0] has this name already")
	p = Policy{Rules: []Rule{{Set: Policy{Budgets: []Budget{daily(nil)}}}}}
	wantField(t, p.Validate(), "Rules", 0, "Set.Budgets", "budgets match calls themselves")
}

func TestBudgetAccepted(t *testing.T) {
	for _, change := range []func(*Budget){
		nil,
		func(b *Budget) { b.Every, b.Window = "", time.Minute },
		func(b *Budget) { b.Every, b.Window = "", 366*24*time.Hour },
		func(b *Budget) { b.Every, b.Zone = EveryMonth, "Europe/Berlin" },
		func(b *Budget) { b.Cap, b.WarnPercent, b.CheapestPercent = 1, 100, 100 },
		func(b *Budget) { b.Cap, b.Per = maxCap, []string{"tag:tenant", "model"} },
	} {
		p := Policy{Budgets: []Budget{daily(change)}}
		if err := p.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestBudgetUnmatched(t *testing.T) {
	for _, test := range []struct {
		match       Match
		field, want string
	}{
		{Match{}, "", ""},
		{Match{Provider: "gemini"}, "", ""},
		{Match{Provider: "opnai"}, "Budgets[0].Match.Provider", "did you mean openai?"},
		{Match{Provider: "openai", Operation: "generate"}, "Budgets[0].Match.Operation", "openai has no such operation"},
		{Match{Operation: "count_tokens"}, "Budgets[0].Match.Operation", "its calls cost nothing, so there is nothing to bound"},
	} {
		p := Policy{Budgets: []Budget{daily(func(b *Budget) { b.Match = test.match })}}
		switch errs := p.Unmatched(known); {
		case test.field == "" && len(errs) > 0:
			t.Errorf("%v: %v", test.match, errs[0])
		case test.field != "" && (len(errs) != 1 || errs[0].Field != test.field || !strings.Contains(errs[0].Problem, test.want)):
			t.Errorf("%v: %v", test.match, errs)
		}
	}
}

// A limit on a tier that none of its calls takes holds nothing back.
func TestLimitTierUnmatched(t *testing.T) {
	for _, test := range []struct {
		limit Limit
		want  bool
	}{
		{Limit{Tier: Flex}, false},
		{Limit{Tier: Priority, Match: Match{Provider: "openai"}}, false},
		{Limit{Tier: Priority, Match: Match{Provider: "gemini"}}, true},
		{Limit{Tier: Flex, Match: Match{Operation: "embeddings"}}, true},
		{Limit{Match: Match{Operation: "embeddings"}}, false},
	} {
		test.limit.Concurrency = 1
		p := Policy{Limits: []Limit{test.limit}}
		errs := p.Unmatched(known)
		if len(errs) > 0 != test.want || test.want && (errs[0].Field != "Limits[0].Tier" || !strings.Contains(errs[0].Problem, "takes this tier")) {
			t.Errorf("%+v: %v", test.limit, errs)
		}
	}
}

func TestBudgetWithoutEffect(t *testing.T) {
	sliding := func(d time.Duration) func(*Budget) { return func(b *Budget) { b.Every, b.Window = "", d } }
	every := func(p Period, cap price.Pico) func(*Budget) {
		return func(b *Budget) { b.Every, b.Cap = p, cap*price.USD }
	}
	for _, test := range []struct {
		name        string
		strict, lax func(*Budget)
		want        bool
	}{
		{"the same", nil, nil, true},
		{"a larger cap", nil, every(EveryDay, 11), true},
		{"a smaller cap", nil, every(EveryDay, 9), false},
		{"of fewer calls", nil, func(b *Budget) { b.Match.Model = "m" }, true},
		{"of more calls", func(b *Budget) { b.Match.Model = "m" }, nil, false},
		{"each", nil, func(b *Budget) { b.Per = []string{"model"} }, true},
		{"for all", func(b *Budget) { b.Per = []string{"model"} }, nil, false},
		{"a day in a month", every(EveryMonth, 10), every(EveryDay, 10), true},
		{"a month of days", every(EveryDay, 10), every(EveryMonth, 10), false},
		{"a day in a week", every(EveryWeek, 10), every(EveryDay, 10), true},
		{"a week over months", every(EveryMonth, 10), every(EveryWeek, 10), false},
		{"the same week", every(EveryWeek, 10), every(EveryWeek, 10), true},
		{"a minute in an hour", every(EveryHour, 10), every(EveryMinute, 10), true},
		{"a day elsewhere", nil, func(b *Budget) { b.Zone = "Europe/Berlin" }, false},
		{"UTC by name", nil, func(b *Budget) { b.Zone = "UTC" }, true},
		{"sliding, within a longer one", sliding(2 * time.Hour), sliding(time.Hour), true},
		{"sliding, longer", sliding(time.Hour), sliding(2 * time.Hour), false},
		{"sliding, and of the calendar", sliding(48 * time.Hour), nil, false},
		{"it warns first", nil, func(b *Budget) { b.WarnPercent = 79 }, false},
		{"it warns alone", func(b *Budget) { b.WarnPercent = 100 }, nil, false},
		{"it never warns", nil, func(b *Budget) { b.WarnPercent = 100 }, true},
		{"it has one step more", nil, func(b *Budget) { b.CheapestPercent = 99 }, false},
		{"its step comes later", func(b *Budget) { b.CheapestPercent = 90 }, func(b *Budget) { b.CheapestPercent = 99 }, true},
	} {
		strict, lax := daily(test.strict), daily(test.lax)
		lax.Name = "lax"
		p := Policy{Tier: Flex, Fallback: Standard, Budgets: []Budget{strict, lax}}
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		var got bool
		for _, e := range p.Ineffective(nil) {
			got = got || e.Field == "Budgets[1]"
		}
		if got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// A step to the cheapest tier needs a plan of two.
func TestCheapestWithoutEffect(t *testing.T) {
	for _, test := range []struct {
		policy Policy
		want   bool
	}{
		{Policy{}, true},
		{Policy{Tier: Flex}, true},
		{Policy{Tier: Flex, Fallback: NoFallback}, true},
		{Policy{Tier: Flex, Fallback: Standard}, false},
		{Policy{Fallback: Standard}, false}, // the body may name the first tier
		{Policy{Rules: []Rule{{Match: Match{Model: "m"}, Set: Policy{Tier: Flex, Fallback: Standard}}}}, false},
	} {
		test.policy.Budgets = []Budget{daily(func(b *Budget) { b.CheapestPercent = 90 })}
		got := test.policy.Ineffective(nil)
		if len(got) > 0 != test.want || test.want && got[0].Field != "Budgets[0].CheapestPercent" {
			t.Errorf("%+v: %v", test.policy, got)
		}
	}
}
