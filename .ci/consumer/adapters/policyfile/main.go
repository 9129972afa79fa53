// A program that reads a policy from YAML.
package main

import (
	"fmt"
	"os"

	"github.com/skinflint-go/skinflint/adapters/policyfile"
	"github.com/skinflint-go/skinflint/middleware"
)

func main() {
	p, err := policyfile.Parse("policy.yaml", []byte("defaults:\n  tier: {plan: [flex, standard], patience: 30s}\n"))
	if err == nil {
		_, err = middleware.New(middleware.WithPolicy(p))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(p.Tier, "then", p.Fallback)
}
