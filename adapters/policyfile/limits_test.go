package policyfile

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests need zones, and the machine may have none

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func TestLimits(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       policy.Policy
	}{
		{"tokens", "limits: [{tokens_per_minute: 200000, token_burst: 400000}, {input_tokens_per_minute: 5, output_tokens_per_minute: 6}]",
			policy.Policy{Limits: []policy.Limit{{TokensPerMinute: 200_000, TokenBurst: 400_000}, {InputTokensPerMinute: 5, OutputTokensPerMinute: 6}}}},
		{"the largest", "limits: [{tokens_per_minute: 1000000000000, requests_per_day: 1000000000, concurrency: 1000000}]",
			policy.Policy{Limits: []policy.Limit{{TokensPerMinute: 1e12, RequestsPerDay: 1e9, Concurrency: 1e6}}}},
		{"learned", "limits:\n- learn: true\n  per: []\n", policy.Policy{Limits: []policy.Limit{{Learn: true, Per: []string{}}}}},
		{"days", "limits: [{requests_per_day: 5, tokens_per_day: 7, zone: America/Los_Angeles, tier: flex}]",
			policy.Policy{Limits: []policy.Limit{{RequestsPerDay: 5, TokensPerDay: 7, Zone: "America/Los_Angeles", Tier: policy.Flex}}}},
		{"per", "limits:\n- name: 'all'\n  concurrency: 1\n  per: [model, \"tag:tenant\", 'tag:a b']\n- concurrency: 1\n  per:\n  - tag:c\n",
			policy.Policy{Limits: []policy.Limit{{Name: "all", Concurrency: 1, Per: []string{"model", "tag:tenant", "tag:a b"}}, {Concurrency: 1, Per: []string{"tag:c"}}}}},
		{"a budget", "budgets:\n  - {name: nightly, match: {tags: {job: nightly}}, window: 24h, cap_usd: \"25.00\"}\n",
			policy.Policy{Budgets: []policy.Budget{{Name: "nightly", Match: policy.Match{Tags: map[string]string{"job": "nightly"}}, Window: 24 * time.Hour, Cap: 25 * price.USD}}}},
		{"budgets", "budgets: [{name: a, every: week, zone: Europe/Berlin, cap_usd: 0.000000000001, warn_percent: 100, cheapest_percent: 1}, {name: b, window: 8784h, cap_usd: 4000000, per: [model]}]",
			policy.Policy{Budgets: []policy.Budget{
				{Name: "a", Every: policy.EveryWeek, Zone: "Europe/Berlin", Cap: 1, WarnPercent: 100, CheapestPercent: 1},
				{Name: "b", Window: 8784 * time.Hour, Cap: 4_000_000 * price.USD, Per: []string{"model"}}}}},
		{"no budgets", "budgets: []", policy.Policy{Budgets: []policy.Budget{}}},
		{"classes", "defaults: {class: batch}\nrules: [{match: {tags: {user: \"*\"}}, class: interactive}]",
			policy.Policy{Class: policy.ClassBatch, Rules: []policy.Rule{{Match: policy.Match{Tags: map[string]string{"user": "*"}}, Set: policy.Policy{Class: policy.ClassInteractive}}}}},
		{"json", `{"defaults":{"class":"batch"},"budgets":[{"name":"a","every":"day","cap_usd":5}]}`,
			policy.Policy{Class: policy.ClassBatch, Budgets: []policy.Budget{{Name: "a", Every: policy.EveryDay, Cap: 5 * price.USD}}}},
	} {
		got, err := Parse("p.yaml", []byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", test.name, got, test.want)
		}
	}
}

// A figure that is no count, or an absurd one, is a mistake that names the key.
func TestCounts(t *testing.T) {
	for key, most := range map[string]string{
		"requests_per_minute": "1000000000", "burst": "1000000000", "tokens_per_minute": "1000000000000", "input_tokens_per_minute": "1000000000000",
		"output_tokens_per_minute": "1000000000000", "token_burst": "1000000000000", "requests_per_day": "1000000000", "tokens_per_day": "1000000000000",
		"concurrency": "1000000",
	} {
		at := "p.yaml:2:" + columnAfter("  - {"+key+": ") + ": limits[0]." + key + ": "
		text := func(value string) string { return "limits:\n  - {" + key + ": " + value + ", learn: true}\n" }
		wantMistakes(t, []mistake{
			{text("0"), at + "0 would mean "},
			{text("-0"), at + "0 would mean "},
			{text("-1"), at + "-1: it must not be negative"},
			{text("1e309"), at + "want a plain decimal number, not "},
			{text("1e3"), at + "want a plain decimal number, not "},
			{text(".nan"), at + "want a plain decimal number, not "},
			{text("NaN"), at + `want a plain decimal number, not the text "NaN"`},
			{text(".inf"), at + "want a plain decimal number, not "},
			{text("1.5"), at + "want a plain decimal number, not 1.5"},
			{text("500.0"), at + "want a plain decimal number, not 500.0"},
			{text("500/min"), at + `want a plain decimal number, not the text "500/min"`},
			{text("500k"), at + `want a plain decimal number, not the text "500k"`},
			{text("1_000"), at + "want a plain decimal number, not "},
			{text("\"500\""), at + `want a plain decimal number, not the text "500"`},
			{text("true"), at + "want a plain decimal number, not true"},
			{text("[5]"), at + "want a plain decimal number, not a list"},
			{text("9223372036854775807"), at + "9223372036854775807: it is more than " + most},
			{text("9223372036854775808"), at + "want a plain decimal number, not 9223372036854775808"},
			{text("99999999999999999999999"), at + "want a plain decimal number, not "},
			{text("-99999999999999999999999"), at + "want a plain decimal number, not "},
		})
	}
}

// columnAfter returns the column that follows a text.
func columnAfter(text string) string { return strconv.Itoa(len(text) + 1) }

func TestLimitMistakes(t *testing.T) {
	wantMistakes(t, []mistake{
		{"limits: [{concurrency: 1, token_burst: 5}]", "p.yaml:1:40: limits[0].token_burst: 5: it needs tokens_per_minute, input_tokens_per_minute or output_tokens_per_minute"},
		{"limits: [{tokens_per_minute: 200,000}]", "p.yaml:1:34: limits[0]: want a key that is text, not 000; numbers have no separators: write 200000, not 200,000"},
		{"limits: [{tokens_per_minute: 1,200,000, burst: 1}]", "p.yaml:1:32: limits[0]: want a key that is text, not 200; numbers have no separators\np.yaml:1:36: limits[0]: want a key that is text, not 000; numbers have no separators"},
		{"limits: [{tokens_per_minute: 5, 7: 8}]", "p.yaml:1:33: limits[0]: want a key that is text, not 7; quote it"},
		{"limits: [{concurrency: 1, zone: UTC}]", `p.yaml:1:33: limits[0].zone: "UTC": it needs requests_per_day or tokens_per_day`},
		{"limits: [{requests_per_day: 1, zone: Pacific}]", `p.yaml:1:38: limits[0].zone: "Pacific": it is not in this machine's database of time zones`},
		{"limits: [{concurrency: 1, tier: cheap}]", `p.yaml:1:33: limits[0].tier: "cheap": want flex, standard or priority`},
		{"limits: [{concurrency: 1, tier: [flex]}]", "p.yaml:1:33: limits[0].tier: want text, not a list"},
		{"limits: [{concurrency: 1, tier: flex, match: {operation: embeddings}}]", "p.yaml:1:33: limits[0].tier: flex: no call that the limit matches (operation embeddings) takes this tier"},
		{"limits: [{concurrency: 1, per: model}]", "p.yaml:1:32: limits[0].per: want a list, as [a, b], not the text \"model\""},
		{"limits: [{concurrency: 1, per: [tenant]}]", `p.yaml:1:32: limits[0].per: "tenant": no such dimension; want provider, operation, model, tier, key or tag:NAME; did you mean tag:tenant?`},
		{"limits: [{concurrency: 1, per: [modle]}]", `p.yaml:1:32: limits[0].per: "modle": no such dimension; want provider, operation, model, tier, key or tag:NAME; did you mean model?`},
		{"limits: [{concurrency: 1, per: ['a b']}]", `p.yaml:1:32: limits[0].per: "a b": no such dimension; want provider, operation, model, tier, key or tag:NAME`},
		{"limits: [{concurrency: 1, per: [model, 5]}]", "p.yaml:1:40: limits[0].per[1]: want text, not 5"},
		{"limits: [{concurrency: 1, per: [model, model]}]", `p.yaml:1:32: limits[0].per: "model": it is there twice`},
		{"limits: [{concurrency: 1, per: [\"tag:\"]}]", "p.yaml:1:32: limits[0].per: \"\": a tag needs a name"},
		{"limits: [{concurrency: 1, name: ''}]", "p.yaml:1:33: limits[0].name: empty text"},
		{"limits: [{concurrency: 1, name: a}, {concurrency: 2, name: a}]", `p.yaml:1:60: limits[1].name: "a": limits[0] has this name already`},
		{"limits: [{learn: false}]", "p.yaml:1:10: limits[0]: a limit needs one of"},
		{"limits: [{learn: maybe}]", "p.yaml:1:18: limits[0].learn: want true or false"},
		{"limits: [{tokens_per_minut: 5, concurrency: 1}]", "p.yaml:1:11: limits[0].tokens_per_minut: unknown key; did you mean tokens_per_minute?"},
		{"limits: [{cap_usd: 5, concurrency: 1}]", "p.yaml:1:11: limits[0].cap_usd: it does not belong here, but in a budget"},
		// What could not be read is not also missing.
		{"limits: [{tokens_per_minute: 500/min, token_burst: 5}]", "p.yaml:1:30: limits[0].tokens_per_minute: want a plain"},
		{"limits: [{requests_per_dya: 5, zone: UTC}]", "p.yaml:1:11: limits[0].requests_per_dya: unknown key; did you mean requests_per_day?"},
	})
}

func TestBudgetMistakes(t *testing.T) {
	budget := func(rest string) string { return "budgets:\n  - {name: a, " + rest + "}\n" }
	wantMistakes(t, []mistake{
		{"budgets: [{}]", "p.yaml:1:11: budgets[0]: it needs a name"},
		{"budgets: [{every: day, cap_usd: 5}]", "p.yaml:1:11: budgets[0]: it needs a name"},
		{budget("every: day"), "p.yaml:2:5: budgets[0]: a budget needs a cap_usd"},
		{budget("cap_usd: 5"), "p.yaml:2:5: budgets[0]: a budget needs either window or every"},
		{budget("every: day, window: 24h, cap_usd: 5"), `p.yaml:2:22: budgets[0].every: "day": a budget has either window or every`},
		{budget("every: year, cap_usd: 5"), `p.yaml:2:22: budgets[0].every: "year": want minute, hour, day, week or month`},
		{budget("window: 1s, cap_usd: 5"), "p.yaml:2:23: budgets[0].window: 1s: it is shorter than a minute"},
		{budget("window: 5ms, cap_usd: 5"), "p.yaml:2:23: budgets[0].window: 5ms: it is shorter than a minute"},
		{budget("window: -1h, cap_usd: 5"), "p.yaml:2:23: budgets[0].window: -1h0m0s: it must not be negative"},
		{budget("window: 0s, cap_usd: 5"), "p.yaml:2:23: budgets[0].window: 0s: a budget needs either window or every"},
		{budget("window: 9000h, cap_usd: 5"), "p.yaml:2:23: budgets[0].window: 9000h0m0s: it is longer than 366 days"},
		{budget("window: 30d, cap_usd: 5"), `p.yaml:2:23: budgets[0].window: "30d" is no duration`},
		{budget("window: 24, cap_usd: 5"), "p.yaml:2:23: budgets[0].window: 24 has no unit"},
		{budget("window: 24h, zone: UTC, cap_usd: 5"), `p.yaml:2:34: budgets[0].zone: "UTC": it needs every`},
		{budget("every: day, zone: Local, cap_usd: 5"), `p.yaml:2:33: budgets[0].zone: "Local": it is another zone on each machine`},
		{budget("every: day, cap_usd: 0"), "p.yaml:2:36: budgets[0].cap_usd: 0: a budget needs a cap_usd above 0; for no spending at all, do not send the calls"},
		{budget("every: day, cap_usd: -5"), "p.yaml:2:36: budgets[0].cap_usd: -5: it must not be negative"},
		{budget("every: day, cap_usd: $5"), `p.yaml:2:36: budgets[0].cap_usd: "$5" is no amount`},
		{budget("every: day, cap_usd: .nan"), "p.yaml:2:36: budgets[0].cap_usd: "},
		{budget("every: day, cap_usd: 1e309"), "p.yaml:2:36: budgets[0].cap_usd: "},
		{budget("every: day, cap_usd: 4000001"), "p.yaml:2:36: budgets[0].cap_usd: 4000001: it is more than 4000000 US dollars"},
		{budget("every: day, cap: 5"), "p.yaml:2:27: budgets[0].cap: unknown key; want match, name, per, window, every, zone, cap_usd"},
		{budget("every: day, cap_usd: 5, warn_percent: 80%"), `p.yaml:2:53: budgets[0].warn_percent: want a plain decimal number, not the text "80%"`},
		{budget("every: day, cap_usd: 5, warn_percent: 0.8"), "p.yaml:2:53: budgets[0].warn_percent: want a plain decimal number, not 0.8"},
		{budget("every: day, cap_usd: 5, warn_percent: 101"), "p.yaml:2:53: budgets[0].warn_percent: 101: it is more than 100"},
		{budget("every: day, cap_usd: 5, cheapest_percent: 0"), "p.yaml:2:57: budgets[0].cheapest_percent: 0 would mean never"},
		{budget("every: day, cap_usd: 5, per: [tag]"), `p.yaml:2:44: budgets[0].per: "tag": no such dimension; want provider, operation, model, tier or tag:NAME`},
		{budget("every: day, cap_usd: 5, per: [tenant]"), `p.yaml:2:44: budgets[0].per: "tenant": no such dimension; want provider, operation, model, tier or tag:NAME; did you mean tag:tenant?`},
		{budget("every: day, cap_usd: 5, per: [key]"), `p.yaml:2:44: budgets[0].per: "key": rows do not say which key`},
		{budget("every: day, cap_usd: 5, match: {provider: opnai}"), `p.yaml:2:57: budgets[0].match.provider: "opnai": no provider has this name; did you mean openai?`},
		{budget("every: day, cap_usd: 5, match: {operation: count_tokens}"), `p.yaml:2:58: budgets[0].match.operation: "count_tokens": its calls cost nothing, so there is nothing to bound`},
		{budget("every: day, cap_usd: 5, tokens_per_day: 5"), "p.yaml:2:39: budgets[0].tokens_per_day: it does not belong here, but in a limit"},
		{budget("every: day, cap_usd: 5") + "  - {name: a, every: day, cap_usd: 6}\n", `p.yaml:3:12: budgets[1].name: "a": budgets[0] has this name already`},
		{"budgets:\n  a: {every: day, cap_usd: 5}\n", "p.yaml:2:3: budgets: want a list"},
		{"budgets:\n", "p.yaml:1:1: budgets: it has no value"},
		{"budget: []", "p.yaml:1:1: budget: unknown key; did you mean budgets?"},
		// Several at once, and none that only follows from another.
		{budget("every: dya, zone: UTC, cap_usd: x") + "  - {name: a, window: 5, cap_usd: 5}\n  - {name: b, window: 1h}\n",
			"p.yaml:2:22: budgets[0].every: \np.yaml:2:47: budgets[0].cap_usd: \np.yaml:3:12: budgets[1].name: \np.yaml:3:23: budgets[1].window: 5 has\np.yaml:4:5: budgets[2]: a budget needs a cap_usd"},
	})
}

func TestClassMistakes(t *testing.T) {
	wantMistakes(t, []mistake{
		{"defaults: {class: urgent}", `p.yaml:1:19: defaults.class: "urgent": want interactive or batch`},
		{"rules: [{class: Batch}]", `p.yaml:1:17: rules[0].class: "Batch": want interactive or batch`},
		{"defaults: {class: ''}", "p.yaml:1:19: defaults.class: empty text"},
		{"defaults: {class: {batch: true}}", "p.yaml:1:19: defaults.class: want text, not a mapping"},
		{"defaults: {clas: batch}", "p.yaml:1:12: defaults.clas: unknown key; did you mean class?"},
		{"class: batch", "p.yaml:1:1: class: it does not belong here, but in defaults or a rule"},
		{"defaults: {retry: {class: batch}}", "p.yaml:1:20: defaults.retry.class: it does not belong here, but in defaults or a rule"},
		{"match: {}", "p.yaml:1:1: match: it does not belong here, but in a rule, a limit or a budget"},
	})
}

// Thousands of budgets of one name end in some errors, soon.
func TestManyBudgets(t *testing.T) {
	start := time.Now()
	check(t, []byte("budgets: ["+strings.Repeat("{name: a, every: day, cap_usd: 1},", 5000)+"]"))
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}
