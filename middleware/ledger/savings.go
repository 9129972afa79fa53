package ledger

import (
	"fmt"
	"iter"
	"strings"
	"text/tabwriter"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// Savings says where the savings of some rows come from. Every amount may be negative, which is a loss. Tier, Fallback,
// Cache, Storage and Unlisted add up to Net, which is the Saved of the [Total] of these rows. Implicit, which the provider's
// own caching saved, and Exposure, which may have been spent in addition, are in none of them.
type Savings struct {
	Net      price.Sum `json:"net_usd"`
	Tier     price.Sum `json:"tier_usd"`     // list price minus cost, of calls on the first tier of their plan
	Fallback price.Sum `json:"fallback_usd"` // the same, of calls that another tier rejected before: 0 on standard, negative on priority
	Cache    price.Sum `json:"cache_usd"`    // reads from context caches, minus the cost of creating them
	Storage  price.Sum `json:"storage_usd"`  // the storage of context caches, as a negative amount
	Unlisted price.Sum `json:"unlisted_usd"` // costs without a list price to compare with, as a negative amount

	Implicit price.Sum `json:"implicit_usd"`
	Exposure price.Sum `json:"exposure_usd"`
	Unpriced int64     `json:"unpriced"` // rows whose cost is unknown; they are in none of the amounts
}

// maxRejected is how many calls that a tier rejected are remembered until their answer comes.
const maxRejected = 65536

// SavingsOf returns where the savings of the rows come from. The rows must be in the order in which the attempts ended. It
// stops at the first error, and returns it with the savings until then.
func SavingsOf(rows iter.Seq2[Row, error]) (Savings, error) {
	var s Savings
	rejected := newWindow[key](maxRejected)
	for row, err := range rows {
		if err != nil {
			return s, err
		}
		call := key{call: row.Call}
		if row.Outcome == policy.Rejected && row.Reason == policy.Capacity {
			rejected.add(call)
		}
		s.add(&row, rejected.has(call))
	}
	return s, nil
}

// add adds a row. The call was rejected if an earlier attempt of it met a tier without capacity.
func (s *Savings) add(r *Row, rejected bool) {
	var total Total
	total.add(r)
	s.Net.AddSum(total.Saved)
	s.Implicit.AddSum(total.Implicit)
	s.Unpriced += total.Unpriced
	s.Storage = s.Storage.Minus(total.Storage)
	s.Exposure.AddSum(total.Exposure)
	if r.Outcome == policy.Storage || !measured(r) {
		return
	}
	left := total.Saved
	switch {
	case !r.List.Known:
		s.Unlisted.AddSum(left)
		return
	case r.Operation == createCache:
		s.Cache.AddSum(left)
		return
	case r.Explicit.Known:
		s.Cache.AddSum(one(r.Explicit.Pico))
		left = left.Minus(one(r.Explicit.Pico))
	}
	if rejected {
		s.Fallback.AddSum(left)
	} else {
		s.Tier.AddSum(left)
	}
}

// String returns the savings as a table.
func (s Savings) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, line := range []struct {
		name string
		sum  price.Sum
	}{
		{"tier", s.Tier}, {"fallback", s.Fallback}, {"cache", s.Cache}, {"storage", s.Storage},
		{"unlisted", s.Unlisted}, {"net", s.Net}, {"implicit, not ours", s.Implicit}, {"exposure", s.Exposure},
	} {
		fmt.Fprintf(w, "%s\t%s\n", line.name, line.sum)
	}
	fmt.Fprintf(w, "rows unpriced\t%d\n", s.Unpriced)
	w.Flush()
	return b.String()
}
