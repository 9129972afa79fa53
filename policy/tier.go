package policy

import "slices"

// A Tier is a processing class, in the provider's terms. The zero Tier names none: the provider then uses its own
// default.
type Tier string

// The tiers that a policy may ask for. A request body may name others, such as "auto" or "scale"; they are passed on.
const (
	Standard Tier = "standard" // what OpenAI calls "default"
	Flex     Tier = "flex"     // cheaper, slower, and refused when there is no capacity
	Priority Tier = "priority" // dearer, faster; OpenAI also calls it "fast"
	Batch    Tier = "batch"    // served by batch jobs only; never asked for
)

// NoFallback, as a fallback, undoes one that a more general setting names.
const NoFallback Tier = "none"

var askable = []Tier{Flex, Standard, Priority}

// Askable reports whether a policy may ask for t.
func (t Tier) Askable() bool { return slices.Contains(askable, t) }

// A Plan is the order of tiers that a call may use. A later one is used when those before it refuse.
type Plan []Tier

// First returns the first tier of the plan; the zero Tier if the plan is empty.
func (p Plan) First() Tier {
	if len(p) == 0 {
		return ""
	}
	return p[0]
}

// After returns the tier that follows t, and whether there is one.
func (p Plan) After(t Tier) (Tier, bool) {
	if i := slices.Index(p, t); i >= 0 && i+1 < len(p) {
		return p[i+1], true
	}
	return "", false
}

// Last returns the last tier of the plan; the zero Tier if the plan is empty.
func (p Plan) Last() Tier {
	if len(p) == 0 {
		return ""
	}
	return p[len(p)-1]
}
