package price_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleEmbedded() {
	in, out, _ := price.Embedded().Limits("openai", "o4-mini")
	fmt.Println(in, out)
	// Output: 200000 100000
}
