package policy

import (
	"errors"
	"strings"
	"testing"
)

func TestLimitRefused(t *testing.T) {
	long := strings.Repeat("n", 65)
	for _, test := range []struct {
		field, problem string // of the last limit
		limits         []Limit
	}{
		{"RequestsPerMinute", "a limit needs one of", []Limit{{}}},
		{"RequestsPerMinute", "a limit needs one of", []Limit{{Name: "a", Per: []string{"model"}, Tier: Flex}}},
		{"RequestsPerMinute", "negative", []Limit{{RequestsPerMinute: -1}}},
		{"RequestsPerMinute", "more than 1000000000", []Limit{{RequestsPerMinute: 1_000_000_001}}},
		{"RequestsPerDay", "negative", []Limit{{RequestsPerDay: -1}}},
		{"RequestsPerDay", "more than", []Limit{{RequestsPerDay: 2_000_000_000}}},
		{"TokensPerMinute", "negative", []Limit{{TokensPerMinute: -1}}},
		{"TokensPerMinute", "more than 1000000000000", []Limit{{TokensPerMinute: 1_000_000_000_001}}},
		{"InputTokensPerMinute", "negative", []Limit{{InputTokensPerMinute: -1}}},
		{"OutputTokensPerMinute", "more than", []Limit{{OutputTokensPerMinute: 1 << 62}}},
		{"TokensPerDay", "negative", []Limit{{TokensPerDay: -1 << 63}}},
		{"Concurrency", "more than 1000000", []Limit{{Concurrency: 1_000_001}}},
		{"Concurrency", "negative", []Limit{{Learn: true, Concurrency: -1}}},
		{"Burst", "it needs RequestsPerMinute", []Limit{{TokensPerMinute: 5, Burst: 1}}},
		{"TokenBurst", "it needs TokensPerMinute", []Limit{{TokensPerDay: 5, TokenBurst: 1}}},
		{"TokenBurst", "negative", []Limit{{TokensPerMinute: 5, TokenBurst: -1}}},
		{"Zone", "it needs RequestsPerDay or TokensPerDay", []Limit{{RequestsPerMinute: 5, Zone: "UTC"}}},
		{"Zone", "database of time zones", []Limit{{RequestsPerDay: 5, Zone: "Europe/Berlinn"}}},
		{"Zone", "database of time zones", []Limit{{RequestsPerDay: 5, Zone: "../../etc/passwd"}}},
		{"Zone", "another zone on each machine", []Limit{{RequestsPerDay: 5, Zone: "Local"}}},
		{"Tier", "want flex, standard or priority", []Limit{{Concurrency: 5, Tier: "cheap"}}},
		{"Tier", "want flex, standard or priority", []Limit{{Concurrency: 5, Tier: Batch}}},
		{"Per", "no such dimension", []Limit{{Concurrency: 5, Per: []string{"model", "tenant"}}}},
		{"Per", "no such dimension", []Limit{{Concurrency: 5, Per: []string{""}}}},
		{"Per", "no such dimension", []Limit{{Concurrency: 5, Per: []string{"Model"}}}},
		{"Per", "it is there twice", []Limit{{Concurrency: 5, Per: []string{"model", "key", "model"}}}},
		{"Per", "it is there twice", []Limit{{Concurrency: 5, Per: []string{"tag:a", "tag:a"}}}},
		{"Per", "a tag needs a name", []Limit{{Concurrency: 5, Per: []string{"tag:"}}}},
		{"Per", "a tag's name has at most", []Limit{{Concurrency: 5, Per: []string{"tag:" + long}}}},
		{"Per", "control characters", []Limit{{Concurrency: 5, Per: []string{"tag:a\n"}}}},
		{"Name", "at most 64", []Limit{{Concurrency: 5, Name: long}}},
		{"Name", "control characters", []Limit{{Concurrency: 5, Name: "a\x00"}}},
		{"Name", "UTF-8", []Limit{{Concurrency: 5, Name: "a\xff"}}},
		{"Name", "a space", []Limit{{Concurrency: 5, Name: "a "}}},
		{"Name", "Limits[0] has this name already", []Limit{{Concurrency: 5, Name: "a"}, {Concurrency: 5}, {Concurrency: 6, Name: "a"}}},
	} {
		p := Policy{Limits: test.limits}
		wantField(t, p.Validate(), "Limits", len(test.limits)-1, test.field, test.problem)
	}
}

// wantField checks that an error is about a field of an item of a list.
func wantField(t *testing.T, err error, list string, i int, field, problem string) {
	t.Helper()
	want := list + "[" + string(rune('0'+i)) + "]." + field
	var bad *FieldError
	if !errors.As(err, &bad) || bad.Field != want || !strings.Contains(bad.Problem, problem) {
		t.Errorf("want an error about %s with %q, got %v", want, problem, err)
	}
}

func TestLimitAccepted(t *testing.T) {
	for _, l := range []Limit{
		{Learn: true},
		{Learn: true, Burst: 5, TokenBurst: 100, Zone: "America/Los_Angeles"},
		{TokensPerMinute: 60, TokenBurst: 600}, // what is saved up may be more than a minute's worth
		{RequestsPerMinute: 60, Burst: 600},
		{InputTokensPerMinute: 1, TokenBurst: 1},
		{OutputTokensPerMinute: 1_000_000_000_000},
		{RequestsPerDay: 1_000_000_000, Zone: "Asia/Kathmandu"},
		{TokensPerDay: 1, Zone: "UTC"},
		{Concurrency: 1_000_000, Tier: Priority, Name: "größte", Per: []string{"provider", "operation", "model", "tier", "key", "tag:a", "tag:model"}},
	} {
		p := Policy{Limits: []Limit{l}}
		if err := p.Validate(); err != nil {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

// A limit without effect is one beside a limit that holds back the same attempts for as long.
func TestLimitHolds(t *testing.T) {
	openai := Match{Provider: "openai"}
	for _, test := range []struct {
		name        string
		strict, lax Limit
		want        bool
	}{
		{"all", Limit{Concurrency: 1}, Limit{Concurrency: 2}, true},
		{"of a tier", Limit{Concurrency: 1}, Limit{Concurrency: 2, Tier: Flex}, true},
		{"only of a tier", Limit{Concurrency: 1, Tier: Flex}, Limit{Concurrency: 2}, false},
		{"of the same tier", Limit{Concurrency: 1, Tier: Flex}, Limit{Concurrency: 2, Tier: Flex}, true},
		{"one for all, and one each", Limit{Concurrency: 1}, Limit{Concurrency: 2, Per: []string{"model"}}, true},
		{"one each, and one for all", Limit{Concurrency: 1, Per: []string{"model"}}, Limit{Concurrency: 2}, false},
		{"by fewer dimensions", Limit{Concurrency: 1, Per: []string{"model"}}, Limit{Concurrency: 2, Per: []string{"key", "model"}}, true},
		{"by others", Limit{Concurrency: 1, Per: []string{"model"}}, Limit{Concurrency: 2, Per: []string{"key"}}, false},
		{"tokens", Limit{TokensPerMinute: 60}, Limit{TokensPerMinute: 61}, true},
		{"fewer tokens", Limit{TokensPerMinute: 61}, Limit{TokensPerMinute: 60}, false},
		{"a larger burst of tokens", Limit{TokensPerMinute: 60, TokenBurst: 100}, Limit{TokensPerMinute: 120}, false},
		{"input, and tokens", Limit{InputTokensPerMinute: 60}, Limit{TokensPerMinute: 60}, false},
		{"input", Limit{InputTokensPerMinute: 60, OutputTokensPerMinute: 5}, Limit{InputTokensPerMinute: 60, OutputTokensPerMinute: 6}, true},
		{"more output", Limit{InputTokensPerMinute: 60, OutputTokensPerMinute: 7}, Limit{InputTokensPerMinute: 60, OutputTokensPerMinute: 6}, false},
		{"no output", Limit{InputTokensPerMinute: 60}, Limit{InputTokensPerMinute: 60, OutputTokensPerMinute: 6}, false},
		{"days", Limit{RequestsPerDay: 5, TokensPerDay: 10}, Limit{RequestsPerDay: 6, TokensPerDay: 10}, true},
		{"days elsewhere", Limit{RequestsPerDay: 5, Zone: "UTC"}, Limit{RequestsPerDay: 6}, false},
		{"days, and none", Limit{RequestsPerDay: 5, Zone: "UTC", Concurrency: 1}, Limit{Concurrency: 1}, true},
		{"more tokens in a day", Limit{TokensPerDay: 11}, Limit{TokensPerDay: 10}, false},
		{"one that learns", Limit{Concurrency: 1}, Limit{Concurrency: 1, Learn: true}, false},
		{"one that learns is stricter", Limit{Concurrency: 1, Learn: true, Per: []string{}}, Limit{Concurrency: 1}, true},
		{"both learn", Limit{Concurrency: 1, Learn: true}, Limit{Concurrency: 2, Learn: true, Match: openai}, true},
		{"both learn, and keep apart others", Limit{Concurrency: 1, Learn: true, Per: []string{"key"}}, Limit{Concurrency: 2, Learn: true}, false},
	} {
		if got := test.strict.holds(&test.lax); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
		p := Policy{Limits: []Limit{test.lax, test.strict}}
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		var without bool
		for _, e := range p.Ineffective(nil) {
			without = without || e.Field == "Limits[0]"
		}
		if without != test.want {
			t.Errorf("%s: reported: %v", test.name, without)
		}
	}
}
