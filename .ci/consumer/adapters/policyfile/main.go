// Command policyfile reads a policy from YAML.
package main

import (
	"fmt"
	"log"

	"github.com/skinflint-go/skinflint/adapters/policyfile"
	"github.com/skinflint-go/skinflint/middleware"
)

func main() {
	p, err := policyfile.Parse("policy.yaml", []byte("defaults:\n  tier: {plan: [flex, standard], patience: 30s}\n"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := middleware.New(middleware.WithPolicy(p)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Tier, p.Fallback)
}
