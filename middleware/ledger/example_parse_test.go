package ledger_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A line of entries.jsonl is read as it was written.
func ExampleParseRow() {
	row := ledger.Row{Call: "01jcz", Attempt: 1, Provider: "openai", Operation: "chat", Cost: ledger.Known(price.MustUSD("0.0031"))}
	line := row.AppendJSON(nil)
	fmt.Println(string(line))
	again, err := ledger.ParseRow(line)
	fmt.Println(again.Call, again.Cost, err)
	// Output:
	// {"call":"01jcz","attempt":1,"at":"0001-01-01T00:00:00Z","provider":"openai","operation":"chat","outcome":"","usage":{},"usage_source":"","cost_usd":"0.0031","wait_ms":0,"latency_ms":0}
	// 01jcz 0.0031 <nil>
}
