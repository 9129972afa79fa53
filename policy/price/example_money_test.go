package price_test

import (
	"encoding/json"
	"fmt"

	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleParseUSD() {
	p, err := price.ParseUSD("0.138")
	fmt.Println(p, int64(p), err)
	_, err = price.ParseUSD("1e-3")
	fmt.Println(err)
	// Output:
	// 0.138 138000000000 <nil>
	// price: "1e-3" is not an amount in USD: want digits, with at most one point between them and at most one '-' before them
}

func ExampleMustUSD() {
	budget := price.MustUSD("0.25")
	fmt.Println(budget, budget-price.USD)
	// Output: 0.25 -0.75
}

// A Sum holds what a Pico cannot, and is still exact to the last picodollar.
func ExampleSum() {
	var total price.Sum
	for range 3 {
		total.Add(price.MustUSD("9000000"))
	}
	total.Add(price.MustUSD("0.000000000001"))
	_, fits := total.Pico()
	fmt.Println(total, fits)

	text, _ := json.Marshal(map[string]price.Sum{"cost_usd": total})
	fmt.Println(string(text))
	// Output:
	// 27000000.000000000001 false
	// {"cost_usd":"27000000.000000000001"}
}
