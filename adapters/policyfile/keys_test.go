package policyfile

import "testing"

func TestKeys(t *testing.T) {
	wantMistakes(t, []mistake{
		{"default: {}", "p.yaml:1:1: default: unknown key; did you mean defaults?"},
		{"defaults:\n  retry:\n    max_atempts: 3\n", "p.yaml:3:5: defaults.retry.max_atempts: unknown key; did you mean max_attempts?"},
		{"defaults: {retry: {max_wiat: 3s}}", "p.yaml:1:20: defaults.retry.max_wiat: unknown key; did you mean max_wait?"},
		{"defaults: {retry: {colour: 3s}}", "p.yaml:1:20: defaults.retry.colour: unknown key; want max_attempts, max_wait, "},
		{"defaults: {retry: {Quota: 3}}", "p.yaml:1:20: defaults.retry.Quota: unknown key; did you mean quota?"},
		{"defaults: {patience: 3s}", "p.yaml:1:12: defaults.patience: it does not belong here, but in tier"},
		{"tier: {plan: [flex]}", "p.yaml:1:1: tier: it does not belong here, but in defaults, a rule or a limit"},
		{"rules:\n  - provider: openai\n", "p.yaml:2:5: rules[0].provider: it does not belong here, but in match"},
		{"rules: [{match: {modle: x}}]", "p.yaml:1:18: rules[0].match.modle: unknown key; did you mean model?"},
		{"limits: [{rpm: 5}]", "p.yaml:1:11: limits[0].rpm: unknown key; want match, name, tier, per, requests_per_minute, burst, tokens_per_minute, input_tokens"},
		{"limits: [{concurrency: 5, match: {tag: {a: b}}}]", "p.yaml:1:35: limits[0].match.tag: unknown key; did you mean tags?"},
		{"defaults: {retry: {\"a\\nb\": 1}}", `p.yaml:1:20: defaults.retry."a\nb": unknown key; want`},
		{"défaults: 1", `p.yaml:1:1: "défaults": unknown key; did you mean defaults?`},
		{"rules: [{match: {\"é\": x, modle: x}}]", "p.yaml:1:18: rules[0].match.\"é\": unknown key; want\np.yaml:1:26: rules[0].match.modle: unknown key"},
		{"1: 2", "p.yaml:1:1: want a key that is text, not 1; quote it"},
		{"rules: [{match: {tags: {7: x}}}]", "p.yaml:1:25: rules[0].match.tags: want a key that is text, not 7; quote it"},
		{"defaults: {}\nrules: []\ndefaults: {}\n", "p.yaml:3:1: defaults: this key is on line 1 already"},
		{"defaults:\n  retry: {max_wait: 1s, quota: 3, max_wait: 2s}\n", "p.yaml:2:35: defaults.retry.max_wait: this key is on line 2 already"},
		{"rules: [{match: {tags: {a: b, \"a\": c}}}]", "p.yaml:1:31: rules[0].match.tags.a: this key is on line 1 already"},
	})
}
