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
