package price

import (
	"slices"
	"time"
)

// Continue takes over from a Feed that was made of an older copy of the same list, which has no dates, what was in force
// until asOf: calls that began before are priced as they were, and a price that did not change keeps the time at which it
// was first seen. It is to be called before the Feed's Catalog is in use.
func (f *Feed) Continue(previous *Feed, asOf time.Time) { f.Catalog.remember(previous.Catalog, asOf) }

// remember takes over from an older catalog of the same list, which has no dates, what was in force until asOf. A catalog
// with dates of its own is left alone.
func (c *Catalog) remember(old *Catalog, asOf time.Time) {
	if !c.begins(asOf) {
		return
	}
	for key, was := range old.models {
		last := len(was.periods) - 1
		if was.isAlias() || last < 0 || !was.periods[last].until.IsZero() || !was.periods[last].from.Before(asOf) {
			continue
		}
		is := c.models[key]
		switch {
		case is == nil:
			gone := *was
			gone.periods = ended(was.periods, asOf)
			c.models[key] = &gone
		case len(is.periods) != 1 || !is.periods[0].from.Equal(asOf):
		case was.uplift != is.uplift: // which has no dates
		case was.periods[last].same(&is.periods[0]):
			is.periods = was.periods
		default:
			is.periods = append(ended(was.periods, asOf), is.periods...)
		}
	}
}

// begins says whether some model's prices hold from that time on.
func (c *Catalog) begins(at time.Time) bool {
	for _, m := range c.models {
		if len(m.periods) > 0 && m.periods[0].from.Equal(at) {
			return true
		}
	}
	return false
}

// ended is the periods, of which the last ends then.
func ended(periods []period, at time.Time) []period {
	periods = slices.Clone(periods)
	periods[len(periods)-1].until = at
	return periods
}

// same says whether two periods without windows have the same prices.
func (p *period) same(q *period) bool {
	if len(p.windows)+len(q.windows) > 0 || p.storage != q.storage {
		return false
	}
	for t := range tiers {
		a, b := p.tiers[t], q.tiers[t]
		if (a == nil) != (b == nil) || a != nil && !slices.Equal(a.bands, b.bands) {
			return false
		}
	}
	return true
}
