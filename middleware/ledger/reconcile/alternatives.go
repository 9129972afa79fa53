package reconcile

import (
	"cmp"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// billable are the tiers that have prices.
var billable = [...]policy.Tier{policy.Standard, policy.Flex, policy.Priority, policy.Batch}

const tiers = len(billable)

// alternatives are what the rows of a group would cost besides what they do, had the provider read them in another way.
type alternatives struct {
	tier [tiers][tiers]price.Sum // more than we say, if what we have at one tier was billed at another
	not  [tiers][tiers]bool      // it cannot be known, as some row has no price there
	has  [tiers]int64            // rows at the tier

	plain    price.Sum // our cost of what has no regional uplift
	uplift   price.Sum // the uplift within our cost
	cached   price.Sum // more, had nothing been cached
	tools    price.Sum // of our cost, tools
	priced   int64     // rows whose cost we know, and that cost something
	reported int64     // those of them of which the provider said what it charged
}

// add adds a row.
func (a *alternatives) add(r *ledger.Row, prices *price.Catalog) {
	if !r.Cost.Known || r.Cost.Pico <= 0 || r.PriceID == ledger.BillPriceID {
		return
	}
	a.priced++
	if r.Reported.Known {
		a.reported++
	}
	q := price.Query{Provider: r.Provider, Model: cmp.Or(r.ServedModel, r.Model), Tier: string(r.ServedTier), At: r.At}
	cost, err := prices.Cost(q, r.Usage)
	if err == nil && cost.Cost != r.Cost.Pico {
		q.Regional = true
		if up, err := prices.Cost(q, r.Usage); err == nil && up.Cost == r.Cost.Pico {
			a.uplift.Add(up.Cost - cost.Cost)
			cost = up
		} else {
			q.Regional = false
		}
	}
	from := -1
	for i, t := range billable {
		if t == r.ServedTier {
			from = i
			a.has[i]++
		}
	}
	if !q.Regional {
		a.plain.Add(r.Cost.Pico)
	}
	if err != nil || cost.Cost != r.Cost.Pico {
		// It is priced by something else, of which we know no other price.
		a.cached.Add(r.Implicit.Pico)
		if from >= 0 {
			a.not[from] = [tiers]bool{true, true, true, true}
		}
		return
	}
	a.cached.Add(cost.Uncached - cost.Cost)
	if usesTools(&r.Usage) {
		u := r.Usage
		u.WebSearches, u.MapSearches, u.FileSearches, u.CodeSessions = 0, 0, 0, 0
		if tokens, err := prices.Cost(q, u); err == nil {
			a.tools.Add(cost.Cost - tokens.Cost)
		}
	}
	if from < 0 {
		return
	}
	for to, t := range billable {
		q.Tier = string(t)
		if other, err := prices.Cost(q, r.Usage); err != nil {
			a.not[from][to] = true
		} else {
			a.tier[from][to].Add(other.Cost - cost.Cost)
		}
	}
}

// join adds what another holds.
func (a *alternatives) join(b *alternatives) {
	for from := range a.tier {
		a.has[from] += b.has[from]
		for to := range a.tier[from] {
			a.tier[from][to].AddSum(b.tier[from][to])
			a.not[from][to] = a.not[from][to] || b.not[from][to]
		}
	}
	a.plain.AddSum(b.plain)
	a.uplift.AddSum(b.uplift)
	a.cached.AddSum(b.cached)
	a.tools.AddSum(b.tools)
	a.priced += b.priced
	a.reported += b.reported
}
