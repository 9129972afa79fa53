package price

import (
	"fmt"
	"slices"
	"time"
)

// maxJump is how many times higher or lower than before a price may be.
const maxJump = 10

// jumped returns an error if a price of the model is more than [maxJump] times higher or lower than before.
func jumped(previous *Catalog, key modelKey, m *model) error {
	before := previous.listed(key)
	if before == nil {
		return nil
	}
	for _, at := range beginnings(before, m) {
		old, now := before.period(at), m.period(at)
		if old == nil || now == nil {
			continue
		}
		for t := range tiers {
			if old.tiers[t] == nil || now.tiers[t] == nil {
				continue
			}
			if err := old.tiers[t].jumpTo(now.tiers[t]); err != nil {
				return inField(tierNames[t], err)
			}
		}
	}
	return nil
}

// listed returns the model of exactly that name, or nil. It returns no alias.
func (c *Catalog) listed(key modelKey) *model {
	if c == nil {
		return nil
	}
	for _, layer := range c.each() {
		if m := layer.models[key]; m != nil && !m.isAlias() {
			return m
		}
	}
	return nil
}

// beginnings returns the times at which a period of either model begins.
func beginnings(a, b *model) []time.Time {
	var all []time.Time
	for _, p := range slices.Concat(a.periods, b.periods) {
		all = append(all, p.from)
	}
	return all
}

// period returns the period at that time, or nil. The zero time is before all other times.
func (m *model) period(at time.Time) *period {
	for i := range m.periods {
		if p := &m.periods[i]; !at.Before(p.from) && (p.until.IsZero() || at.Before(p.until)) {
			return p
		}
	}
	return nil
}

// jumpTo compares the prices of the tier with those of the tier that replaces it.
func (t *tier) jumpTo(next *tier) error {
	for _, b := range slices.Concat(t.bands, next.bands) {
		old, now := t.band(b.upTo), next.band(b.upTo)
		if old == nil || now == nil {
			continue
		}
		for c, name := range counterNames {
			was, is := old.prices[c], now.prices[c]
			if was > 0 && is >= 0 && (is > was*maxJump || is*maxJump < was) {
				return inField(name, fmt.Errorf("is %s, where it was %s before", readable(counter(c), is), readable(counter(c), was)))
			}
		}
	}
	return nil
}

// readable returns a price per million or per thousand, as price lists print it.
func readable(c counter, pico int64) string {
	if c < firstTool {
		return "$" + Pico(pico*perMillion).String() + " per million"
	}
	return "$" + Pico(pico*perThousand).String() + " per thousand"
}
