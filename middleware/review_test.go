package middleware_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A policy whose rules or limits name what no dialect knows is refused at the start, and changes nothing later.
func TestNamesThatNoDialectKnows(t *testing.T) {
	own := &wire.Compatible{Provider: "acme", Hosts: []string{"llm.acme.com"}}
	unlisted := struct{ wire.Dialect }{own}
	match := func(m policy.Match) policy.Policy {
		return policy.Policy{Rules: []policy.Rule{{Match: m, Set: policy.Policy{MaxAttempts: 2}}}}
	}
	for name, test := range map[string]struct {
		match   policy.Match
		dialect wire.Dialect
		field   string // of the error
		logged  bool
	}{
		"a misspelled provider":        {policy.Match{Provider: "opnai"}, nil, "Rules[0].Match.Provider", false},
		"a misspelled operation":       {policy.Match{Operation: "chat/completions"}, nil, "Rules[0].Match.Operation", false},
		"another's operation":          {policy.Match{Provider: "anthropic", Operation: "responses"}, nil, "Rules[0].Match.Operation", false},
		"known":                        {policy.Match{Provider: "openai", Operation: "chat"}, nil, "", false},
		"a pattern":                    {policy.Match{Provider: "*ai", Operation: "*"}, nil, "", false},
		"one's own":                    {policy.Match{Provider: "acme", Operation: "chat"}, own, "", false},
		"one's own, misspelled":        {policy.Match{Provider: "amce"}, own, "Rules[0].Match.Provider", false},
		"a dialect that does not list": {policy.Match{Provider: "acme"}, unlisted, "", true},
		"not listed, and not needed":   {policy.Match{Provider: "openai"}, unlisted, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			var log warnings
			options := []middleware.Option{middleware.WithLogger(log.logger())}
			if test.dialect != nil {
				options = append(options, middleware.WithDialects(test.dialect))
			}
			check := func(what string, err error) {
				var field *policy.FieldError
				if errors.As(err, &field); (test.field != "") != (field != nil) || field != nil && field.Field != test.field {
					t.Errorf("%s: %v", what, err)
				}
			}
			_, err := middleware.New(append(options, middleware.WithPolicy(match(test.match)))...)
			check("New", err)
			stack, err := middleware.New(options...)
			if err != nil {
				t.Fatal(err)
			}
			check("SetPolicy", stack.SetPolicy(match(test.match)))
			if got := len(log.of("a part of the policy has no effect", "Rules[0].Match.Provider", "wire.Lister")); (got == 2) != test.logged {
				t.Errorf("logged %q", log.of(""))
			}
		})
	}
}

// What of a policy has no effect is logged when the policy is put in force: once, however many links there are.
func TestWhatHasNoEffectIsLogged(t *testing.T) {
	p := policy.Policy{
		Rules:  []policy.Rule{{Match: policy.Match{Provider: "mistral"}, Set: policy.Policy{Tier: policy.Flex}}},
		Limits: []policy.Limit{{Concurrency: 1}, {Match: policy.Match{Provider: "openai"}, Concurrency: 2}},
	}
	const line = "a part of the policy has no effect"
	var log warnings
	stack := stackOver(t, answering(), p, middleware.WithLogger(log.logger()))
	if got := log.of(line); len(got) != 2 || len(log.of(line, "Rules[0].Set.Tier")) != 1 || len(log.of(line, "field=Limits[1]")) != 1 {
		t.Errorf("logged %q", got)
	}
	e, err := stack.Explain(chatRequest(t, "POST", openaiURL, chatBody))
	if err != nil || len(e.NotDone) != 2 || !strings.Contains(e.NotDone[0], "Rules[0].Set.Tier is flex: no call") {
		t.Errorf("%q, %v", e.NotDone, err)
	}
	before := slog.Default()
	defer slog.SetDefault(before)
	var links warnings
	slog.SetDefault(links.logger())
	p.Limits = nil
	transport.Chain(answering(), middleware.Ledger(ledger.NewMemory(1)), middleware.Budget(policy.Policy{}), middleware.Retry(policy.Policy{}), middleware.Tier(p))
	if got := links.of(line, "Rules[0].Set.Tier"); len(got) != 1 {
		t.Errorf("links logged %q", got)
	}
	middleware.Limit(policy.Limit{Concurrency: 1}, policy.Limit{Concurrency: 1})
	if got := links.of(line, "field=Limits[1]"); len(got) != 1 {
		t.Errorf("Limit logged %q", got)
	}
}

// A model that no provider of the match has a price for is logged: it may be misspelled, or new.
func TestModelsWithoutAPrice(t *testing.T) {
	for pattern, want := range map[string]string{ // provider and model: what is logged; "" is nothing
		"openai gpt-5": "", "openai gpt-5*": "", "openai gpt-5-2025-08-07": "", "openai gpt-?": "", "openai ft:gpt-4o-mini:acme*": "", " *": "", " claude-*": "",
		"openai gtp-5": "did you mean gpt-5?", "openai gtp-5-*": "did you mean gpt-5?", "openai claude-opus-4-1": "no model with a price", "gemini gemni-2.5-pro": "did you mean gemini-2.5-pro?",
		" gtp-5": "did you mean gpt-5?", "azure my-deployment": "", "openrouter acme/anything": "", "vertex whatever": "",
	} {
		provider, model, _ := strings.Cut(pattern, " ")
		m := policy.Match{Provider: provider, Model: model}
		for field, p := range map[string]policy.Policy{
			"Rules[0].Match.Model":  {Rules: []policy.Rule{{Match: m, Set: policy.Policy{MaxAttempts: 2}}}},
			"Limits[0].Match.Model": {Limits: []policy.Limit{{Match: m, Concurrency: 2}}},
		} {
			var log warnings
			stackOver(t, answering(), p, middleware.WithLogger(log.logger()))
			got := log.of("a part of the policy has no effect, or may have none", "field="+field, want)
			if (len(got) == 1) != (want != "") || len(log.of("")) != len(got) {
				t.Errorf("%q: logged %q, want %q", pattern, log.of(""), want)
			}
		}
	}
}
