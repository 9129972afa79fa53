package main

import (
	"fmt"

	"github.com/skinflint-go/skinflint/adapters/policyfile"
	"github.com/skinflint-go/skinflint/policy"
)

// loadPolicy reads the file of the policy. At the start and later, the same files are accepted.
func loadPolicy(file string) (policy.Policy, error) {
	p, err := policyfile.Load(file)
	if err != nil {
		return p, fmt.Errorf("-policy: %w", err)
	}
	return p, nil
}

// reload reads the file of the policy again. An invalid file changes nothing.
func (s *server) reload() {
	if s.policy == "" {
		s.log.Warn("there is no policy to read again: start the proxy with -policy")
		return
	}
	p, err := loadPolicy(s.policy)
	if err == nil {
		err = s.stack.SetPolicy(p)
	}
	if err != nil {
		s.log.Error("the policy stays as it was", "error", err)
		return
	}
	s.log.Info("the policy was read again", "file", s.policy)
}
