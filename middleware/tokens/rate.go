package tokens

// A rate is how many tokens there are for each token of another count. The zero rate is one.
//
// It moves towards the rate of each answer, by as much as the answer weighs beside those before. An answer counts as at most
// twice the rate, and at least half of it, so that an odd one changes little, and several of a kind lead to any rate.
type rate struct {
	off    int64 // the rate less one, in units of 1/unit
	weight int64 // of the answers so far
}

const (
	unit = 1 << 16

	// A rate stays between these.
	minRate = unit / 64
	maxRate = unit * 64

	// The rate of one counts as much as an answer of priorWeight tokens. A larger prompt weighs more, up to maxWeight. All
	// answers before count as sumWeight at most, so that the last ten of large prompts outweigh them.
	priorWeight = 1024
	maxWeight   = 2048
	sumWeight   = 8 * maxWeight
)

// of returns the tokens for a count of others, rounded up.
func (r *rate) of(n int64) int64 {
	n = bounded(n)
	whole := (unit + r.off) / unit
	return n*whole + (n*((unit+r.off)%unit)+unit-1)/unit
}

// learn takes into account that there were so many tokens for others.
func (r *rate) learn(tokens, others int64) {
	if others <= 0 || tokens < 0 {
		return
	}
	now := unit + r.off
	tokens, others = bounded(tokens), bounded(others)
	seen := min(max(tokens*unit/others, now/2), now*2)
	weight := min(others, maxWeight)
	sum := priorWeight + r.weight
	now += (seen - now) * weight / (sum + weight)
	r.off = min(max(now, minRate), maxRate) - unit
	r.weight = min(r.weight+weight, sumWeight)
}
