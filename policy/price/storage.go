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
	// Cost is the cost.
	Cost Pico
	// TokenSeconds is the number of tokens times the seconds that they were kept, rounded to the nearest, half to even. It
	// saturates at [math.MaxInt64].
	TokenSeconds int64
	// PriceID names the catalog, provider, model and period of the price: "embedded/gemini/gemini-2.5-pro/-/storage".
	// Several periods are joined by "+".
	PriceID string
}

// nanosPerHour is how many nanoseconds an hour has.
const nanosPerHour = uint64(time.Hour)

// Storage prices a context cache that holds the tokens from one time until just before another. It charges the exact time,
// to the nanosecond. If the price changes in between, each part has its own price. Storage uses the query's Provider, Model
// and Regional only. The sum is exact and rounded once, to the nearest picodollar, half to even.
//
// The error is an [*Unpriced] if some time in between has no price, if the model or a time is not known, if the number of
// tokens is negative, if the end is before the beginning, or if the cost does not fit in a [Pico].
func (c *Catalog) Storage(q Query, tokens int64, from, until time.Time) (StorageCost, error) {
	q.Tier, q.At = "", from
	// Prices change by the wall clock. Without the monotonic clock, the parts of an interval add up to the whole of it.
	from, until = from.Round(0), until.Round(0)
	if err := checkInterval(tokens, from, until); err != nil {
		return StorageCost{}, unpriced(&q, err)
	}
	f, start, err := c.findStorage(&q)
	if err != nil {
		return StorageCost{}, err
	}
	total, last, err := f.model.storage(start, tokens, from, until)
	if err != nil {
		return StorageCost{}, unpriced(&q, err)
	}
	up, err := c.uplift(&q, f.model)
	if err != nil {
		return StorageCost{}, unpriced(&q, err)
	}
	total.mul(max(up.num, 1))
	cost, ok := total.div(nanosPerHour * max(up.den, 1))
	if !ok || cost > math.MaxInt64 {
		return StorageCost{}, unpriced(&q, errOverflow)
	}
	return StorageCost{Pico(cost), tokenSeconds(tokens, until.Sub(from)), f.id(&q, f.model.storageID(start, last))}, nil
}

// checkInterval refuses a storage that cannot be.
func checkInterval(tokens int64, from, until time.Time) error {
	held := until.Sub(from)
	switch {
	case tokens < 0:
		return fmt.Errorf("the number of stored tokens is negative: %d", tokens)
	case from.IsZero() || until.IsZero():
		return errors.New("the time of the storage is not known")
	case held < 0:
		return fmt.Errorf("the storage ends %s before it begins", -held)
	case !from.Add(held).Equal(until): // Sub saturates
		return errors.New("the storage is longer than 292 years")
	}
	return nil
}

// storage returns the price of the storage in picodollars times the nanoseconds of an hour, and the last period that it
// touches. The period that it begins in is start.
func (m *model) storage(start int, tokens int64, from, until time.Time) (total wide, last int, err error) {
	for i := start; ; i++ {
		if i == len(m.periods) || m.periods[i].storage < 0 || m.periods[i].from.After(from) {
			return wide{}, 0, fmt.Errorf("no price for storage at %s", from.UTC().Format(time.RFC3339Nano))
		}
		p := &m.periods[i]
		end := until
		if !p.until.IsZero() && p.until.Before(until) {
			end = p.until
		}
		total.add(tokens, end.Sub(from), p.storage)
		if from = end; from.Equal(until) {
			return total, i, nil
		}
	}
}

// findStorage returns the first candidate that has a price of storage at the query's time, and the index of the period.
func (c *Catalog) findStorage(q *Query) (hit candidate, start int, err error) {
	var room [roomFor]candidate
	all := c.search(room[:0], q.Provider, q.Model)
	if hit, start = storagePeriod(all, q.At); start >= 0 {
		return hit, start, nil
	}
	if len(all) == 0 {
		return hit, 0, unpriced(q, c.noModel(q))
	}
	return hit, 0, unpriced(q, fmt.Errorf("no price for storage at %s%s", q.At.UTC().Format(time.RFC3339Nano), c.searched()))
}

// storagePeriod returns the first candidate that has a price of storage at a time, and the index of the period; -1 if none has.
func storagePeriod(all []candidate, at time.Time) (candidate, int) {
	for _, m := range all {
		if i := m.model.periodAt(at); i >= 0 && m.model.periods[i].storage >= 0 {
			return m, i
		}
	}
	return candidate{}, -1
}

// storageID returns the PriceID of storage in the periods from first to last.
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

// tokenSeconds returns the tokens times the seconds, rounded.
func tokenSeconds(tokens int64, held time.Duration) int64 {
	var product wide
	product.add(tokens, held, 1)
	if n, ok := product.div(uint64(time.Second)); ok && n <= math.MaxInt64 {
		return int64(n)
	}
	return math.MaxInt64
}
