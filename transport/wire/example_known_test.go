package wire_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A rule that names what does not exist can be found before any call is made.
func ExampleRouter_Known() {
	router, err := wire.NewRouter(wire.RouterConfig{Dialects: []wire.Dialect{
		&wire.Compatible{Provider: "acme", Hosts: []string{"llm.example.com"}},
	}})
	if err != nil {
		panic(err)
	}
	known, whole := router.Known()
	p := policy.Policy{Rules: []policy.Rule{{Match: policy.Match{Provider: "acmee"}}}}
	fmt.Println(whole)
	for _, err := range p.Unmatched(known) {
		fmt.Println(err)
	}
	// Output:
	// true
	// policy: Rules[0].Match.Provider is "acmee": no provider has this name; did you mean acme?
}
