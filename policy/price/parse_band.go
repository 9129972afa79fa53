package price

import (
	"errors"
	"fmt"
	"slices"
)

// parseBands reads a tier's list of bands.
func (t *tier) parseBands(raw []byte) error {
	list, err := array(raw)
	if err != nil {
		return err
	}
	for i, raw := range list {
		if err := t.parseBand(raw); err != nil {
			return inField(fmt.Sprintf("[%d]", i), err)
		}
	}
	if len(t.bands) == 0 {
		return errors.New("has no price")
	}
	if t.beyond == nil {
		t.beyond = errLongContext
	}
	return nil
}

// parseBand adds one band, or notes the reason why there are no more.
func (t *tier) parseBand(raw []byte) error {
	fields, err := object(raw, "up_to", "usd_per_million", "usd_per_thousand", "unpriced")
	if err != nil {
		return err
	}
	last := int64(0)
	if len(t.bands) > 0 {
		last = t.bands[len(t.bands)-1].upTo
	}
	switch reason := fields["unpriced"]; {
	case t.beyond != nil:
		return errors.New("comes after the end of the prices")
	case reason != nil && last == endless:
		return inField("unpriced", errors.New("comes after a band without up_to"))
	case reason != nil:
		return inField("unpriced", t.parseBeyond(reason, len(fields)))
	}
	var b band
	if err := b.parse(fields); err != nil {
		return err
	}
	if last >= b.upTo {
		return inField("up_to", errors.New("is not above that of the band before"))
	}
	t.bands = append(t.bands, b)
	return nil
}

// parseBeyond reads the reason why longer prompts have no price. Its object has the given number of fields.
func (t *tier) parseBeyond(raw []byte, fields int) error {
	if fields > 1 {
		return errors.New("cannot be combined with prices or up_to")
	}
	var reason string
	if err := parseText(raw, &reason); err != nil {
		return err
	}
	if reason == "" {
		return errors.New("is empty; want the reason")
	}
	t.beyond = fmt.Errorf("%w (%s)", errLongContext, reason)
	return nil
}

// parse reads the fields of one band.
func (b *band) parse(fields map[string][]byte) error {
	b.upTo = endless
	if up := fields["up_to"]; up != nil {
		if err := parseTokens(up, &b.upTo); err != nil {
			return inField("up_to", err)
		}
		if b.upTo == 0 {
			return inField("up_to", errors.New("is not positive"))
		}
	}
	for c := range b.prices {
		b.prices[c] = unknown
	}
	// A band may have prices of tools only, for example of a search that is not charged by tokens.
	if fields["usd_per_thousand"] == nil || fields["usd_per_million"] != nil {
		if err := b.parsePrices(fields["usd_per_million"], 0, firstTool, parsePrice); err != nil {
			return inField("usd_per_million", err)
		}
	}
	if tools := fields["usd_per_thousand"]; tools != nil {
		if err := b.parsePrices(tools, firstTool, counters, parseFee); err != nil {
			return inField("usd_per_thousand", err)
		}
	}
	return inField("usd_per_million", b.complete())
}

// parsePrices reads {"input": "1.25"}. The counters allowed are those from first to before last.
func (b *band) parsePrices(raw []byte, first, last counter, parse func([]byte, *int64) error) error {
	known := 0
	err := eachField(raw, "", func(name string, raw []byte) error {
		c := counter(slices.Index(counterNames[:], name))
		switch {
		case c < 0:
			return fmt.Errorf("unknown counter %q", name)
		case c < first:
			return fmt.Errorf("%s is counted in tokens: its place is in usd_per_million", name)
		case c >= last:
			return fmt.Errorf("%s is counted in requests: its place is in usd_per_thousand", name)
		}
		known++
		return inField(name, parse(raw, &b.prices[c]))
	})
	if err == nil && known == 0 {
		err = errors.New("has no price")
	}
	return err
}

// complete refuses a price of cached tokens without the plain price. It fills in the price of cached tokens that have
// none, which is the plain price, and the prices of all tokens without any cache.
func (b *band) complete() error {
	for c, plain := range plainCounter {
		if b.prices[c] >= 0 && b.prices[plain] < 0 {
			return fmt.Errorf("has %s without %s", counterNames[c], counterNames[plain])
		}
	}
	for _, c := range []counter{cachedInput, cachedAudioInput, cachedImageInput} {
		if b.prices[c] < 0 {
			b.prices[c] = b.prices[plainCounter[c]]
		}
	}
	for c, plain := range plainCounter {
		b.plain[c] = b.prices[plain]
	}
	return nil
}

const (
	perMillion  = 1_000_000
	perThousand = 1_000
	// maxPrice and maxFee are far above any real price. A price per token that was written as one per million tokens is
	// far above maxPrice.
	maxPrice = 1_000 * USD
	maxFee   = 10_000 * USD
)

// parsePrice reads US dollars per million tokens as picodollars per token.
func parsePrice(raw []byte, price *int64) error {
	return parseEach(raw, price, perMillion, maxPrice, "per million tokens: is it in another unit?", "per token")
}

// parseFee reads US dollars per thousand requests as picodollars per request.
func parseFee(raw []byte, price *int64) error {
	return parseEach(raw, price, perThousand, maxFee, "per thousand requests", "per request")
}

// parseEach reads the price of many units, from 0 to most, as the price of one unit.
func parseEach(raw []byte, price *int64, many, most Pico, ofMany, ofOne string) error {
	var p Pico
	if err := p.UnmarshalJSON(raw); err != nil {
		return err
	}
	switch {
	case p < 0:
		return fmt.Errorf("%s is negative", p)
	case p > most:
		return fmt.Errorf("%s is above %s %s", p, most, ofMany)
	case p%many != 0:
		return fmt.Errorf("%s is not a whole number of picodollars %s", p, ofOne)
	}
	*price = int64(p / many)
	return nil
}
