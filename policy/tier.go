package policy

import "slices"

// A Tier is a class of processing, with a price and a speed of its own. The zero Tier asks for none: the provider then
// uses its default.
type Tier string

// The tiers that a policy may ask for, and Batch. The body of a request may name others, such as "auto" or "scale",
// which are sent unchanged.
const (
	Standard Tier = "standard" // OpenAI calls it "default"
	Flex     Tier = "flex"     // cheaper, slower, and rejected when there is no capacity
	Priority Tier = "priority" // dearer, faster; OpenAI also calls it "fast"
	Batch    Tier = "batch"    // what batch jobs are served on; a policy cannot ask for it
)

// NoFallback, as a fallback, undoes one that a more general setting names.
const NoFallback Tier = "none"

// askable are the tiers that a policy may ask for.
var askable = []Tier{Flex, Standard, Priority}

// Askable reports whether a policy may ask for t.
func (t Tier) Askable() bool { return slices.Contains(askable, t) }

// A Plan is the order of the tiers that a call may use. A tier is used when the provider rejects those before it.
type Plan []Tier

// First returns the first tier of the plan; the zero Tier if the plan is empty.
func (p Plan) First() Tier {
	if len(p) == 0 {
		return ""
	}
	return p[0]
}

// Cheapest returns the tier of the plan with the lowest price: flex before standard, and priority last. The zero Tier counts as
// standard.
func (p Plan) Cheapest() Tier {
	rank := func(t Tier) int { return max(0, slices.Index([]Tier{Flex, "", Standard, Priority}, t)) }
	if len(p) < 2 {
		return p.First()
	}
	return slices.MinFunc(p, func(a, b Tier) int { return rank(a) - rank(b) })
}

// After returns the tier that follows t, and whether there is one.
func (p Plan) After(t Tier) (Tier, bool) {
	if i := slices.Index(p, t); i >= 0 && i+1 < len(p) {
		return p[i+1], true
	}
	return "", false
}

// last returns the last tier of the plan; the zero Tier if the plan is empty.
func (p Plan) last() Tier {
	if len(p) == 0 {
		return ""
	}
	return p[len(p)-1]
}
