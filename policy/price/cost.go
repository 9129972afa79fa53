package price

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"
)

// Query says which price is wanted.
type Query struct {
	// Provider is whose price it is: "openai", "gemini", "anthropic".
	Provider string
	// Model is the model that served, as the provider names it. A leading "models/" is ignored, and a dated snapshot that
	// the catalog does not list ("gpt-5-2025-08-07") has the price of the model that it is a snapshot of.
	Model string
	// Tier is the tier that served: "standard", "flex", "priority" or "batch". The empty string is not known, and has no
	// price.
	Tier string
	// At is when the request started, which chooses the period. The zero time has no price.
	At time.Time
	// Regional says that the request went to a region-bound host, for which some models charge more.
	Regional bool
}

// Cost is what one usage costs, and what it would have cost otherwise.
type Cost struct {
	// Cost is what it costs as served.
	Cost Pico
	// Uncached is what the same usage costs at the same tier, had nothing been cached: cached and cache-written tokens at
	// the price of plain ones.
	Uncached Pico
	// List is what the same usage costs at the standard tier, had nothing been cached. It is 0 unless ListKnown.
	List Pico
	// ListKnown is false where there is no standard price for the usage.
	ListKnown bool
	// PriceID names the catalog, provider, model, period (by its beginning, "-" where that is open) and tier that the
	// price is from: "embedded/openai/o3/2025-06-10/flex". In a window it has the window's hours behind an "@".
	// Where an alias led to the price, its name stands before it: "user/azure/prod=embedded/openai/o3/2025-06-10/flex".
	PriceID string
}

// Unpriced is the error for a usage that cannot be priced.
type Unpriced struct {
	// Reason says what is not known, and of which model.
	Reason string
}

// Error is the reason, with the package's name before it.
func (e *Unpriced) Error() string { return "price: unpriced: " + e.Reason }

// Cost prices the usage. The error, if any, is an [*Unpriced]: because the model, the moment, the tier, a counter that is
// above zero or a prompt this long has no price in the catalog, because the tier or the moment was not given, because a
// count is negative or there are more reasoning tokens than output, or because the cost does not fit in a [Pico].
//
// A model is found by its exact name, then as a dated snapshot of one: without a last "-2006-01-02", "-20060102" or "-001".
func (c *Catalog) Cost(q Query, u Usage) (Cost, error) {
	f, err := c.find(&q)
	if err != nil {
		return Cost{}, err
	}
	prompt := u.Prompt()
	var used used
	if !used.read(&u) {
		return Cost{}, insane(&q, &u)
	}
	up := f.model.upliftFor(q.Regional)
	cost, uncached, err := f.tier.cost(prompt, &used, up)
	if err != nil {
		return Cost{}, unpriced(&q, err)
	}
	list, known := f.set.list(f.tier, uncached, prompt, &used, up)
	return Cost{Cost: cost, Uncached: uncached, List: list, ListKnown: known, PriceID: f.id(&q, f.tier.id)}, nil
}

// Bound is the most that a call can cost whose prompt has at most maxInput tokens and whose answer has at most maxOutput:
// all of the prompt at the dearest price of any kind of input, in any band that such a prompt could select, and all of the
// output at the dearest price of any kind of output. A negative number is not known: the model's own limit then stands in,
// and so it does where it is lower than the number given. Kinds of token that the tier has no price for are not in it.
// It covers the tokens and, where the call itself has a price (requests), one request. Searches and other tools come on top
// of it, as nobody knows how many there will be, and so does storage. The bound holds for a call that starts at q.At, in that period and window. The regional uplift, if any, is rounded up.
//
// The error, if any, is an [*Unpriced]: as from [Catalog.Cost], and where a limit is needed that is not known.
func (c *Catalog) Bound(q Query, maxInput, maxOutput int64) (Pico, error) {
	f, err := c.find(&q)
	if err != nil {
		return 0, err
	}
	limitInput, limitOutput, _ := c.Limits(q.Provider, q.Model)
	maxInput, maxOutput = clamp(maxInput, limitInput), clamp(maxOutput, limitOutput)
	bound, err := f.tier.bound(maxInput, maxOutput)
	if err == nil {
		bound, err = f.model.upliftFor(q.Regional).timesUp(bound)
	}
	if err != nil {
		return 0, unpriced(&q, err)
	}
	return bound, nil
}

// clamp is n, or the limit where n is above it or not known. A limit of 0 is not known; what is not known is negative.
func clamp(n, limit int64) int64 {
	if limit > 0 && (n < 0 || n > limit) {
		return limit
	}
	return n
}

// snapshotOf is the name without the date or number that makes it one of a dated snapshot, and whether it has one.
func snapshotOf(name string) (base string, ok bool) {
	for _, layout := range [...]string{"-dddd-dd-dd", "-dddddddd", "-ddd"} {
		if at := len(name) - len(layout); at > 0 && looksLike(name[at:], layout) {
			return name[:at], true
		}
	}
	return "", false
}

// looksLike says whether s has a digit where the layout has a d, and is the same elsewhere. Both are of one length.
func looksLike(s, layout string) bool {
	for i := range len(s) {
		if isDigit := s[i] >= '0' && s[i] <= '9'; layout[i] == 'd' && !isDigit || layout[i] != 'd' && s[i] != layout[i] {
			return false
		}
	}
	return true
}

// at returns the prices in force, or nil.
func (m *model) at(t time.Time) *tierSet {
	if i := m.periodAt(t); i >= 0 {
		return m.periods[i].at(t)
	}
	return nil
}

// periodAt returns the index of the period in force, or -1.
func (m *model) periodAt(t time.Time) int {
	for i := len(m.periods) - 1; i >= 0; i-- {
		if p := &m.periods[i]; !t.Before(p.from) {
			if !p.until.IsZero() && !t.Before(p.until) {
				return -1
			}
			return i
		}
	}
	return -1
}

// at returns the prices in force at a moment of the period.
func (p *period) at(t time.Time) *tierSet {
	if len(p.windows) == 0 {
		return &p.tiers
	}
	t = t.UTC()
	hour, minute, second := t.Clock()
	seconds, day := (hour*60+minute)*60+second, weekdays(1)<<t.Weekday()
	for i := range p.windows {
		if w := &p.windows[i]; w.days&day != 0 && w.from <= seconds && seconds < w.until {
			return &w.tiers
		}
	}
	return &p.tiers
}

// list is what the counts cost at the standard tier, had nothing been cached. It is the cost, uncached, at the tier that
// served, if that is it.
func (s *tierSet) list(served *tier, uncached Pico, prompt int64, n *used, up ratio) (Pico, bool) {
	switch s[standard] {
	case nil:
		return 0, false
	case served:
		return uncached, true
	}
	b := s[standard].band(prompt)
	if b == nil {
		return 0, false
	}
	list, err := b.plain.cost(n, up)
	return list, err == nil
}

// endless is the upTo of a band without end.
const endless = math.MaxInt64

// What can stand in the way of a price. These are made once, so that the
// way to a price needs no memory.
var (
	errOverflow    = errors.New("the cost is more than a picodollar count can hold")
	errLongContext = errors.New("no price for a long context: the prompt is beyond the last band")
	errNoInput     = errors.New("the size of the prompt is not known, nor the model's largest")
	errNoOutput    = errors.New("the size of the output is not known, nor the model's largest")
	errNoOutputFee = errors.New("no price for any kind of output")
	errNoInputFee  = errors.New("no price for any kind of input")
	errNoCounter   = func() (errs [counters]error) {
		for c, name := range counterNames {
			errs[c] = fmt.Errorf("no price for %s", name)
		}
		return errs
	}()
)

// cost is what the counts cost with a prompt of that many tokens, as they are and had nothing been cached.
func (t *tier) cost(prompt int64, n *used, up ratio) (cost, uncached Pico, err error) {
	b := t.band(prompt)
	if b == nil {
		return 0, 0, errLongContext
	}
	cost, err = b.prices.cost(n, up)
	if err != nil {
		return 0, 0, err
	}
	uncached, err = b.plain.cost(n, up)
	return cost, uncached, err
}

// band returns the band that prices a prompt of that many tokens, or nil.
func (t *tier) band(prompt int64) *band {
	for i := range t.bands {
		if prompt <= t.bands[i].upTo {
			return &t.bands[i]
		}
	}
	return nil
}

// bound is the most that so many tokens can cost; a negative number is not known.
func (t *tier) bound(maxInput, maxOutput int64) (Pico, error) {
	in, out, request, err := t.dearest(maxInput)
	switch {
	case err != nil:
		return 0, err
	case maxInput != 0 && in < 0:
		return 0, errNoInputFee
	case maxOutput != 0 && out < 0:
		return 0, errNoOutputFee
	case maxInput < 0 && in > 0:
		return 0, errNoInput
	case maxOutput < 0 && out > 0:
		return 0, errNoOutput
	}
	var total tally
	total.add(max(maxInput, 0), max(in, 0))
	total.add(max(maxOutput, 0), max(out, 0))
	total.add(1, max(request, 0))
	return total.pico()
}

// dearest returns the highest price of an input token, of an output token and of a request, in the bands of prompts up to
// maxInput.
func (t *tier) dearest(maxInput int64) (in, out, request int64, err error) {
	if maxInput < 0 {
		maxInput = endless
	}
	in, out, request = unknown, unknown, unknown
	for i := range t.bands {
		b := &t.bands[i]
		in = max(in, slices.Max(b.prices[:firstOutput]))
		out = max(out, slices.Max(b.prices[firstOutput:firstTool]))
		request = max(request, b.prices[requests])
		if maxInput <= b.upTo {
			return in, out, request, nil
		}
	}
	return 0, 0, 0, errLongContext
}

// tally is a sum of products that are not negative, in 128 bits. A price is below 2^44 and a count below 2^63, so that
// one product for each counter has room to spare.
type tally struct{ hi, lo uint64 }

// add adds so many tokens at a price.
func (t *tally) add(tokens, price int64) {
	hi, lo := bits.Mul64(uint64(tokens), uint64(price))
	var carry uint64
	t.lo, carry = bits.Add64(t.lo, lo, 0)
	t.hi, _ = bits.Add64(t.hi, hi, carry)
}

// pico is the sum, if it fits.
func (t *tally) pico() (Pico, error) {
	if t.hi != 0 || t.lo > math.MaxInt64 {
		return 0, errOverflow
	}
	return Pico(t.lo), nil
}

// ratio is a factor, num/den. The zero ratio is 1.
type ratio struct{ num, den uint64 }

// ratioOf is the factor as an amount in dollars.
func ratioOf(factor Pico) ratio {
	a, b := uint64(factor), uint64(USD)
	for b != 0 {
		a, b = b, a%b
	}
	return ratio{uint64(factor) / a, uint64(USD) / a}
}

// upliftFor is the factor of a regional call, or 1.
func (m *model) upliftFor(regional bool) ratio {
	if !regional {
		return ratio{}
	}
	return m.uplift
}

// timesEven is p times the factor, rounded to the nearest picodollar, half to even. The amount is not negative.
func (r ratio) timesEven(p Pico) (Pico, error) {
	product, rest, err := r.times(p)
	if half := r.den - rest; rest > 0 && (rest > half || rest == half && product&1 == 1) {
		return product.next()
	}
	return product, err
}

// timesUp is p times the factor, rounded up. The amount is not negative.
func (r ratio) timesUp(p Pico) (Pico, error) {
	product, rest, err := r.times(p)
	if rest > 0 {
		return product.next()
	}
	return product, err
}

// times is p times the factor, rounded down, and what is left over, in parts of den.
func (r ratio) times(p Pico) (product Pico, rest uint64, err error) {
	if r.den == 0 {
		return p, 0, nil
	}
	hi, lo := bits.Mul64(uint64(p), r.num)
	if hi >= r.den {
		return 0, 0, errOverflow
	}
	lo, rest = bits.Div64(hi, lo, r.den)
	if lo > math.MaxInt64 {
		return 0, 0, errOverflow
	}
	return Pico(lo), rest, nil
}

// next is one picodollar more, if it fits.
func (p Pico) next() (Pico, error) {
	if p == math.MaxInt64 {
		return 0, errOverflow
	}
	return p + 1, nil
}

// insane is the error of a usage that cannot be one.
func insane(q *Query, u *Usage) error {
	for c, tokens := range u.counts() {
		if tokens < 0 {
			return unpriced(q, fmt.Errorf("%s is negative: %d", counterNames[c], tokens))
		}
	}
	return unpriced(q, fmt.Errorf("reasoning is %d of %d output tokens", u.Reasoning, u.Output))
}

// unpriced is the error for the query.
func unpriced(q *Query, err error) error {
	name := q.Provider + "/" + q.Model
	if q.Tier != "" {
		name += " (" + q.Tier + ")"
	}
	return &Unpriced{Reason: name + ": " + err.Error()}
}
