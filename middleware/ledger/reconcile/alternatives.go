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

// alternatives are what the rows of a group would cost if the provider had billed them in another way.
type alternatives struct {
	tier [tiers][tiers]price.Sum // what rows at one tier would cost more at another one
	not  [tiers][tiers]bool      // that is not known, because a row has no price there
	has  [tiers]int64            // rows at the tier

	plain    price.Sum // the cost of rows without a regional uplift
	uplift   price.Sum // the regional uplifts in the cost
	cached   price.Sum // what the rows would cost more without any cache
	tools    price.Sum // the tools in the cost
	priced   int64     // rows with a known cost above 0
	reported int64     // those of them for which the provider reported what it charged
}

// usesTools reports whether a usage has requests of tools.
func usesTools(u *price.Usage) bool {
	return u.WebSearches != 0 || u.MapSearches != 0 || u.FileSearches != 0 || u.CodeSessions != 0
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
	from := -1
	for i, t := range billable {
		if t == r.ServedTier {
			from = i
			a.has[i]++
		}
	}
	q, cost, ok := a.priceAgain(r, prices)
	if !q.Regional {
		a.plain.Add(r.Cost.Pico)
	}
	if !ok {
		// Other prices priced the row, so its other costs are not known.
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
	if from >= 0 {
		a.addTiers(from, q, cost.Cost, &r.Usage, prices)
	}
}

// priceAgain returns the query that gives the cost of the row, and whether there is one. It tries without and with the
// regional uplift, and adds that to the uplifts.
func (a *alternatives) priceAgain(r *ledger.Row, prices *price.Catalog) (price.Query, price.Cost, bool) {
	q := price.Query{Provider: r.Provider, Model: cmp.Or(r.ServedModel, r.Model), Tier: string(r.ServedTier), At: r.At}
	cost, err := prices.Cost(q, r.Usage)
	if err != nil || cost.Cost == r.Cost.Pico {
		return q, cost, err == nil
	}
	regional := q
	regional.Regional = true
	if up, err := prices.Cost(regional, r.Usage); err == nil && up.Cost == r.Cost.Pico {
		a.uplift.Add(up.Cost - cost.Cost)
		return regional, up, true
	}
	return q, cost, false
}

// addTiers adds what a row at one tier would cost more at each other one.
func (a *alternatives) addTiers(from int, q price.Query, cost price.Pico, u *price.Usage, prices *price.Catalog) {
	for to, t := range billable {
		q.Tier = string(t)
		if other, err := prices.Cost(q, *u); err != nil {
			a.not[from][to] = true
		} else {
			a.tier[from][to].Add(other.Cost - cost)
		}
	}
}

// join adds the alternatives of another group.
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
