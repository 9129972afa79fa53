package tokens

// A rate is how many tokens there are for each token of another count. The zero rate is one.
//
// It moves towards the rate of each answer: by half at first, then by less, and by a ninth in the end. An answer counts as at
// most twice the rate, and at least half of it, so that a single outlier changes little. Repeated answers can lead to any rate.
type rate struct {
	off     int64 // the rate less one, in units of 1/unit
	answers int64 // that it was learned from, up to maxWeight
}

const (
	unit = 1 << 16

	// A rate stays between these.
	minRate = unit / 64
	maxRate = unit * 64

	maxWeight = 7 // answers that the rate so far counts as, at most, besides one for the rate that it began with
)

// of returns the tokens for a count of others, rounded up.
func (r *rate) of(n int64) int64 {
	n = bounded(n)
	now := unit + r.off
	return n*(now/unit) + (n*(now%unit)+unit-1)/unit
}

// learn takes into account that there were so many tokens for others.
func (r *rate) learn(tokens, others int64) {
	if others <= 0 || tokens < 0 {
		return
	}
	now := unit + r.off
	seen := min(max(bounded(tokens)*unit/bounded(others), now/2), now*2)
	now += (seen - now) / (r.answers + 2)
	r.off = min(max(now, minRate), maxRate) - unit
	r.answers = min(r.answers+1, maxWeight)
}

// Rates are those of prompts of several sizes. What providers add to each request is most of a small prompt and little of a
// large one, so the one says little about the other.
type rates [4]rate

// sizeOf returns which of the rates is that of a prompt: of less than 128 tokens, 1024, 8192, or more.
func sizeOf(n int64) int {
	switch {
	case n < 1<<7:
		return 0
	case n < 1<<10:
		return 1
	case n < 1<<13:
		return 2
	}
	return 3
}

// of returns the tokens for a count of others. For a size of which nothing is known, the rate of a larger one holds.
func (r *rates) of(n int64) int64 {
	for i := sizeOf(n); i < len(r); i++ {
		if r[i].answers > 0 {
			return r[i].of(n)
		}
	}
	return bounded(n)
}

// learn takes into account that there were so many tokens for others.
func (r *rates) learn(tokens, others int64) { r[sizeOf(others)].learn(tokens, others) }
