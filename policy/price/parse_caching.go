package price

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// An offer is what a model offers to cache prefixes of its prompts, for some time. A zero minimum means that it does not offer
// that kind.
type offer struct {
	from, until, reviewBy              time.Time // zero: open
	minExplicit, minImplicit, minWrite int64
	writeTTL                           time.Duration // of cache_write
}

// offerAt returns what the model offers at a time, or nil if that is not known.
func (m *model) offerAt(t time.Time) *offer {
	for i := range m.offers {
		if o := &m.offers[i]; !t.Before(o.from) && (o.until.IsZero() || t.Before(o.until)) {
			return o
		}
	}
	return nil
}

// parseOffers reads the list of what the model offers, and sorts it.
func (m *model) parseOffers(raw []byte) error {
	if raw == nil {
		return nil
	}
	list, err := array(raw)
	if err != nil {
		return inField("caching", err)
	}
	for i, raw := range list {
		var o offer
		if err := o.parse(raw); err != nil {
			return inField(fmt.Sprintf("caching[%d]", i), err)
		}
		m.offers = append(m.offers, o)
	}
	slices.SortStableFunc(m.offers, func(a, b offer) int { return a.from.Compare(b.from) })
	for i := 1; i < len(m.offers); i++ {
		if before := m.offers[i-1]; before.until.IsZero() || before.until.After(m.offers[i].from) {
			return inField("caching", errors.New("two entries overlap"))
		}
	}
	return nil
}

// parse reads one entry.
func (o *offer) parse(raw []byte) error {
	fields, err := object(raw, "from", "until", "review_by", "source", "min_explicit", "min_implicit", "min_write", "write_ttl")
	if err != nil {
		return err
	}
	var source string
	err = cmp.Or(
		inField("from", parseTime(fields["from"], &o.from)),
		inField("until", parseTime(fields["until"], &o.until)),
		inField("review_by", parseTime(fields["review_by"], &o.reviewBy)),
		inField("source", parseText(fields["source"], &source)),
		inField("min_explicit", parseMinimum(fields["min_explicit"], &o.minExplicit)),
		inField("min_implicit", parseMinimum(fields["min_implicit"], &o.minImplicit)),
		inField("min_write", parseMinimum(fields["min_write"], &o.minWrite)),
		inField("write_ttl", parseTTL(fields["write_ttl"], &o.writeTTL)),
	)
	switch {
	case err != nil:
		return err
	case source == "":
		return inField("source", errMissing)
	case !o.until.IsZero() && !o.from.Before(o.until):
		return inField("until", errors.New("is not after from"))
	case (o.minWrite > 0) != (o.writeTTL > 0):
		return inField("write_ttl", errors.New("and min_write need each other"))
	}
	return nil
}

// parseMinimum reads a number of tokens that is not zero. If the field is missing, n stays as it was.
func parseMinimum(raw []byte, n *int64) error {
	if err := parseTokens(raw, n); err != nil || raw == nil || *n > 0 {
		return err
	}
	return errors.New("is 0; leave it out if the model does not offer this")
}

// parseTTL reads the time to live of a write: less than an hour, as the names of longer ones state theirs. If the field is
// missing, d stays as it was.
func parseTTL(raw []byte, d *time.Duration) error {
	var text string
	if err := parseText(raw, &text); err != nil || raw == nil {
		return err
	}
	ttl, err := time.ParseDuration(text)
	if err != nil || ttl <= 0 || ttl >= time.Hour {
		return fmt.Errorf("%.64q is not a time of less than an hour (5m)", text)
	}
	*d = ttl
	return nil
}
