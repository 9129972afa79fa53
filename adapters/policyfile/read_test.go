package policyfile

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

func TestParse(t *testing.T) {
	flex := policy.Policy{Tier: policy.Flex}
	rule := func(set policy.Policy) []policy.Rule { return []policy.Rule{{Set: set}} }
	for _, test := range []struct {
		name, text string
		want       policy.Policy
	}{
		{"defaults", "# nothing\n\ndefaults: {} # yet\n", policy.Policy{}},
		{"an empty mapping", "{}", policy.Policy{}},
		{"a header and an end", "# c\n---\ndefaults: {tier: {plan: [flex]}}\n...\n# c\n", flex},
		{"a header with a value", "--- {defaults: {tier: {plan: [flex]}}}\n", flex},
		{"byte order mark", "\ufeffdefaults: {tier: {plan: [flex]}}", flex},
		{"crlf", "defaults:\r\n  tier:\r\n    plan:\r\n    - flex\r\n", flex},
		{"cr", "defaults:\r  tier:\r    plan: [flex]\r", flex},
		{"json", `{"defaults":{"tier":{"plan":["flex"]}}}`, flex},
		{"over lines", "defaults:\n  tier: {\n    plan: [ # c\n      flex, # c\n    ],\n  }\n", flex},
		{"empty parts", "defaults: {tier: {}, retry: {}, stream: {}}\nrules: []\nlimits: []\n", policy.Policy{Rules: []policy.Rule{}, Limits: []policy.Limit{}}},
		{"an empty rule", "rules: [{match: {}}]", policy.Policy{Rules: make([]policy.Rule, 1)}},
		{"an empty match", "rules: [{match: {tags: {}}}]", policy.Policy{Rules: make([]policy.Rule, 1)}},
		{"patterns", "rules: [{match: {provider: open*, operation: \"*\", tags: {plan: gold*}}}]", policy.Policy{Rules: []policy.Rule{
			{Match: policy.Match{Provider: "open*", Operation: "*", Tags: map[string]string{"plan": "gold*"}}}}}},
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
		{"text", "rules:\n- match: {model: it's:gpt-4o*:acme, provider: openai, tags: {a: \"x: {}, #\", 'b c': 'don''t', c: ''}}\n",
			policy.Policy{Rules: []policy.Rule{{Match: policy.Match{Model: "it's:gpt-4o*:acme", Provider: "openai",
				Tags: map[string]string{"a": "x: {}, #", "b c": "don't", "c": ""}}}}}},
		{"caches", "defaults: {cache: {mode: off, writes: 'off', max_cost_usd: 1.50, max_cost_per_hour_usd: \"3\", max_live: 2}}\nrules: [{cache: {mode: auto, create: beside, key: true}}]",
			policy.Policy{Cache: policy.Cache{Mode: policy.CacheOff, Writes: policy.WritesOff, MaxCost: price.MustUSD("1.5"), MaxCostPerHour: 3 * price.USD, MaxLive: 2},
				Rules: rule(policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto, Create: policy.CacheBeside, Key: true}})}},
		{"when caches are created, for rules that create some", "defaults: {cache: {create: before}}\nrules: [{cache: {mode: auto}}]",
			policy.Policy{Cache: policy.Cache{Create: policy.CacheBefore}, Rules: rule(policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto}})}},
		{"the smallest amount", `{"defaults":{"cache":{"max_cost_usd":0.000000000001,"compatible":false}}}`, policy.Policy{Cache: policy.Cache{MaxCost: 1}}},
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

// A mistake is a text, and how the errors about it begin, one a line.
type mistake struct{ text, want string }

// wantMistakes parses each text.
func wantMistakes(t *testing.T, mistakes []mistake) {
	t.Helper()
	for _, test := range mistakes {
		p, err := Parse("p.yaml", []byte(test.text))
		if err == nil {
			t.Errorf("%.80q: no error, want %s", test.text, test.want)
			continue
		}
		if !reflect.DeepEqual(p, policy.Policy{}) {
			t.Errorf("%.80q: a policy and an error", test.text)
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

// What means something else than it says is a mistake.
func TestMeaning(t *testing.T) {
	const defaults = "defaults:\n  tier: {plan: [flex, standard], patience: 30s, override_body: true}\n"
	wantMistakes(t, []mistake{
		{"defaults: {retry: {max_wait: 0s}}", "p.yaml:1:30: defaults.retry.max_wait: 0 would mean the default, 2m"},
		{"defaults: {retry: {max_attempts: 0}}", "p.yaml:1:34: defaults.retry.max_attempts: 0 would mean the default, 6"},
		{"rules: [{tier: {flex_minimum: 0m}}]", "p.yaml:1:31: rules[0].tier.flex_minimum: 0 would mean the default, 1m; 1ns turns it off"},
		{"limits: [{requests_per_minute: 0}]", "p.yaml:1:32: limits[0].requests_per_minute: 0 would mean no limit"},
		{defaults + "rules:\n  - tier: {override_body: false}\n", "p.yaml:4:27: rules[0].tier.override_body: a rule cannot set it back from the defaults' true"},
		{"rules:\n  - tier: {patience: 0s}\n" + defaults, "p.yaml:2:22: rules[0].tier.patience: a rule cannot set it back from the defaults' 30s"},
		{"rules: [{tier: {plan: [flex], fallback: none}}]", "p.yaml:1:31: rules[0].tier.fallback: with plan, the fallback is the plan's second tier"},
	})
}

// What policy.Validate says has its place in the file.
func TestValidation(t *testing.T) {
	wantMistakes(t, []mistake{
		{"defaults: {tier: {plan: [cheap]}}", "p.yaml:1:26: defaults.tier.plan[0]: \"cheap\": want flex, standard or priority"},
		{"defaults: {tier: {plan: [none]}}", "p.yaml:1:26: defaults.tier.plan[0]: \"none\": want"},
		{"defaults: {tier: {plan: [batch]}}", "p.yaml:1:26: defaults.tier.plan[0]: \"batch\": want"},
		{"defaults:\n  tier:\n    plan:\n      - flex\n      - flex\n", "p.yaml:5:9: defaults.tier.plan[1]: \"flex\": it is the tier itself"},
		{"defaults: {tier: {plan: [flex, standard, priority]}}", "p.yaml:1:42: defaults.tier.plan[2]: a plan has one tier or two"},
		{"defaults: {tier: {fallback: cheap}}", "p.yaml:1:29: defaults.tier.fallback: \"cheap\": want"},
		{"rules:\n- {match: {model: a}}\n- {match: {model: b}}\n- tier:\n    patience: -30s\n", "p.yaml:5:15: rules[2].tier.patience: -30s: it must not be negative"},
		{"rules: [{stream: {idle: 25h}}]", "p.yaml:1:25: rules[0].stream.idle: 25h0m0s: it is longer than a day"},
		{"defaults: {retry: {max_attempts: 5000}}", "p.yaml:1:34: defaults.retry.max_attempts: 5000: it is more than 1000"},
		{"rules: [{match: {tags: {\"\": x}}}]", "p.yaml:1:25: rules[0].match.tags.\"\": a tag needs a name"},
		{"rules: [{match: {tags: {ok: x, a: \"\\n\"}}}]", "p.yaml:1:32: rules[0].match.tags.a: a tag holds no control characters"},
		{"limits:\n- concurrency: 1\n- match: {}\n", "p.yaml:3:3: limits[1]: a limit needs one of requests_per_minute, tokens_per_minute, input_tokens_per_minute, output_tokens_per_minute, requests_per_day, tokens_per_day, concurrency and learn"},
		{"limits: [{}]", "p.yaml:1:10: limits[0]: a limit needs"},
		{"limits: [{concurrency: 1, burst: 5}]", "p.yaml:1:34: limits[0].burst: 5: it needs requests_per_minute"},
		{"limits: [{concurrency: -1}]", "p.yaml:1:24: limits[0].concurrency: -1: it must not be negative"},
		{"limits: [{requests_per_minute: 6e2}]", "p.yaml:1:32: limits[0].requests_per_minute: want a plain decimal number"},
	})
}

// Several mistakes are reported in the order of the file.
func TestSeveralMistakes(t *testing.T) {
	wantMistakes(t, []mistake{
		{"rules: [{tier: {patience: -1s}, retry: {quota: -1, max_wait: 5}}]\nlimits: [{}, {burst: -2, requests_per_minute: -1}]\ndefaults: {retry: {quota: x}}\n",
			"p.yaml:1:27: rules[0].tier.patience: -1s: \np.yaml:1:48: rules[0].retry.quota: -1: \np.yaml:1:62: rules[0].retry.max_wait: 5 has\n" +
				"p.yaml:2:10: limits[0]: a limit needs\np.yaml:2:22: limits[1].burst: -2: \np.yaml:2:47: limits[1].requests_per_minute: -1: \np.yaml:3:27: defaults.retry.quota: want a plain"},
		{"limits: [{requests_per_minute: x}, {requests_per_minute: 0, burst: 3}]",
			"p.yaml:1:32: limits[0].requests_per_minute: want\np.yaml:1:58: limits[1].requests_per_minute: 0 would"},
		{"defaults: {" + strings.Repeat("x: 1,\n", 20) + "}", "p.yaml:1:12: defaults.x: unknown key" + strings.Repeat("\np.yaml:", 9)},
	})
}

// A match that can select nothing is a mistake, with the name that was probably meant. So is a rule that never counts.
func TestMatchesNothing(t *testing.T) {
	wantMistakes(t, []mistake{
		{"limits:\n  - match: {provider: opnai}\n    concurrency: 1\n", `p.yaml:2:23: limits[0].match.provider: "opnai": no provider has this name; did you mean openai?`},
		{"rules:\n- match:\n    provider: OpenAI\n", `p.yaml:3:15: rules[0].match.provider: "OpenAI": no provider has this name; did you mean openai?`},
		{"rules: [{match: {provider: moonshot}}]", `p.yaml:1:28: rules[0].match.provider: "moonshot": no provider has this name; did you mean moonshotai?`},
		{"rules: [{match: {provider: acme}}]", `p.yaml:1:28: rules[0].match.provider: "acme": no provider has this name; known are anthropic, azure`},
		{"rules: [{match: {operation: chat/completions}}]", `p.yaml:1:29: rules[0].match.operation: "chat/completions": no operation has this name; did you mean chat?`},
		{"rules: [{match: {operation: /v1/chat/completions}}]", `p.yaml:1:29: rules[0].match.operation: "/v1/chat/completions": no operation has this name; did you mean chat?`},
		{"rules: [{match: {operation: generateContent}}]", `p.yaml:1:29: rules[0].match.operation: "generateContent": no operation has this name; did you mean generate?`},
		{"rules: [{match: {operation: embedding}}]", `p.yaml:1:29: rules[0].match.operation: "embedding": no operation has this name; did you mean embeddings?`},
		{"rules: [{match: {operation: cache_storage}}]", `p.yaml:1:29: rules[0].match.operation: "cache_storage": no operation has this name`},
		{"rules: [{match: {provider: openai, operation: generate}}]", `p.yaml:1:47: rules[0].match.operation: "generate": openai has no such operation; it has chat, compact`},
		{"limits: [{match: {provider: \"x?z*\"}, concurrency: 1}]", `p.yaml:1:29: limits[0].match.provider: "x?z*": no provider has this name`},
		{"limits: [{match: {operation: count_tokens}, concurrency: 1}]", `p.yaml:1:30: limits[0].match.operation: "count_tokens": its calls cost nothing, and limits do not`},
		{"rules: [{match: {model: \"gpt-5* \"}}]", `p.yaml:1:25: rules[0].match.model: "gpt-5* ": it begins or ends with a space`},
		{"rules: [{match: {provider: opnai, operation: caht}}, {match: {operation: imges}}]",
			"p.yaml:1:28: rules[0].match.provider:\np.yaml:1:74: rules[1].match.operation:"},
		{"rules:\n- tier: {plan: [flex]}\n- match: {model: gpt-5*}\n  tier: {plan: [priority]}\n",
			"p.yaml:3:10: rules[1].match: model gpt-5*: the rule never counts, because rules[0] comes first and matches every such call (every call)"},
		{"rules: [{match: {model: \"gpt-*\"}}, {match: {model: gpt-5, tags: {a: b}}}]", "p.yaml:1:44: rules[1].match: model gpt-5, tag a: b: the rule never counts"},
		{"rules: [{match: {tags: {\"jo?\": x}}}]", "p.yaml:1:25: rules[0].match.tags.\"jo?\": the name of a tag is no pattern"},
		// A match that cannot be read does not make later rules mistakes.
		{"rules: [{match: {modle: gpt-5}}, {match: {provider: openai}}]", "p.yaml:1:18: rules[0].match.modle: unknown key; did you mean model?"},
		{"rules: [{match: {model: 5}}, {match: {provider: openai}}]", "p.yaml:1:25: rules[0].match.model: want text"},
	})
}

// A program says by its own dialects which further names exist.
func TestDialects(t *testing.T) {
	const text = "rules: [{match: {provider: acme, operation: chat}}]"
	own := &wire.Compatible{Provider: "acme"}
	if p, err := Parse("p.yaml", []byte(text), Dialects(own)); err != nil || p.Rules[0].Match.Provider != "acme" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := Parse("p.yaml", []byte(strings.Replace(text, "acme", "amce", 1)), Dialects(own)); err == nil || !strings.Contains(err.Error(), "did you mean acme?") {
		t.Error(err)
	}
	unlisted := struct{ wire.Dialect }{own}
	if _, err := Parse("p.yaml", []byte(strings.Replace(text, "acme", "other", 1)), Dialects(unlisted)); err != nil {
		t.Errorf("a name that may be of a dialect which lists none: %v", err)
	}
	if _, err := Parse("p.yaml", []byte(text), Dialects(nil)); err == nil {
		t.Error("a nil dialect is accepted")
	}
}

// A file without content is a mistake: it may be half-written. Defaults can be written.
func TestEmptyFile(t *testing.T) {
	for _, text := range []string{"", " \n", "# c", "# nothing\n\n  # yet\n", "---\n# nothing\n", "---\n...\n"} {
		if _, err := Parse("p.yaml", []byte(text)); err == nil || err.Error() != "p.yaml:1:1: the file says nothing; for a policy of defaults, write defaults: {}" {
			t.Errorf("%q: %v", text, err)
		}
	}
}
