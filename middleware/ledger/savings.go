package ledger

import (
	"fmt"
	"iter"
	"strings"
	"text/tabwriter"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// Savings say where the savings of some rows come from, and what was lost again. Every amount may be negative. Tier,
// Fallback, Cache, Storage, Retries and Unlisted add up to Net, which is the Saved of these rows' [Total]. What the
// provider's own caching gave, Implicit, is in none of them.
type Savings struct {
	Net      price.Sum `json:"net_usd"`
	Tier     price.Sum `json:"tier_usd"`     // the first tier of the plan: list price less the price on the tier
	Fallback price.Sum `json:"fallback_usd"` // the same, of calls that a tier had refused before: standard gives 0, priority costs
	Cache    price.Sum `json:"cache_usd"`    // reads from context caches, less what it cost to create them
	Storage  price.Sum `json:"storage_usd"`  // rent for context caches, as a negative amount
	Retries  price.Sum `json:"retries_usd"`  // what attempts without an answer may have cost, as a negative amount
	Unlisted price.Sum `json:"unlisted_usd"` // costs for which there is no list price to compare with, as a negative amount

	Implicit price.Sum `json:"implicit_usd"`
	Unpriced int64     `json:"unpriced"` // rows whose cost is not known, and so in none of the amounts
}

// maxRefused is how many calls that a tier refused are remembered until their answer comes.
const maxRefused = 65536

// SavingsOf says where the savings of rows come from, in the order in which attempts ended. It ends at the first error,
// and returns what it has then.
func SavingsOf(rows iter.Seq2[Row, error]) (Savings, error) {
	var s Savings
	refused := newWindow(maxRefused)
	for row, err := range rows {
		if err != nil {
			return s, err
		}
		call := key{call: row.Call}
		if row.Outcome == policy.Rejected && row.Reason == policy.Capacity {
			refused.add(call)
		}
		s.add(&row, refused.has(call))
	}
	return s, nil
}

func (s *Savings) add(r *Row, refused bool) {
	var total Total
	total.add(r)
	s.Net.AddSum(total.Saved)
	s.Implicit.AddSum(total.Implicit)
	s.Unpriced += total.Unpriced
	s.Storage = s.Storage.Minus(total.Storage)
	s.Retries = s.Retries.Minus(total.Exposure)
	if r.Outcome == policy.Storage {
		return
	}
	left := total.List.Minus(total.Cost).Minus(total.Implicit)
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
	if refused {
		s.Fallback.AddSum(left)
	} else {
		s.Tier.AddSum(left)
	}
}

// createCache is the operation that makes a context cache: wire.CreateCache, which this package does not import.
const createCache = "create_cache"

// String returns the savings as a table.
func (s Savings) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, line := range []struct {
		name string
		sum  price.Sum
	}{
		{"tier", s.Tier}, {"fallback", s.Fallback}, {"cache", s.Cache}, {"storage", s.Storage}, {"retries", s.Retries},
		{"unlisted", s.Unlisted}, {"net", s.Net}, {"implicit, not ours", s.Implicit},
	} {
		fmt.Fprintf(w, "%s\t%s\n", line.name, line.sum)
	}
	fmt.Fprintf(w, "rows unpriced\t%d\n", s.Unpriced)
	w.Flush()
	return b.String()
}
