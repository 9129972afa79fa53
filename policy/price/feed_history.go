package price

import (
	"slices"
	"time"
)

// Continue adds the history of a list without dates. The previous Feed is made from an older copy of the same list, and
// asOf is the [FeedConfig.AsOf] of this one. Prices of the previous Feed then hold until asOf, so that calls that began
// before are still priced, and a price that did not change keeps the time at which it was first seen. Call Continue before
// the Feed's Catalog is used.
func (f *Feed) Continue(previous *Feed, asOf time.Time) { f.Catalog.remember(previous.Catalog, asOf) }

// remember adds the periods of an older catalog of the same list, until asOf. It does not change a catalog whose list has
// dates.
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
			removed := *was
			removed.periods = ended(was.periods, asOf)
			c.models[key] = &removed
		case len(is.periods) != 1 || !is.periods[0].from.Equal(asOf):
		case was.uplift != is.uplift || was.upliftUnknown != is.upliftUnknown: // an uplift has no dates, so it would also apply to the older prices
		case was.periods[last].same(&is.periods[0]):
			is.periods = was.periods
		default:
			is.periods = append(ended(was.periods, asOf), is.periods...)
		}
	}
}

// begins reports whether the prices of any model begin at that time.
func (c *Catalog) begins(at time.Time) bool {
	for _, m := range c.models {
		if len(m.periods) > 0 && m.periods[0].from.Equal(at) {
			return true
		}
	}
	return false
}

// ended returns a copy of the periods, the last of which ends at that time.
func ended(periods []period, at time.Time) []period {
	periods = slices.Clone(periods)
	periods[len(periods)-1].until = at
	return periods
}

// same reports whether two periods have the same prices and no windows.
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
