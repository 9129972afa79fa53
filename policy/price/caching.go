package price

import (
	"errors"
	"fmt"
	"time"
)

// Caching is what a model offers to cache prefixes of its prompts, and what that costs in one tier. Rates are per token.
//
// There are three kinds of caching. An explicit cache is created, has a name, and costs storage while it exists. An implicit
// cache is the provider's own: it costs nothing and promises nothing. A priced write puts a prefix into the provider's cache
// for some time.
type Caching struct {
	// MinExplicit is how many tokens an explicit cache has at least. 0: there are none, and NoExplicit says why.
	MinExplicit int64
	NoExplicit  string

	// MinImplicit is how many tokens a prompt has at least to be read from an implicit cache. 0: there is none.
	MinImplicit int64

	// MinWrite is how many tokens a priced write has at least. 0: there are none, and NoWrites says why.
	MinWrite int64
	NoWrites string

	// Input is the rate of input that is not cached, and Cached that of input that is read from a cache of any kind.
	Input, Cached Pico

	// Create is the rate of the tokens of an explicit cache when it is created, which is at the standard tier.
	Create Pico

	// Storage is the rate of a token in an explicit cache for each hour.
	Storage Pico

	// Writes are the rates of priced writes, by how long they last, the shortest first. A TTL of 0 stands for no write.
	Writes [3]WriteRate
}

// WriteRate is the price of writing a token to a provider's cache.
type WriteRate struct {
	TTL  time.Duration // how long it stays after its last use
	Rate Pico
}

// The reasons of a [Caching] are made once, so that finding one does not allocate.
const (
	noExplicit      = "the model has no explicit caches"
	noStoragePrice  = "the price of the storage of explicit caches is not known"
	noCreationPrice = "the price of the creation of explicit caches is not known"
	noWrites        = "the model has no priced writes"
	noWritePrice    = "the price of writes to the cache is not known"
)

// Caching returns what the query's model offers to cache prefixes at the query's time, with the rates of the query's tier for
// prompts of so many tokens, as counted by [Usage.Prompt]. Rates of a regional call have the uplift, rounded up. Where an earlier
// layer does not say what a model offers, a later one counts: see [Layers].
//
// The error is an [*Unpriced]: for the reasons of [Catalog.Cost], if the catalog does not say what the model offers, or if the
// rate of plain or cached input is not known. Nothing is then known to save money.
func (c *Catalog) Caching(q Query, prompt int64) (Caching, error) {
	if prompt < 0 {
		return Caching{}, unpriced(&q, fmt.Errorf("the number of tokens of the prompt is negative: %d", prompt))
	}
	f, err := c.find(&q)
	if err != nil {
		return Caching{}, err
	}
	o := c.findOffer(&q)
	if o == nil {
		return Caching{}, unpriced(&q, fmt.Errorf("not known what the model caches at %s%s", q.At.UTC().Format(time.RFC3339Nano), c.searched()))
	}
	r := rater{catalog: c, query: q, prompt: prompt}
	if r.uplift, err = c.uplift(&q, f.model); err != nil {
		return Caching{}, unpriced(&q, err)
	}
	out := Caching{MinImplicit: o.minImplicit}
	input, cached := r.rate(&f, input), r.rate(&f, cachedInput)
	switch {
	case input < 0:
		return Caching{}, unpriced(&q, errNoInputRate)
	case cached < 0:
		return Caching{}, unpriced(&q, errNoCachedRate)
	}
	out.Input, out.Cached = input, cached
	r.explicit(&out, o)
	r.writes(&out, o, &f)
	if r.err != nil {
		return Caching{}, unpriced(&q, r.err)
	}
	return out, nil
}

var (
	errNoInputRate  = errors.New("no price for input")
	errNoCachedRate = errors.New("no price for cached_input")
)

// findOffer returns what the first layer that says something about it says that the model offers, or nil.
func (c *Catalog) findOffer(q *Query) *offer {
	var room [roomFor]candidate
	for _, m := range c.search(room[:0], q.Provider, q.Model) {
		if o := m.model.offerAt(q.At); o != nil {
			return o
		}
	}
	return nil
}

// A rater finds the rates of one query.
type rater struct {
	catalog *Catalog
	query   Query
	prompt  int64
	uplift  ratio
	err     error // the first rate that does not fit in a [Pico]
}

// explicit fills in what explicit caches cost.
func (r *rater) explicit(out *Caching, o *offer) {
	if o.minExplicit == 0 {
		out.NoExplicit = noExplicit
		return
	}
	creator := *r
	creator.query.Tier = tierNames[standard]
	create := Pico(unknown)
	if f, err := r.catalog.find(&creator.query); err == nil {
		create = creator.rate(&f, cacheWrite)
	}
	var room [roomFor]candidate
	hit, period := storagePeriod(r.catalog.search(room[:0], r.query.Provider, r.query.Model), r.query.At)
	switch {
	case create < 0:
		out.NoExplicit = noCreationPrice
	case period < 0:
		out.NoExplicit = noStoragePrice
	default:
		out.MinExplicit, out.Create = o.minExplicit, create
		out.Storage = r.raised(hit.model.periods[period].storage)
	}
	if r.err == nil {
		r.err = creator.err
	}
}

// writes fills in what priced writes cost.
func (r *rater) writes(out *Caching, o *offer, f *found) {
	if o.minWrite == 0 {
		out.NoWrites = noWrites
		return
	}
	n := 0
	for _, w := range [...]struct {
		ttl time.Duration
		of  counter
	}{{o.writeTTL, cacheWrite}, {time.Hour, cacheWrite1h}, {12 * time.Hour, cacheWrite12h}} {
		if rate := r.rate(f, w.of); rate >= 0 && n < len(out.Writes) {
			out.Writes[n] = WriteRate{w.ttl, rate}
			n++
		}
	}
	if n == 0 {
		out.NoWrites = noWritePrice
		return
	}
	out.MinWrite = o.minWrite
}

// rate returns the rate of a counter, or a negative number if it is not known. It is the price that [Catalog.costBelow] would
// take.
func (r *rater) rate(f *found, of counter) Pico {
	rate := f.rate(r.prompt, of)
	if r.catalog.layers == nil || rate >= 0 && !f.model.fromList {
		return r.raised(rate)
	}
	var room [roomFor]candidate
	var roomAbove [roomFor]found
	above := append(roomAbove[:0], *f)
	tier, _ := tierOf(r.query.Tier)
	apart := false
	for _, m := range below(r.catalog.search(room[:0], r.query.Provider, r.query.Model), f.model) {
		set := m.model.at(r.query.At)
		if set == nil || set[tier] == nil {
			continue
		}
		lower := found{m, set, set[tier]}
		apart = apart || f.tellsApart(&lower, &r.query, r.prompt)
		if rate < 0 || apart {
			if !agreeWith(&lower, above, &r.query, r.prompt) {
				return unknown
			}
			if rate := lower.rate(r.prompt, of); rate >= 0 {
				return r.raised(rate)
			}
		}
		above = append(above, lower)
	}
	if apart {
		return unknown
	}
	return r.raised(rate)
}

// rate returns the price of a counter in the band of such a prompt, or unknown.
func (f *found) rate(prompt int64, of counter) int64 {
	if b := f.tier.band(prompt); b != nil {
		return b.prices[of]
	}
	return unknown
}

// raised returns the rate with the uplift, and an unknown one as it is.
func (r *rater) raised(rate int64) Pico {
	if rate < 0 {
		return unknown
	}
	up, err := r.uplift.timesUp(Pico(rate))
	if err != nil && r.err == nil {
		r.err = err
	}
	return up
}
