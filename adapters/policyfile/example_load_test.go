package policyfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/skinflint-go/skinflint/adapters/policyfile"
	"github.com/skinflint-go/skinflint/policy"
)

func ExampleLoad() {
	dir, err := os.MkdirTemp("", "policyfile")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(path, []byte(`
defaults:
  tier: {plan: [flex, standard], patience: 30s}
rules:
  - match: {model: "gpt-5*"}
    retry: {max_attempts: 2}
`), 0o600); err != nil {
		panic(err)
	}

	p, err := policyfile.Load(path)
	if err != nil {
		panic(err)
	}
	resolver, err := policy.NewResolver(p) // or middleware.WithPolicy(p)
	if err != nil {
		panic(err)
	}
	s := resolver.Resolve(nil, policy.Subject{Provider: "openai", Model: "gpt-5-mini"})
	fmt.Println(p.Tier, p.Fallback, p.Patience, s.MaxAttempts)
	// Output: flex standard 30s 2
}

func ExampleParse() {
	_, err := policyfile.Parse("policy.yaml", []byte(`
defaults:
  tier: {plan: [flex, standard], patience: 30}
  retry: {max_atempts: 6}
budgets:
  - {name: nightly, every: night, cap_usd: "25.00"}
`))
	fmt.Println(err)
	var first *policyfile.Error
	fmt.Println(errors.As(err, &first), first.Line, first.Field)
	// Output:
	// policy.yaml:3:44: defaults.tier.patience: 30 has no unit; write it as 30s, 2m or 1h30m
	// policy.yaml:4:11: defaults.retry.max_atempts: unknown key; did you mean max_attempts?
	// policy.yaml:6:28: budgets[0].every: "night": want minute, hour, day, week or month
	// true 3 defaults.tier.patience
}
