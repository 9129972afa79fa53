package policyfile_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/adapters/policyfile"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// The file names the provider of a dialect of the program's own.
func ExampleDialects() {
	const text = "limits: [{match: {provider: acme}, concurrency: 4}]"
	_, err := policyfile.Parse("policy.yaml", []byte(text))
	fmt.Println(err != nil)

	acme := &wire.Compatible{Provider: "acme", Hosts: []string{"llm.example.com"}}
	p, err := policyfile.Parse("policy.yaml", []byte(text), policyfile.Dialects(acme))
	fmt.Println(p.Limits[0].Match, err)
	// Output:
	// true
	// provider acme <nil>
}
