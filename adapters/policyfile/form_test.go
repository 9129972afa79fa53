package policyfile

import (
	"strings"
	"testing"
)

func TestForm(t *testing.T) {
	wantMistakes(t, []mistake{
		{"defaults: {}\n---\ndefaults: {}\n", "p.yaml:2:1: a second document"},
		{"---\n---\n", "p.yaml:2:1: a second document"},
		{"defaults: {}\n...\nrules: []\n", "p.yaml:3:1: a second document"},
		{"defaults: {}\n...\n---\n", "p.yaml:3:1: a second document"},
		{"%YAML 1.2\n---\ndefaults: {}\n", "p.yaml:1:1: directives (%) are not read"},
		{"defaults: &d {}\n", "p.yaml:1:11: anchors (&) are not read"},
		{"defaults: *d\n", "p.yaml:1:11: aliases (*) are not read"},
		{"limits: [{match: {model: *pro}, concurrency: 1}]\n", "p.yaml:1:26: aliases (*) are not read; quote a pattern that begins with *"},
		{"defaults:\n  <<: {}\n", "p.yaml:2:3: merge keys (<<) are not read"},
		{"defaults: {tier: {patience: !!str 30s}}\n", "p.yaml:1:29: tags (!) are not read"},
		{"? defaults\n: {}\n", "p.yaml:1:1: keys with a question mark are not read"},
		{"rules:\n  - match:\n      model: |\n        x\n", "p.yaml:3:14: text over several lines (|) is not read"},
		{"rules:\n  - match:\n      model: >-\n        x\n", "p.yaml:3:14: text over several lines (>) is not read"},
		{"rules: [{match: {model: gpt\n  five}}]", "p.yaml:2:3: "},
		{"rules:\n  - match:\n      model: gpt\n        five\n", "p.yaml:3:14: rules[0].match.model: this text goes on over several lines"},
		{"rules: [{match: {model: \"gpt\n  five\"}}]", "p.yaml:1:25: this quote is not closed on its line"},
		{"rules: [{match: {model: 'gpt}}]", "p.yaml:1:25: this quote is not closed on its line"},
		{"rules: [{match: {model: @x}}]", "p.yaml:1:25: text cannot begin with @; quote it"},
		{"rules: [{match: {model: gpt provider: openai}}]", "p.yaml:1:37: a second key before the first has ended"},
		{"rules:\n  - match: {}\n      - match: {}\n", "p.yaml:3:7: "},
		{"rules:\n  - a\n    - b\n", "p.yaml:3:5: a list, or text that goes on from the line before"},
		{"rules:\n  - - a\n", "p.yaml:2:5: a list in a list"},
		{"rules:\n  - match: {model: a]b}\n", "p.yaml:2:21: this ] closes nothing"},
		{"rules:\n  - match:\n      model: a}\n", "p.yaml:3:14: rules[0].match.model: text with a bracket, a comma or a colon needs quotes"},
		{"rules: [\n  {}\n", "p.yaml:1:8: this [ is never closed"},
		{"rules: ]\n", "p.yaml:1:8: this ] closes nothing"},
		{"rules: [{match: {]}]\n", "p.yaml:1:18: this ] closes nothing"},
		{"rules: " + strings.Repeat("[", 17), "p.yaml:1:24: brackets nest deeper than 16"},
		{"defaults:\n\ttier: {}\n", "p.yaml:2:1: a tab; use spaces"},
		{"rules: []\n \t\n", "p.yaml:2:2: a tab; use spaces"},
		{"limit\ts: []", "p.yaml:1:6: a tab; use spaces"},
		{"rules: [{match: {model:gpt}}]", "p.yaml:1:23: a space after this colon is missing"},
		{"rules: [{match: {tags: {a:b}}}]", "p.yaml:1:26: a space after this colon is missing"},
		{"# a\u2028b: c", "p.yaml:1:4: a control character, U+2028"},
		{"a\ufeff: b", "p.yaml:1:2: a control character, U+FEFF"},
		{"defaults:\n    tier: {}\n  retry: {}\n", "p.yaml:3:3: "},
		{"defaults: {}}\n", "p.yaml:1:13: this } closes nothing"},
		{"defaults: {}\nrules\n", "p.yaml:2:1: "},
		{"defaults: {tier: {}} retry: {}\n", "p.yaml:1:22: "},
		{"a\x00: 1", "p.yaml:1:2: a control character, U+0000"},
		{"# \x1b[31m", "p.yaml:1:3: a control character, U+001B"},
		{"# é\r\n# é\xff", "p.yaml:2:4: byte 0xff is not UTF-8"},
		{"#\n" + strings.Repeat("# 345678\n", maxSize/9+1), "p.yaml:116510:3: the file is over 1048576 bytes"},
		{"rules: [" + strings.Repeat("{},", 20_000) + "]", "p.yaml:1:50006: this is more than a policy file holds"},
	})
}
