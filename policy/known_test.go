package policy

import (
	"fmt"
	"strings"
	"testing"
)

// known are the calls of two providers.
var known = []Known{
	{Provider: "openai", Operation: "chat", Tiers: allTiers},
	{Provider: "openai", Operation: "embeddings"},
	{Provider: "gemini", Operation: "generate", Tiers: []Tier{Flex, Standard}},
	{Provider: "gemini", Operation: "count_tokens", Free: true},
}

func TestUnmatched(t *testing.T) {
	for _, test := range []struct {
		match Match
		want  string // the field and the problem, of a rule; "" if there is none
	}{
		{Match{}, ""},
		{Match{Provider: "openai", Operation: "chat", Model: "whatever", Tags: map[string]string{"a": "b"}}, ""},
		{Match{Provider: "*", Operation: "?hat"}, ""},
		{Match{Operation: "count_tokens"}, ""},
		{Match{Provider: "opnai"}, "Provider no provider has this name; did you mean openai?"},
		{Match{Provider: "gemini*", Operation: "chat"}, "Operation gemini* has no such operation; it has count_tokens, generate"},
		{Match{Provider: "acme"}, "Provider no provider has this name; known are gemini, openai"},
		{Match{Operation: "chat/completions"}, "Operation no operation has this name; did you mean chat?"},
		{Match{Operation: "chat.completions"}, "Operation no operation has this name; did you mean chat?"},
		{Match{Operation: "v1/embedding"}, "Operation no operation has this name; did you mean embeddings?"},
		{Match{Operation: "generateContent"}, "Operation no operation has this name; did you mean generate?"},
		{Match{Operation: "CHAT"}, "Operation no operation has this name; did you mean chat?"},
		{Match{Operation: "z"}, "Operation no operation has this name; known are chat, count_tokens, embeddings, generate"},
	} {
		p := Policy{Rules: []Rule{{Match: test.match}}, Limits: []Limit{{Match: test.match, Concurrency: 1}}}
		var got []string
		for _, e := range p.Unmatched(known) {
			got = append(got, e.Field+" "+e.Problem)
		}
		var want []string
		switch {
		case test.match.Operation == "count_tokens":
			want = []string{"Limits[0].Match.Operation its calls cost nothing, and limits do not hold such calls back"}
		case test.want != "":
			want = []string{"Rules[0].Match." + test.want, "Limits[0].Match." + test.want}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v:\ngot  %q\nwant %q", test.match, got, want)
		}
	}
}

func TestIneffective(t *testing.T) {
	limits := func(l ...Limit) Policy { return Policy{Limits: l} }
	openai := Match{Provider: "openai"}
	for name, test := range map[string]struct {
		policy Policy
		want   string // the fields
	}{
		"nothing":                               {Policy{}, ""},
		"limits of different calls":             {limits(Limit{Match: openai, Concurrency: 5}, Limit{Match: Match{Provider: "gemini"}, Concurrency: 3}), ""},
		"a wide and a narrow limit":             {limits(Limit{Concurrency: 50}, Limit{Match: openai, Concurrency: 5}), ""},
		"a narrow limit beneath a stricter one": {limits(Limit{Match: openai, Concurrency: 32}, Limit{Concurrency: 10}), "Limits[0]"},
		"the same limit twice":                  {limits(Limit{Match: openai, Concurrency: 5}, Limit{Match: openai, Concurrency: 5}), "Limits[1]"},
		"three times":                           {limits(Limit{Concurrency: 5}, Limit{Concurrency: 5}, Limit{Concurrency: 5}), "Limits[1] Limits[2]"},
		"rates":                                 {limits(Limit{RequestsPerMinute: 60}, Limit{RequestsPerMinute: 120}), "Limits[1]"},
		"a slower rate with a larger burst":     {limits(Limit{RequestsPerMinute: 60, Burst: 50}, Limit{RequestsPerMinute: 120, Burst: 2}), ""},
		"another kind":                          {limits(Limit{RequestsPerMinute: 60}, Limit{Concurrency: 1}), ""},
		"both kinds beneath one":                {limits(Limit{RequestsPerMinute: 60}, Limit{RequestsPerMinute: 60, Concurrency: 1}), "Limits[0]"},
		"a last rule without effect":            {Policy{Rules: []Rule{{Match: openai}}}, "Rules[0].Set"},
		"a rule that excepts":                   {Policy{Rules: []Rule{{Match: openai}, {Set: Policy{Tier: Flex}}}}, ""},
		"a tier that is not taken": {Policy{Rules: []Rule{{Match: Match{Operation: "embeddings"}, Set: Policy{Tier: Flex, Fallback: Standard}}}},
			"Rules[0].Set.Tier Rules[0].Set.Fallback"},
		"a tier that the provider has not": {Policy{Rules: []Rule{{Match: Match{Provider: "gemini"}, Set: Policy{Tier: Priority, Fallback: Standard}}}}, "Rules[0].Set.Tier"},
		"a tier that some take":            {Policy{Rules: []Rule{{Match: openai, Set: Policy{Tier: Flex, Fallback: NoFallback}}}}, ""},
	} {
		if err := test.policy.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, e := range test.policy.Ineffective(known) {
			got = append(got, e.Field)
			if e.Problem == "" || !strings.HasPrefix(e.Error(), "policy: "+e.Field+" is ") {
				t.Errorf("%s: %v", name, e)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if got := (&Policy{Rules: []Rule{{Set: Policy{Tier: Flex}}}}).Ineffective(nil); got != nil {
		t.Errorf("where nothing is known: %v", got)
	}
}
