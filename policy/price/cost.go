package price

import (
	"errors"
	"fmt"
	"math/bits"
)

// Cost is what one usage costs, with the figures to compare it with.
type Cost struct {
	// Cost is what the usage costs as it was served.
	Cost Pico
	// Uncached is what the same usage costs at the same tier without any cache: cached and cache-written tokens at the
	// price of plain ones.
	Uncached Pico
	// List is what the same usage costs at the standard tier without any cache. It is 0 unless ListKnown.
	List Pico
	// ListKnown is false where there is no standard price for the usage.
	ListKnown bool
	// PriceID names the catalog, provider, model, period (by its beginning, "-" where that is open) and tier of the price:
	// "embedded/openai/o3/2025-06-10/flex". A price of a window ends with the window's hours after an "@". Where an alias
	// led to the price, the name of the alias stands before it: "user/azure/prod=embedded/openai/o3/2025-06-10/flex".
	PriceID string
}

// Cost prices the usage. The error, if any, is an [*Unpriced]. The reasons are:
//
//   - the query has no tier or no time;
//   - the catalog has no price for the model, the time, the tier, a counter that is above zero, or a prompt of this length;
//   - a count is negative, or there are more reasoning tokens than output tokens;
//   - the cost does not fit in a [Pico].
//
// A model is found by its exact name, or else as a dated snapshot: its name without a final "-2006-01-02", "-20060102" or
// "-001". Repeated questions about one model are the cheapest; none of them allocates, unless an alias leads to the price.
func (c *Catalog) Cost(q Query, u Usage) (Cost, error) {
	f, err := c.find(&q)
	if err != nil {
		return Cost{}, err
	}
	prompt := u.Prompt()
	var used used
	if !used.read(&u) {
		return Cost{}, impossible(&q, &u)
	}
	var up ratio
	if q.Regional {
		if up, err = c.uplift(&q, f.model); err != nil {
			return Cost{}, unpriced(&q, err)
		}
	}
	cost, err := f.cost(&q, prompt, &used, up)
	if c.layers != nil && (err != nil || f.model.fromList) {
		cost, err = c.costBelow(&q, &f, prompt, &used, up, err)
	}
	if err != nil {
		return Cost{}, unpriced(&q, err)
	}
	return cost, nil
}

// cost returns what the counts cost by the prices that were found.
func (f *found) cost(q *Query, prompt int64, n *used, up ratio) (Cost, error) {
	cost, uncached, err := f.tier.cost(prompt, n, up)
	if err != nil {
		return Cost{}, err
	}
	list, known := f.set.list(f.tier, uncached, prompt, n, up)
	return Cost{Cost: cost, Uncached: uncached, List: list, ListKnown: known, PriceID: f.id(q, f.tier.id)}, nil
}

// impossible returns the error for a usage that no call can have.
func impossible(q *Query, u *Usage) error {
	for c, tokens := range u.counts() {
		if tokens < 0 {
			return unpriced(q, fmt.Errorf("%s is negative: %d", counterNames[c], tokens))
		}
	}
	return unpriced(q, fmt.Errorf("reasoning is %d of %d output tokens", u.Reasoning, u.Output))
}

// These errors are made once, so that pricing does not allocate.
var (
	errLongContext = errors.New("no price for a long context: the prompt is beyond the last band")
	errNoCounter   = func() (errs [counters]error) {
		for c, name := range counterNames {
			errs[c] = fmt.Errorf("no price for %s", name)
		}
		return errs
	}()
)

// cost returns what the counts cost with a prompt of this many tokens: as they are, and without any cache.
func (t *tier) cost(prompt int64, n *used, up ratio) (cost, uncached Pico, err error) {
	b := t.band(prompt)
	if b == nil {
		return 0, 0, t.beyond
	}
	cost, err = b.prices.cost(n, up)
	if err != nil {
		return 0, 0, err
	}
	uncached, err = b.plain.cost(n, up)
	return cost, uncached, err
}

// list returns what the counts cost at the standard tier without any cache. Where the standard tier served, that is
// uncached.
func (s *tierSet) list(served *tier, uncached Pico, prompt int64, n *used, up ratio) (Pico, bool) {
	switch s[standard] {
	case nil:
		return 0, false
	case served:
		return uncached, true
	}
	b := s[standard].band(prompt)
	if b == nil {
		return 0, false
	}
	list, err := b.plain.cost(n, up)
	return list, err == nil
}

// cost returns the cost of the counts times the factor.
func (p *prices) cost(n *used, up ratio) (Pico, error) {
	var total tally
	for some := n.some; some != 0; some &= some - 1 {
		c := bits.TrailingZeros32(some) % int(counters) // the modulo saves a bounds check
		if p[c] < 0 {
			return 0, errNoCounter[c]
		}
		total.add(n.counts[c], p[c])
	}
	sum, err := total.pico()
	if err != nil {
		return 0, err
	}
	return up.timesEven(sum)
}
