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
		Patience: time.Minute,
		Class:    policy.ClassBatch,
	}
	if set.rpm > 0 || set.tpm > 0 {
		p.Limits = []policy.Limit{{RequestsPerMinute: set.rpm, TokensPerMinute: set.tpm}}
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
