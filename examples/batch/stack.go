package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/skinflint-go/skinflint/adapters/policyfile"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
)

// budgetName is the name of the budget of -budget.
const budgetName = "-budget"

// chosen returns the policy: that of the file or, if there is none, one that asks for flex first.
func (set *settings) chosen() (policy.Policy, error) {
	if set.policy != "" {
		p, err := policyfile.Load(set.policy)
		if err != nil {
			return p, fmt.Errorf("-policy: %w", err)
		}
		return p, nil
	}
	p := policy.Policy{
		Tier:     policy.Flex,
		Fallback: policy.Standard,
		Patience: set.patience,
		Class:    policy.ClassBatch,
	}
	p.Limits = []policy.Limit{{Name: "the provider's own", Learn: true}}
	if set.rpm > 0 || set.tpm > 0 {
		p.Limits = append(p.Limits, policy.Limit{Name: "-rpm and -tpm", RequestsPerMinute: set.rpm, TokensPerMinute: set.tpm})
	}
	if set.budget > 0 {
		// The longest window: a batch is not older.
		p.Budgets = []policy.Budget{{Name: budgetName, Match: policy.Match{Tags: map[string]string{batchTag: set.name}}, Window: 366 * 24 * time.Hour, Cap: set.budget}}
	}
	return p, nil
}

// newStack returns the stack through which all requests go. base sends them; nil means the network.
func newStack(set *settings, p policy.Policy, store *account, base http.RoundTripper, log *slog.Logger) (*middleware.Stack, error) {
	options := []middleware.Option{
		middleware.WithPolicy(p), middleware.WithProvider(set.provider), middleware.WithStore(store), middleware.WithLogger(log),
	}
	if base != nil {
		options = append(options, middleware.WithBase(base))
	}
	return middleware.New(options...)
}
