package policyfile

import "testing"

func TestTypes(t *testing.T) {
	wantMistakes(t, []mistake{
		{"~", "p.yaml:1:1: want a mapping of keys to values, not nothing"},
		{"flex", "p.yaml:1:1: want a mapping of keys to values, not the text \"flex\""},
		{"# c\n- a\n", "p.yaml:2:1: want a mapping of keys to values, not a list"},
		{"defaults: [flex]", "p.yaml:1:11: defaults: want a mapping of keys to values, not a list"},
		{"defaults:\nrules: []\n", "p.yaml:1:1: defaults: it has no value"},
		{"defaults: {retry: null}", "p.yaml:1:12: defaults.retry: it has no value"},
		{"defaults: {retry}", "p.yaml:1:12: defaults.retry: it has no value"},
		{"rules: {match: {}}", "p.yaml:1:8: rules: want a list, as [a, b], not a mapping"},
		{"rules:\n  match: {}\n", "p.yaml:2:3: rules: want a list"},
		{"rules:\n  - flex\n", "p.yaml:2:5: rules[0]: want a mapping"},
		{"rules:\n  -\n  - match: {}\n", "p.yaml:2:4: rules[0]: an empty item"},
		{"defaults: {tier: {plan: flex}}", "p.yaml:1:25: defaults.tier.plan: want a list"},
		{"defaults: {tier: {plan: []}}", "p.yaml:1:25: defaults.tier.plan: an empty plan"},
		{"defaults: {tier: {plan: [flex, {}]}}", "p.yaml:1:32: defaults.tier.plan[1]: want text, not a mapping"},
		{"defaults: {tier: {plan: [flex, 5]}}", "p.yaml:1:32: defaults.tier.plan[1]: want text, not 5; put it in quotes"},
		{"defaults: {tier: {plan: [\"\"]}}", "p.yaml:1:26: defaults.tier.plan[0]: empty text names no tier"},
		{"defaults: {tier: {override_body: yes}}", "p.yaml:1:34: defaults.tier.override_body: want true or false, not the text \"yes\""},
		{"defaults: {tier: {override_body: 'true'}}", "p.yaml:1:34: defaults.tier.override_body: want true or false"},
		{"defaults: {retry: {max_attempts: '6'}}", "p.yaml:1:34: defaults.retry.max_attempts: want a plain decimal number, not the text \"6\""},
		{"defaults: {retry: {max_attempts: 6.0}}", "p.yaml:1:34: defaults.retry.max_attempts: want a plain decimal number, not 6.0"},
		{"defaults: {retry: {max_attempts: 010}}", "p.yaml:1:34: defaults.retry.max_attempts: want a plain decimal number, not 010"},
		{"defaults: {retry: {max_attempts: 0x10}}", "p.yaml:1:34: defaults.retry.max_attempts: want a plain"},
		{"defaults: {retry: {max_attempts: 1_0}}", "p.yaml:1:34: defaults.retry.max_attempts: want a plain"},
		{"defaults: {retry: {max_attempts: 99999999999999999999}}", "p.yaml:1:34: defaults.retry.max_attempts: want a plain"},
		{"rules: [{match: {model: 5}}]", "p.yaml:1:25: rules[0].match.model: want text, not 5; put it in quotes"},
		{"rules: [{match: {tags: {a: true}}}]", "p.yaml:1:28: rules[0].match.tags.a: want text, not true; put it in quotes"},
		{"rules: [{match: {tags: {a: }}}]", "p.yaml:1:25: rules[0].match.tags.a: it has no value"},
		{"rules: [{match: {provider: ''}}]", "p.yaml:1:28: rules[0].match.provider: empty text would match every call"},
	})
}

func TestUnits(t *testing.T) {
	wantMistakes(t, []mistake{
		{"defaults:\n  tier: {patience: 30}\n", "p.yaml:2:20: defaults.tier.patience: 30 has no unit; write it as 30s"},
		{"defaults:\n  tier: {patience: \"30\"}\n", "p.yaml:2:20: defaults.tier.patience: 30 has no unit"},
		{"defaults: {tier: {patience: 0}}", "p.yaml:1:29: defaults.tier.patience: 0 has no unit"},
		{"defaults: {tier: {patience: 1.5}}", "p.yaml:1:29: defaults.tier.patience: 1.5 has no unit"},
		{"defaults: {tier: {patience: 1d}}", "p.yaml:1:29: defaults.tier.patience: \"1d\" is no duration"},
		{"defaults: {tier: {patience: 1:30}}", "p.yaml:1:29: defaults.tier.patience: \"1:30\" is no duration"},
		{"defaults: {tier: {patience: 30 s}}", "p.yaml:1:29: defaults.tier.patience: \"30 s\" is no duration"},
		{"defaults: {tier: {patience: true}}", "p.yaml:1:29: defaults.tier.patience: want a duration, as 30s, not true"},
		{"defaults: {tier: {patience: [30s]}}", "p.yaml:1:29: defaults.tier.patience: want a duration, as 30s, not a list"},
		{"defaults: {tier: {patience: 9999999h}}", "p.yaml:1:29: defaults.tier.patience: \"9999999h\" is no duration"},
	})
}

func TestMoney(t *testing.T) {
	const at, field = "p.yaml:1:36: ", "defaults.cache.max_cost_usd: "
	text := func(value string) string { return "defaults: {cache: {max_cost_usd:   " + value + "}}" }
	wantMistakes(t, []mistake{
		{text("-1"), at + field + "-1: it must not be negative"},
		{text(`"-0.5"`), at + field + "-0.5: it must not be negative"},
		{text("0"), at + field + "0 would mean the default, 2; leave the key out"},
		{text(`"0.00"`), at + field + "0 would mean the default, 2; leave the key out"},
		{text("$5"), at + field + `"$5" is no amount in US dollars: write it as "2.50"`},
		{text("5 USD"), at + field + `"5 USD" is no amount`},
		{text("1e3"), at + field + `"1e3" is no amount`},
		{text("0x10"), at + field + `"0x10" is no amount`},
		{text("010"), at + field + `"010" is no amount`},
		{text("1_000"), at + field + `"1_000" is no amount`},
		{text(`"1,000"`), at + field + `"1,000" is no amount`},
		{text(".5"), at + field + `".5" is no amount`},
		{text(`""`), at + field + `"" is no amount`},
		{text("true"), at + field + `want an amount in US dollars, as "2.50", not true`},
		{text("[1]"), at + field + `want an amount in US dollars, as "2.50", not a list`},
		{text("1.0000000000001"), at + field + "1.0000000000001 is an amount that is too large, or has more than 12 decimals"},
		{text("99999999999999999999"), at + field + "99999999999999999999 is an amount that is too large"},
		{text("1000001"), at + field + "1000001: it is more than 1000000 US dollars; is the unit right?"},
	})
}

func TestCacheMistakes(t *testing.T) {
	wantMistakes(t, []mistake{
		{"defaults: {cache: {mode: on}}", `p.yaml:1:26: defaults.cache.mode: "on": want off or auto`},
		{"defaults: {cache: {mode: Auto, create: before}}", `p.yaml:1:26: defaults.cache.mode: "Auto": want off or auto`},
		{"defaults: {cache: {mode: true, create: before}}", "p.yaml:1:26: defaults.cache.mode: want text, not true; put it in quotes"},
		{"defaults: {cache: {mode: ''}}", "p.yaml:1:26: defaults.cache.mode: empty text"},
		{"defaults: {cache: {mode: }}", "p.yaml:1:20: defaults.cache.mode: it has no value"},
		{"defaults: {cache: {mode: auto, create: after}}", `p.yaml:1:40: defaults.cache.create: "after": want before or beside`},
		{"defaults: {cache: {writes: always}}", `p.yaml:1:28: defaults.cache.writes: "always": want off or auto`},
		{"defaults: {cache: {key: on}}", `p.yaml:1:25: defaults.cache.key: want true or false, not the text "on"`},
		{"defaults: {cache: {max_live: 0}}", "p.yaml:1:30: defaults.cache.max_live: 0 would mean the default, 100; leave the key out"},
		{"defaults: {cache: {max_live: -1}}", "p.yaml:1:30: defaults.cache.max_live: -1: it must not be negative"},
		{"defaults: {cache: {max_cost: 1}}", "p.yaml:1:20: defaults.cache.max_cost: unknown key; want mode, create, "},
		{"defaults: {cache: {ttl: 1h}}", "p.yaml:1:20: defaults.cache.ttl: unknown key; want mode, create, "},
		{"defaults: {cache: auto}", "p.yaml:1:19: defaults.cache: want a mapping of keys to values"},
		{"cache: {mode: auto}", "p.yaml:1:1: cache: it does not belong here, but in defaults or a rule"},
		{"defaults: {cache: {compatible: true}}\nrules: [{cache: {compatible: false}}]", "p.yaml:2:30: rules[0].cache.compatible: a rule cannot set it back from the defaults' true"},
	})
}
