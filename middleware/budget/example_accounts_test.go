package budget_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleAccounts() {
	accounts := budget.New([]policy.Budget{
		{Name: "tenants", Per: []string{"tag:tenant"}, Window: 24 * time.Hour, Cap: price.MustUSD("1.00")},
	})
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	tags := map[string]string{"tenant": "acme"}
	refs := accounts.Match(nil, &policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}, policy.Flex, "", tags)

	// Two attempts that can cost $0.60 do not fit at once.
	ask := budget.Ask{Most: ledger.Known(price.MustUSD("0.60"))}
	fmt.Println(accounts.Check(now, refs, &ask) == budget.Admits)
	hold := accounts.Hold(now, refs, ask.Most.Pico)
	fmt.Println(accounts.Check(now, refs, &ask) == budget.Waits)

	// The first one cost $0.45. The other one could cost more than is left.
	row := ledger.Row{Call: "01K", Attempt: 1, At: now, Outcome: policy.Billed, Cost: ledger.Known(price.MustUSD("0.45")), Tags: tags}
	accounts.Settle(now, &hold, &row)
	fmt.Println(accounts.Check(now, refs, &ask) == budget.Refuses)
	fmt.Println(accounts.Refusal(now, refs, &ask, nil))
	// Output:
	// true
	// true
	// true
	// budget tenants (tenant acme): $0.45 spent and $0 held of $1 in 24h; it can cost $0.6; room for it frees at 2026-12-02T09:12:00Z: wait until then, lower what it can cost, or raise the cap
}
