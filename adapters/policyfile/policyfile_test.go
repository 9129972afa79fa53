package policyfile

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// annotated returns the example of the package's documentation.
func annotated(t testing.TB) string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for l := range strings.Lines(f.Doc.Text()) {
		if code, ok := strings.CutPrefix(l, "\t"); ok {
			b.WriteString(code)
		}
	}
	return b.String()
}

func TestDocumentation(t *testing.T) {
	p, err := Parse("doc.go", []byte(annotated(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Policy{
		Tier: policy.Flex, Fallback: policy.Standard, Patience: 30 * time.Second, FlexMinimum: 2 * time.Minute, OverrideBody: true,
		MaxAttempts: 5, MaxWait: 3 * time.Minute, MaxElapsed: 20 * time.Minute, AttemptTimeout: 90 * time.Minute, RetryQuota: 50,
		BackoffBase: 250 * time.Millisecond, BackoffMax: 20 * time.Second, OnlyDocumented: true, StreamIdle: 5 * time.Minute,
		Rules: []policy.Rule{{
			Match: policy.Match{Provider: "openai", Operation: "chat", Model: "gpt-5*", Tags: map[string]string{"job": "nightly"}},
			Set:   policy.Policy{Tier: policy.Flex, Fallback: policy.NoFallback, AllowDoubleBilling: true, LeaveStreams: true},
		}, {
			Match: policy.Match{Provider: "gemini"},
			Set:   policy.Policy{Fallback: policy.NoFallback},
		}},
		Limits: []policy.Limit{{Match: policy.Match{Provider: "openai"}, RequestsPerMinute: 500, Burst: 20, Concurrency: 32}},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
}

// TestEveryField fails when policy gains a field that no key of the file sets.
func TestEveryField(t *testing.T) {
	p, err := Parse("doc.go", []byte(annotated(t)))
	if err != nil {
		t.Fatal(err)
	}
	p.AllowDoubleBilling = p.Rules[0].Set.AllowDoubleBilling
	p.LeaveStreams = p.Rules[0].Set.LeaveStreams
	for _, v := range []any{p, p.Limits[0], p.Rules[0], p.Rules[0].Match} {
		s := reflect.ValueOf(v)
		for i := range s.NumField() {
			if s.Field(i).IsZero() {
				t.Errorf("the documentation's example does not set %s.%s", s.Type(), s.Type().Field(i).Name)
			}
		}
	}
}

func TestParse(t *testing.T) {
	flex := policy.Policy{Tier: policy.Flex}
	rule := func(set policy.Policy) []policy.Rule { return []policy.Rule{{Set: set}} }
	for _, test := range []struct {
		name, text string
		want       policy.Policy
	}{
		{"empty", "", policy.Policy{}},
		{"comments", "# nothing\n\n  # yet\n", policy.Policy{}},
		{"a header", "---\n# nothing\n", policy.Policy{}},
		{"a header and an end", "# c\n---\ndefaults: {tier: {plan: [flex]}}\n...\n# c\n", flex},
		{"a header with a value", "--- {defaults: {tier: {plan: [flex]}}}\n", flex},
		{"byte order mark", "\ufeffdefaults: {tier: {plan: [flex]}}", flex},
		{"crlf", "defaults:\r\n  tier:\r\n    plan:\r\n    - flex\r\n", flex},
		{"cr", "defaults:\r  tier:\r    plan: [flex]\r", flex},
		{"json", `{"defaults":{"tier":{"plan":["flex"]}}}`, flex},
		{"over lines", "defaults:\n  tier: {\n    plan: [ # c\n      flex, # c\n    ],\n  }\n", flex},
		{"empty parts", "defaults: {tier: {}, retry: {}, stream: {}}\nrules: []\nlimits: []\n", policy.Policy{Rules: []policy.Rule{}, Limits: []policy.Limit{}}},
		{"an empty rule", "rules: [{match: {}}, {match: {tags: {}}}]", policy.Policy{Rules: make([]policy.Rule, 2)}},
		{"no fallback", "defaults: {tier: {plan: [flex, none]}}", policy.Policy{Tier: policy.Flex, Fallback: policy.NoFallback}},
		{"a fallback alone", "defaults: {tier: {fallback: standard}}", policy.Policy{Fallback: policy.Standard}},
		{"a plan replaces the plan", "rules: [{tier: {plan: [priority]}}]\ndefaults: {tier: {plan: [flex, standard]}}",
			policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, Rules: rule(policy.Policy{Tier: policy.Priority, Fallback: policy.NoFallback})}},
		{"a plan of one tier", "defaults: {tier: {plan: [flex]}}\nrules: [{tier: {plan: [priority]}}]",
			policy.Policy{Tier: policy.Flex, Rules: rule(policy.Policy{Tier: policy.Priority})}},
		{"off, where nothing is on", "defaults: {tier: {patience: 0s, override_body: false}}\nrules: [{tier: {patience: 0s}, retry: {attempt_timeout: 0s, only_documented: false}}]",
			policy.Policy{Rules: rule(policy.Policy{})}},
		{"longest", "defaults: {retry: {max_elapsed: 24h, max_wait: 1h30m, backoff_base: 1.5s}}",
			policy.Policy{MaxElapsed: 24 * time.Hour, MaxWait: 90 * time.Minute, BackoffBase: 1500 * time.Millisecond}},
		{"quoted", `defaults: {'retry': {"max_wait": "30s"}}`, policy.Policy{MaxWait: 30 * time.Second}},
		{"text", "rules:\n- match: {model: ft:gpt-4o*:acme, provider: it's, tags: {a: \"x: {}, #\", 'b c': 'don''t', c: ''}}\n",
			policy.Policy{Rules: []policy.Rule{{Match: policy.Match{Model: "ft:gpt-4o*:acme", Provider: "it's",
				Tags: map[string]string{"a": "x: {}, #", "b c": "don't", "c": ""}}}}}},
		{"a limit for all", "limits: [{concurrency: 3}]", policy.Policy{Limits: []policy.Limit{{Concurrency: 3}}}},
		{"tabs before comments", "limits:\t# c\n  # \t\n- concurrency: 3 \t# c\t\n", policy.Policy{Limits: []policy.Limit{{Concurrency: 3}}}},
		{"quoted pattern", "limits: [{match: {model: \"*pro*\"}, concurrency: 3}]", policy.Policy{Limits: []policy.Limit{{Match: policy.Match{Model: "*pro*"}, Concurrency: 3}}}},
	} {
		got, err := Parse("p.yaml", []byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", test.name, got, test.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	const defaults = "defaults:\n  tier: {plan: [flex, standard], patience: 30s, override_body: true}\n"
	for _, test := range []struct {
		text string
		want string // how the errors begin, one a line
	}{
		// Keys.
		{"default: {}", "p.yaml:1:1: default: unknown key; did you mean defaults?"},
		{"defaults:\n  retry:\n    max_atempts: 3\n", "p.yaml:3:5: defaults.retry.max_atempts: unknown key; did you mean max_attempts?"},
		{"defaults: {retry: {max_wiat: 3s}}", "p.yaml:1:20: defaults.retry.max_wiat: unknown key; did you mean max_wait?"},
		{"defaults: {retry: {colour: 3s}}", "p.yaml:1:20: defaults.retry.colour: unknown key; want max_attempts, max_wait, "},
		{"defaults: {retry: {Quota: 3}}", "p.yaml:1:20: defaults.retry.Quota: unknown key; did you mean quota?"},
		{"defaults: {patience: 3s}", "p.yaml:1:12: defaults.patience: it does not belong here, but in tier"},
		{"tier: {plan: [flex]}", "p.yaml:1:1: tier: it does not belong here, but in defaults or a rule"},
		{"rules:\n  - provider: openai\n", "p.yaml:2:5: rules[0].provider: it does not belong here, but in match"},
		{"rules: [{match: {modle: x}}]", "p.yaml:1:18: rules[0].match.modle: unknown key; did you mean model?"},
		{"limits: [{rpm: 5}]", "p.yaml:1:11: limits[0].rpm: unknown key; want match, requests_per_minute, burst or concurrency"},
		{"limits: [{concurrency: 5, match: {tag: {a: b}}}]", "p.yaml:1:35: limits[0].match.tag: unknown key; did you mean tags?"},
		{"defaults: {retry: {\"a\\nb\": 1}}", `p.yaml:1:20: defaults.retry."a\nb": unknown key; want`},
		{"défaults: 1", `p.yaml:1:1: "défaults": unknown key; did you mean defaults?`},
		{"rules: [{match: {\"é\": x, modle: x}}]", "p.yaml:1:18: rules[0].match.\"é\": unknown key; want\np.yaml:1:26: rules[0].match.modle: unknown key"},
		{"1: 2", "p.yaml:1:1: want a key that is text, not 1; quote it"},
		{"rules: [{match: {tags: {7: x}}}]", "p.yaml:1:25: rules[0].match.tags: want a key that is text, not 7; quote it"},
		{"defaults: {}\nrules: []\ndefaults: {}\n", "p.yaml:3:1: defaults: this key is on line 1 already"},
		{"defaults:\n  retry: {max_wait: 1s, quota: 3, max_wait: 2s}\n", "p.yaml:2:35: defaults.retry.max_wait: this key is on line 2 already"},
		{"rules: [{match: {tags: {a: b, \"a\": c}}}]", "p.yaml:1:31: rules[0].match.tags.a: this key is on line 1 already"},

		// What this version cannot enforce.
		{"defaults: {}\nbudgets:\n  - {name: nightly, cap_usd: \"25.00\"}\n", "p.yaml:2:1: budgets: this version has no budgets yet"},
		{"rules:\n  - match: {provider: gemini}\n    cache: {mode: auto}\n", "p.yaml:3:5: rules[0].cache: this version creates no caches by policy yet"},
		{"defaults:\n  cache: {mode: auto}\n", "p.yaml:2:3: defaults.cache: this version creates no caches"},
		{"limits:\n  - {requests_per_minute: 500, tokens_per_minute: 200000}\n", "p.yaml:2:32: limits[0].tokens_per_minute: this version does not limit tokens yet"},

		// Types.
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

		// Units.
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

		// What means something else than it says.
		{"defaults: {retry: {max_wait: 0s}}", "p.yaml:1:30: defaults.retry.max_wait: 0 would mean the default, 2m"},
		{"defaults: {retry: {max_attempts: 0}}", "p.yaml:1:34: defaults.retry.max_attempts: 0 would mean the default, 6"},
		{"rules: [{tier: {flex_minimum: 0m}}]", "p.yaml:1:31: rules[0].tier.flex_minimum: 0 would mean the default, 1m; 1ns turns it off"},
		{"limits: [{requests_per_minute: 0}]", "p.yaml:1:32: limits[0].requests_per_minute: 0 would mean any number"},
		{defaults + "rules:\n  - tier: {override_body: false}\n", "p.yaml:4:27: rules[0].tier.override_body: a rule cannot set it back from the defaults' true"},
		{"rules:\n  - tier: {patience: 0s}\n" + defaults, "p.yaml:2:22: rules[0].tier.patience: a rule cannot set it back from the defaults' 30s"},
		{"rules: [{tier: {plan: [flex], fallback: none}}]", "p.yaml:1:31: rules[0].tier.fallback: beside plan, the fallback is the plan's second tier"},

		// What policy.Validate says.
		{"defaults: {tier: {plan: [cheap]}}", "p.yaml:1:26: defaults.tier.plan[0]: \"cheap\": want flex, standard or priority"},
		{"defaults: {tier: {plan: [none]}}", "p.yaml:1:26: defaults.tier.plan[0]: \"none\": want"},
		{"defaults: {tier: {plan: [batch]}}", "p.yaml:1:26: defaults.tier.plan[0]: \"batch\": want"},
		{"defaults:\n  tier:\n    plan:\n      - flex\n      - flex\n", "p.yaml:5:9: defaults.tier.plan[1]: \"flex\": it is the tier itself"},
		{"defaults: {tier: {plan: [flex, standard, priority]}}", "p.yaml:1:42: defaults.tier.plan[2]: a plan has one tier or two"},
		{"defaults: {tier: {fallback: cheap}}", "p.yaml:1:29: defaults.tier.fallback: \"cheap\": want"},
		{"rules:\n- {}\n- {}\n- tier:\n    patience: -30s\n", "p.yaml:5:15: rules[2].tier.patience: -30s: it must not be negative"},
		{"rules: [{stream: {idle: 25h}}]", "p.yaml:1:25: rules[0].stream.idle: 25h0m0s: it is longer than a day"},
		{"defaults: {retry: {max_attempts: 5000}}", "p.yaml:1:34: defaults.retry.max_attempts: 5000: it is more than 1000"},
		{"rules: [{match: {tags: {\"\": x}}}]", "p.yaml:1:25: rules[0].match.tags.\"\": a tag needs a name"},
		{"rules: [{match: {tags: {ok: x, a: \"\\n\"}}}]", "p.yaml:1:32: rules[0].match.tags.a: a tag holds no control characters"},
		{"limits:\n- concurrency: 1\n- match: {}\n", "p.yaml:3:3: limits[1]: a limit needs requests_per_minute or concurrency"},
		{"limits: [{}]", "p.yaml:1:10: limits[0]: a limit needs"},
		{"limits: [{concurrency: 1, burst: 5}]", "p.yaml:1:34: limits[0].burst: 5: it needs requests_per_minute"},
		{"limits: [{concurrency: -1}]", "p.yaml:1:24: limits[0].concurrency: -1: it must not be negative"},
		{"limits: [{requests_per_minute: 6e2}]", "p.yaml:1:32: limits[0].requests_per_minute: want a plain decimal number"},

		// The form.
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

		// Several at once, in the order of the file.
		{"rules: [{tier: {patience: -1s}, retry: {quota: -1, max_wait: 5}}]\nlimits: [{}, {burst: -2, requests_per_minute: -1}]\ndefaults: {retry: {quota: x}}\n",
			"p.yaml:1:27: rules[0].tier.patience: -1s: \np.yaml:1:48: rules[0].retry.quota: -1: \np.yaml:1:62: rules[0].retry.max_wait: 5 has\n" +
				"p.yaml:2:10: limits[0]: a limit needs\np.yaml:2:22: limits[1].burst: -2: \np.yaml:2:47: limits[1].requests_per_minute: -1: \np.yaml:3:27: defaults.retry.quota: want a plain"},
		{"limits: [{requests_per_minute: x}, {requests_per_minute: 0, burst: 3}]",
			"p.yaml:1:32: limits[0].requests_per_minute: want\np.yaml:1:58: limits[1].requests_per_minute: 0 would"},
		{"defaults: {" + strings.Repeat("x: 1,\n", 20) + "}", "p.yaml:1:12: defaults.x: unknown key" + strings.Repeat("\np.yaml:", 9)},
	} {
		p, err := Parse("p.yaml", []byte(test.text))
		if err == nil {
			t.Errorf("%.80q: no error, want %s", test.text, test.want)
			continue
		}
		if !reflect.DeepEqual(p, policy.Policy{}) {
			t.Errorf("%.80q: a policy beside an error", test.text)
		}
		got, want := strings.Split(err.Error(), "\n"), strings.Split(test.want, "\n")
		ok := len(got) == len(want)
		for i := 0; ok && i < len(want); i++ {
			ok = strings.HasPrefix(got[i], want[i])
		}
		if !ok {
			t.Errorf("%.80q:\ngot  %v\nwant %s", test.text, err, test.want)
		}
		if first := new(Error); !errors.As(err, &first) || first.File != "p.yaml" || first.Line < 1 || first.Column < 1 || first.Problem == "" {
			t.Errorf("%.80q: not an *Error with its place: %#v", test.text, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if p, err := Load(write("good.yaml", "defaults: {tier: {plan: [flex]}}")); err != nil || p.Tier != policy.Flex {
		t.Errorf("%+v, %v", p, err)
	}
	bad := write("bad.yaml", "budgets: []")
	if _, err := Load(bad); err == nil || !strings.HasPrefix(err.Error(), bad+":1:1: budgets: ") {
		t.Error(err)
	}
	large := write("large.yaml", strings.Repeat(" ", 3*maxSize))
	if _, err := Load(large); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("%s:1:%d: the file is over", large, maxSize+1)) {
		t.Error(err)
	}
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Load(dir); err == nil {
		t.Error("a folder was read")
	}
}

// TestBounded parses texts of the largest size that are slow, or fatal, for a YAML parser.
func TestBounded(t *testing.T) {
	for _, test := range []struct{ before, unit string }{
		{"", "["}, {"", "{a: "}, {"", "[a, "}, {"", "- "}, {"", "-\n"}, {"", "- a\n"}, {"", "a: "}, {"", "? "}, {"", "<<"}, {"", "a<<"}, {"", "<"},
		{"", "\n"}, {"", " "}, {"", "x"}, {"", "x\n"}, {"", "'"}, {"", "\""}, {"", "#"}, {"", "# c\n"}, {"", "---\n"}, {"", "&a "},
		{"a: |\n", " \n"}, {"a: >\n", "  x\n"}, {"{a:|\n", " \n"}, {"{a: |\n", " \n"}, {"a: \"\n", "\n"}, {"a: '", "''"}, {"a: x\n", "\n"}, {"a: x\n", " y\n"},
		{"- a\n - b\n", "\n"}, {"a: b\n  -c\n", "   d\n"}, {"{a: 'b'|\n", " \n"}, {"a: [b]|\n", " \n"}, {"[", "{},"}, {"{", "a,"}, {"[", "a: b,"},
		{"\"a\" |\n", " \n"}, {"a: b #|\n", " \n"}, {"- b -\n  - c\n", " \n"}, {"", "a:\n"}, {"", "\t"}, {"a", "\t"}, {"a", " \t"}, {"a: b", "\t#"}, {"", ":"}, {"{", ":"}, {"{a: ", ":"}, {"{", "}"}, {"a", "]"}, {"", "\\"}, {"\"", "\\"}, {"defaults: {retry: {", "x: 1,"},
	} {
		text := []byte((test.before + strings.Repeat(test.unit, maxSize/len(test.unit)+1))[:maxSize])
		start := time.Now()
		Parse("p.yaml", text)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%q and %q, again and again: %v", test.before, test.unit, took)
		} else if testing.Verbose() && took > 500*time.Millisecond {
			t.Logf("%q and %q: %v", test.before, test.unit, took)
		}
	}
}

// TestMutations parses the documented example with pieces changed, dropped and doubled: no mistake may crash, nor be
// without a place.
func TestMutations(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := annotated(t)
	pieces := []string{"", " ", "\n", "\t", ":", ": ", "- ", "-", "[", "]", "{", "}", ",", "#", "'", "\"", "|", ">", "*a", "&a ", "!t ", "? ", "<<: ", "---\n", "...", "%", "0", "-1", "30", "~", "é", "\r", "\u2028"}
	accepted := 0
	for range 2000 {
		s := text
		for range 1 + random.IntN(3) {
			i := random.IntN(len(s))
			s = s[:i] + pieces[random.IntN(len(pieces))] + s[min(len(s), i+random.IntN(4)):]
		}
		if check(t, []byte(s)) {
			accepted++
		}
	}
	t.Logf("%d of 2000 are still policies", accepted)
}

// check parses text, and reports whether it is a policy.
func check(t *testing.T, text []byte) bool {
	t.Helper()
	p, err := Parse("p.yaml", text)
	if err == nil {
		if err := p.Validate(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		return true
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	if len(all) > maxErrors {
		t.Errorf("%q: %d errors", text, len(all))
	}
	lines := strings.Count(lineEnds.Replace(string(text)), "\n") + 1
	for i, err := range all {
		e, ok := err.(*Error)
		if !ok || e.Line < 1 || e.Line > lines || e.Column < 1 || e.Problem == "" || e.File != "p.yaml" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %#v", text, err)
		}
		if strings.Contains(e.Problem, "YAML parser failed") {
			t.Errorf("%q: the YAML parser panics", text)
		}
		if i > 0 && e.Line < all[i-1].(*Error).Line {
			t.Errorf("%q: not in the order of the file: %v", text, err)
		}
	}
	return false
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(annotated(f)))
	for _, s := range []string{"", "# c", "---\n...", "defaults: {tier: {plan: [flex, none]}}", "rules:\n- match: {tags: {a: 'b'}}\n  stream: {leave: true}\n",
		"limits: [{concurrency: 1, match: {model: \"*\"}}]", "a: |\n x\n", "- a\n - b", "a: &b [*b]", "{? {? ", "0\n-", "a: \"\\ud800\"", "budgets: [", "defaults:\n  retry: {quota: 1e3}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) { check(t, text) })
}
