package price

import (
	"errors"
	"slices"
)

// A feed has only what its list states. This file is about what the layers below it then mean: see [Layers].

var (
	// errNoUplift is the error for a regional call to a model of which no layer says whether it costs more there.
	errNoUplift = errors.New("not known whether the model costs more on a region-bound host")
	// errOnePrice is the error for a call that a lower layer gives a price of its own, where the list has one for all.
	errOnePrice = errors.New("one price for prompts of any length at any hour, where another catalog has several that disagree with it")
)

// uplift returns the factor for the query's region: that of the first layer that states one, from the model's own on. It is
// 1 if the call is not regional.
func (c *Catalog) uplift(q *Query, m *model) (ratio, error) {
	switch {
	case !q.Regional:
		return ratio{}, nil
	case !m.upliftUnknown:
		return m.uplift, nil
	}
	var room [roomFor]candidate
	for _, lower := range below(c.search(room[:0], q.Provider, q.Model), m) {
		if !lower.model.upliftUnknown {
			return lower.model.uplift, nil
		}
	}
	return ratio{}, errNoUplift
}

// below returns the candidates after the model.
func below(all []candidate, m *model) []candidate {
	return all[1+slices.IndexFunc(all, func(c candidate) bool { return c.model == m }):]
}

// costBelow returns the cost by the first layer below f that can price all counts, if f cannot, as the error says, or if f
// is a list's and does not distinguish what that layer does. The layer has to agree with all layers before it. Else the
// error is why f does not price the counts.
func (c *Catalog) costBelow(q *Query, f *found, prompt int64, n *used, up ratio, err error) (Cost, error) {
	var room [roomFor]candidate
	var roomAbove [roomFor]found
	above := append(roomAbove[:0], *f)
	tier, _ := tierOf(q.Tier)
	for _, m := range below(c.search(room[:0], q.Provider, q.Model), f.model) {
		set := m.model.at(q.At)
		if set == nil || set[tier] == nil {
			continue
		}
		lower := found{m, set, set[tier]}
		if err == nil && f.tellsApart(&lower, q, prompt) {
			err = errOnePrice
		}
		switch {
		case err == nil:
		case !agreeWith(&lower, above, q, prompt):
			return Cost{}, err
		default:
			if cost, err := lower.cost(q, prompt, n, up); err == nil {
				return cost, nil
			}
		}
		above = append(above, lower)
	}
	if err != nil {
		return Cost{}, err
	}
	return f.cost(q, prompt, n, up)
}

// agreeWith reports whether each of the layers above agrees with the lower one.
func agreeWith(lower *found, above []found, q *Query, prompt int64) bool {
	for i := range above {
		if !above[i].agrees(lower, q, prompt) {
			return false
		}
	}
	return true
}

// agrees reports whether the two layers have prices in common for such a prompt, and none that differs.
func (f *found) agrees(lower *found, q *Query, prompt int64) bool {
	if b := f.tier.band(prompt); b != nil && b.agrees(lower.tier.band(prompt)) {
		return true
	}
	mine, theirs := f.compared(lower, q, prompt)
	return mine.agrees(theirs)
}

// compared returns the bands to compare for such a prompt. If f has no band for it, the last one is compared. A price that a
// list has for prompts of any length is compared with that of short prompts, and one for any hour with that of the hours
// outside of all windows: that is what lists have that do not distinguish them.
func (f *found) compared(lower *found, q *Query, prompt int64) (mine, theirs *band) {
	bands := f.tier.bands
	if mine = f.tier.band(prompt); mine == nil {
		mine = &bands[len(bands)-1]
		prompt = mine.upTo
	}
	t := lower.tier
	if f.model.fromList && len(f.model.periods[f.model.periodAt(q.At)].windows) == 0 {
		tier, _ := tierOf(q.Tier)
		if t = lower.model.periods[lower.model.periodAt(q.At)].tiers[tier]; t == nil {
			return mine, nil
		}
	}
	if f.model.fromList && len(bands) == 1 && mine.upTo == endless {
		return mine, &t.bands[0]
	}
	return mine, t.band(prompt)
}

// tellsApart reports whether the lower layer has another price for such a prompt at that hour than for others, where f is a
// list's and has one for all, which is not the lower layer's.
func (f *found) tellsApart(lower *found, q *Query, prompt int64) bool {
	if !f.model.fromList {
		return false
	}
	mine, theirs := f.compared(lower, q, prompt)
	there := lower.tier.band(prompt)
	return there != nil && there != theirs && !mine.agrees(there)
}

// agrees reports whether two bands have prices in common, and none that differs.
func (b *band) agrees(other *band) bool {
	if other == nil {
		return false
	}
	common := false
	for c := range counters {
		p, q := b.prices[c], other.prices[c]
		if p < 0 || q < 0 {
			continue
		}
		if p != q {
			return false
		}
		common = true
	}
	return common
}

// dearest returns the highest price of an input token, of an output token and of a request, as [tier.dearest] does, in f and
// in the layers below it by which [Catalog.costBelow] could price a call.
func (c *Catalog) dearest(q *Query, f *found, s *Size) (in, out, request int64, err error) {
	in, out, request, err = f.tier.dearest(s)
	if c.layers == nil {
		return in, out, request, err
	}
	var room [roomFor]candidate
	tier, _ := tierOf(q.Tier)
	for _, m := range below(c.search(room[:0], q.Provider, q.Model), f.model) {
		set := m.model.at(q.At)
		if set == nil || set[tier] == nil {
			continue
		}
		lower := found{m, set, set[tier]}
		if !f.mayAgree(&lower, q) {
			continue
		}
		i, o, r, wrong := lower.tier.dearest(s)
		switch {
		case wrong != nil:
		case err != nil:
			in, out, request, err = i, o, r, nil
		default:
			in, out, request = max(in, i), max(out, o), max(request, r)
		}
	}
	return in, out, request, err
}

// mayAgree reports whether there is a prompt for which the two agree. What they have changes only where a band ends.
func (f *found) mayAgree(lower *found, q *Query) bool {
	for _, bands := range [...][]band{f.tier.bands, lower.tier.bands} {
		for i := range bands {
			if f.agrees(lower, q, bands[i].upTo) {
				return true
			}
		}
	}
	return f.agrees(lower, q, endless)
}
