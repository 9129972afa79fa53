package price

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// portSpan is the prompts that an entry or a label is for: those of more than above and at most upTo tokens.
type portSpan struct{ above, upTo int64 }

// portPart is what one of a model's entries states: the prices of the prompts in the span.
type portPart struct {
	span  portSpan
	tiers draftTiers
}

// portOperators are the words before a number of tokens, in a name or a label.
var portOperators = []string{"lte", "gte", "lt", "gt"}

// portSpanOf splits an entry's name into the model's name and the prompts that the entry is for. They are all prompts if the
// name does not say.
func portSpanOf(name string) (model string, span portSpan) {
	for _, op := range portOperators {
		at := strings.LastIndex(name, "-"+op+"-")
		if at <= 0 {
			continue
		}
		if span, ok := parseSpan(name[at+1:]); ok {
			return name[:at], span
		}
	}
	return name, portSpan{0, endless}
}

// parseSpan reads a label such as "gt-128k".
func parseSpan(label string) (span portSpan, ok bool) {
	op, number, _ := strings.Cut(label, "-")
	unit := int64(1000)
	number, isThousands := strings.CutSuffix(number, "k")
	if !isThousands {
		unit = 1_000_000
		if number, ok = strings.CutSuffix(number, "m"); !ok {
			return span, false
		}
	}
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n <= 0 || n > math.MaxInt32/1000 {
		return span, false
	}
	switch n *= unit; op {
	case "lte":
		return portSpan{0, n}, true
	case "lt":
		return portSpan{0, n - 1}, true
	case "gt":
		return portSpan{n, endless}, true
	case "gte":
		return portSpan{n - 1, endless}, true
	}
	return span, false
}

// join returns the bands of a model from its entries. An entry for all prompts is for those below the first threshold if
// other entries have one. A price is withheld where two entries state different ones for a prompt.
func (f *portFile) join(name string, parts []portPart) draftTiers {
	if len(parts) == 1 && parts[0].span == (portSpan{0, endless}) {
		return parts[0].tiers
	}
	shortest := int64(endless)
	for _, p := range parts {
		if p.span.above > 0 {
			shortest = min(shortest, p.span.above)
		}
		shortest = min(shortest, p.span.upTo)
	}
	for i := range parts {
		if parts[i].span == (portSpan{0, endless}) {
			parts[i].span.upTo = shortest
		}
	}
	var joined draftTiers
	for t := range joined {
		joined[t] = f.joinTier(name, tierName(t), parts)
	}
	return joined
}

// joinTier joins the bands of one tier.
func (f *portFile) joinTier(name string, t tierName, parts []portPart) (bands []draftBand) {
	starts := []int64{0}
	stated := false
	for _, p := range parts {
		starts = append(starts, p.span.above)
		if p.span.upTo != endless {
			starts = append(starts, p.span.upTo)
		}
		for _, b := range p.tiers[t] {
			stated = true
			if b.upTo > 0 {
				starts = append(starts, b.upTo)
			}
		}
	}
	if !stated {
		return nil
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	for i, start := range starts {
		b := draftBand{prices: noPrices()}
		if i+1 < len(starts) {
			b.upTo = starts[i+1]
		}
		for _, p := range parts {
			f.state(name, t, &b.prices, p.prices(t, start+1))
		}
		if last := len(bands) - 1; last >= 0 && bands[last].prices == b.prices {
			bands[last].upTo = b.upTo
			continue
		}
		bands = append(bands, b)
	}
	return bands
}

// prices returns what the entry states for prompts of that many tokens, or nil.
func (p *portPart) prices(t tierName, prompt int64) *draftPrices {
	if prompt <= p.span.above || prompt > p.span.upTo {
		return nil
	}
	for i := range p.tiers[t] {
		if b := &p.tiers[t][i]; b.upTo == 0 || prompt <= b.upTo {
			return &b.prices
		}
	}
	return nil
}

// state adds the prices that an entry states to those of the band.
func (f *portFile) state(name string, t tierName, band, stated *draftPrices) {
	if stated == nil {
		return
	}
	for c, pico := range stated {
		if pico >= 0 && !band.state(counter(c), pico) {
			what := "reasoning"
			if c < int(counters) {
				what = counterNames[c]
			}
			f.warn(Withheld, name, tierNames[t]+" "+what, "differs between the entries of the model")
		}
	}
}
