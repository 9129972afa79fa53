package price

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// StorageCost is what it costs to keep tokens in a context cache.
type StorageCost struct {
	// Cost is what it costs.
	Cost Pico
	// TokenSeconds is the tokens times the seconds that they were kept, rounded to the nearest, halves to the even one. It
	// saturates at [math.MaxInt64].
	TokenSeconds int64
	// PriceID names the catalog, provider, model and period that the price is from:
	// "embedded/gemini/gemini-2.5-pro/-/storage". Several periods are joined by "+".
	PriceID string
}

// nanosPerHour is how many nanoseconds an hour has.
const nanosPerHour = uint64(time.Hour)

// Storage prices a context cache that holds so many tokens from one moment until just before another: for as long as it
// really was there, to the nanosecond, and where its price changes meanwhile, each part at its own. Of the query it takes
// Provider, Model and Regional. The sum is exact, and rounded once, to the nearest picodollar, halves to the even one.
//
// The error is an [*Unpriced] where a moment has no price, where the model or a moment is not known, or where the cost does
// not fit in a [Pico]; also for a negative number of tokens and for an end before the beginning.
func (c *Catalog) Storage(q Query, tokens int64, from, until time.Time) (StorageCost, error) {
	q.Tier, q.At = "", from
	// The wall clock says when prices change, and two wall clocks add up where a part was measured by the other one.
	from, until = from.Round(0), until.Round(0)
	held := until.Sub(from)
	switch {
	case tokens < 0:
		return StorageCost{}, unpriced(&q, fmt.Errorf("the number of stored tokens is negative: %d", tokens))
	case from.IsZero() || until.IsZero():
		return StorageCost{}, unpriced(&q, errors.New("the time of the storage is not known"))
	case held < 0:
		return StorageCost{}, unpriced(&q, fmt.Errorf("the storage ends %s before it begins", -held))
	case !from.Add(held).Equal(until):
		return StorageCost{}, unpriced(&q, errors.New("the storage is longer than 292 years"))
	}
	f, start, err := c.findStorage(&q)
	if err != nil {
		return StorageCost{}, err
	}
	var total wide
	last := start
	for i := start; ; i++ {
		if i == len(f.model.periods) || f.model.periods[i].storage < 0 || f.model.periods[i].from.After(from) {
			return StorageCost{}, unpriced(&q, fmt.Errorf("no price for storage at %s", from.UTC().Format(time.RFC3339Nano)))
		}
		p := &f.model.periods[i]
		end := until
		if !p.until.IsZero() && p.until.Before(until) {
			end = p.until
		}
		last = i
		total.add(tokens, end.Sub(from), p.storage)
		if from = end; from.Equal(until) {
			break
		}
	}
	up := f.model.upliftFor(q.Regional)
	total.mul(max(up.num, 1))
	cost, ok := total.div(nanosPerHour * max(up.den, 1))
	if !ok || cost > math.MaxInt64 {
		return StorageCost{}, unpriced(&q, errOverflow)
	}
	return StorageCost{Pico(cost), tokenSeconds(tokens, held), f.id(&q, f.model.storageID(start, last))}, nil
}

// findStorage returns the first candidate that has a price of storage at the query's time, and the index of the period.
func (c *Catalog) findStorage(q *Query) (hit candidate, start int, err error) {
	var room [roomFor]candidate
	all := c.search(room[:0], q.Provider, q.Model)
	for _, m := range all {
		if i := m.model.periodAt(q.At); i >= 0 && m.model.periods[i].storage >= 0 {
			return m, i, nil
		}
	}
	if len(all) == 0 {
		return hit, 0, unpriced(q, c.noModel(q))
	}
	return hit, 0, unpriced(q, fmt.Errorf("no price for storage at %s%s", q.At.UTC().Format(time.RFC3339Nano), c.searched()))
}

// storageID is the PriceID of storage in the periods from first to last.
func (m *model) storageID(first, last int) string {
	var names strings.Builder
	names.WriteString(m.id)
	separator := byte('/')
	for i := first; i <= last; i++ {
		names.WriteByte(separator)
		names.WriteString(m.periods[i].name())
		separator = '+'
	}
	names.WriteString("/storage")
	return names.String()
}

// tokenSeconds is the tokens times the seconds.
func tokenSeconds(tokens int64, held time.Duration) int64 {
	var product wide
	product.add(tokens, held, 1)
	if n, ok := product.div(uint64(time.Second)); ok && n <= math.MaxInt64 {
		return int64(n)
	}
	return math.MaxInt64
}
