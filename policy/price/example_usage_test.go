package price_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleUsage_Add() {
	u := price.Usage{Input: 100, CachedInput: 1024, Output: 50, Reasoning: 30}
	u = u.Add(price.Usage{Input: 1, Output: 1})
	fmt.Println(u.Prompt(), u.Output)
	// Output: 1125 51
}

func ExampleUsage_Counters() {
	u := price.Usage{Input: 100, CachedInput: 1024, WebSearches: 2}
	for _, c := range u.Counters() {
		if *c.Count != 0 {
			fmt.Println(c.Name, *c.Count)
		}
	}
	// Output:
	// input 100
	// cached_input 1024
	// web_searches 2
}
