package price_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy/price"
)

// RoundUSD reads what a provider writes: a number of JSON, finer than a picodollar.
func ExampleRoundUSD() {
	fmt.Println(price.RoundUSD("1.2345678901235e-3"))
	_, err := price.ParseUSD("0.0012345678901235")
	fmt.Println(err)
	// Output:
	// 0.00123456789 <nil>
	// price: "0.0012345678901235" is not an amount in USD: finer than a picodollar (12 decimals)
}
