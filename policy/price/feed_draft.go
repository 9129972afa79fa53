package price

import (
	"encoding/json"
	"errors"
	"slices"
)

// draft is a model of a list in the format of [Catalog], before it is parsed. A draft is written as JSON and read by the
// catalog's own parser, so that a feed cannot have what the parser refuses.
type draft struct {
	Limits  *draftLimits  `json:"limits,omitempty"`
	Uplift  string        `json:"regional_uplift,omitempty"`
	Periods []draftPeriod `json:"periods"`
}

type draftLimits struct {
	MaxInput  int64 `json:"max_input,omitzero"`
	MaxOutput int64 `json:"max_output,omitzero"`
}

type draftPeriod struct {
	From    string        `json:"from,omitempty"`
	Until   string        `json:"until,omitempty"`
	Source  string        `json:"source"`
	Tiers   draftTiers    `json:"tiers"`
	Windows []draftWindow `json:"windows,omitempty"`
}

type draftWindow struct {
	From  string     `json:"from"`
	Until string     `json:"until"`
	Tiers draftTiers `json:"tiers"`
}

// draftTiers has the bands of each tier.
type draftTiers [tiers][]draftBand

// draftBand has the prices of prompts of at most upTo tokens. If upTo is 0, it has those of any prompt.
type draftBand struct {
	upTo   int64
	prices draftPrices
}

// draftPrices has the price of each counter in picodollars per token or request. The last element is the price of a
// reasoning token, which a catalog does not have. A negative price is not known: a price of cached tokens does not default
// to the plain price as in a catalog.
type draftPrices [counters + 1]int64

const reasoning = counters

// noPrices returns prices that are all unknown.
func noPrices() (p draftPrices) {
	for c := range p {
		p[c] = unknown
	}
	return p
}

// withhold removes the prices of the counters from first to before last.
func (p *draftPrices) withhold(first, last counter) {
	for c := first; c < last; c++ {
		p[c] = unknown
	}
}

// disputed is the price of a counter for which a list states two. It is negative, and so not known.
const disputed = unknown - 1

// state sets a price that the list states, and reports whether the list stated no other before. If it did, neither is taken.
func (p *draftPrices) state(c counter, pico int64) bool {
	switch {
	case p[c] == disputed:
	case p[c] >= 0 && p[c] != pico:
		p[c] = disputed
		return false
	default:
		p[c] = pico
	}
	return true
}

// known reports whether there is any price that a catalog can have.
func (p *draftPrices) known() bool { return slices.Max(p[:counters]) >= 0 }

// settle removes what a catalog cannot have, and reports whether anything is left. It removes a period without a price,
// and a period with a window without one.
func (d *draft) settle(warn func(field, text string)) bool {
	var kept []draftPeriod
	for _, p := range d.Periods {
		ok := p.Tiers.settle(warn)
		for i := range p.Windows {
			ok = p.Windows[i].Tiers.settle(warn) && ok
		}
		if ok {
			kept = append(kept, p)
		}
	}
	d.Periods = kept
	return len(kept) > 0
}

// settle removes what a catalog cannot have, and reports whether anything is left.
func (s *draftTiers) settle(warn func(field, text string)) bool {
	s.settleReasoning(warn)
	left := false
	for t := range s {
		for i := range s[t] {
			p := &s[t][i].prices
			for c, plain := range plainCounter {
				if p[plain] < 0 {
					p[c] = unknown
				}
			}
		}
		// A band begins where the one before it ends, so nothing after a missing band can be kept.
		if gap := slices.IndexFunc(s[t], func(b draftBand) bool { return !b.prices.known() }); gap >= 0 {
			s[t] = s[t][:gap]
		}
		left = left || len(s[t]) > 0
	}
	return left
}

// settleReasoning withholds the price of output where reasoning has another price, because a [Usage] counts reasoning as
// output. A band that states no price of reasoning is treated in the same way if another band of the model does.
func (s *draftTiers) settleReasoning(warn func(field, text string)) {
	apart := false
	for t := range s {
		apart = apart || slices.ContainsFunc(s[t], func(b draftBand) bool {
			return b.prices[reasoning] >= 0 && b.prices[reasoning] != b.prices[output]
		})
	}
	for t := range s {
		for i := range s[t] {
			p := &s[t][i].prices
			if apart && p[output] >= 0 && p[output] != p[reasoning] {
				p[output] = unknown
				warn(tierNames[t]+" output", "reasoning has a price of its own, and is counted in the output here")
			}
			p[reasoning] = unknown
		}
	}
}

// parse parses the draft with the catalog's parser.
func (d *draft) parse(catalog string, key modelKey) (*model, error) {
	doc := map[string]any{"providers": map[string]any{key.provider: map[string]any{"models": map[string]any{key.name: d}}}}
	whole, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	c := &Catalog{name: catalog, models: make(map[modelKey]*model)}
	if err := c.parse(whole); err != nil {
		return nil, err
	}
	m := c.models[key]
	if m == nil {
		return nil, errors.New("has a name that is not valid UTF-8")
	}
	m.fromList, m.upliftUnknown = true, d.Uplift == ""
	for i := range d.Periods {
		d.Periods[i].Tiers.dropDefaults(&m.periods[i].tiers)
		for j := range d.Periods[i].Windows {
			d.Periods[i].Windows[j].Tiers.dropDefaults(&m.periods[i].windows[j].tiers)
		}
	}
	return m, nil
}

// dropDefaults removes the prices that the parser filled in, which are those of cached tokens. In a catalog, a missing one
// means no discount. In a list it only means that the list does not state it.
func (s *draftTiers) dropDefaults(parsed *tierSet) {
	for t := range s {
		for i := range s[t] {
			p := &parsed[t].bands[i].prices
			for c := range p {
				if s[t][i].prices[c] < 0 {
					p[c] = unknown
				}
			}
		}
	}
}

// MarshalJSON writes the tiers in the format of [Catalog].
func (s draftTiers) MarshalJSON() ([]byte, error) {
	named := make(map[string][]draftBand)
	for t, bands := range s {
		if len(bands) > 0 {
			named[tierNames[t]] = bands
		}
	}
	return json.Marshal(named)
}

// MarshalJSON writes the band in the format of [Catalog].
func (b draftBand) MarshalJSON() ([]byte, error) {
	var out struct {
		UpTo        int64           `json:"up_to,omitzero"`
		PerMillion  map[string]Pico `json:"usd_per_million,omitempty"`
		PerThousand map[string]Pico `json:"usd_per_thousand,omitempty"`
	}
	out.UpTo = b.upTo
	out.PerMillion, out.PerThousand = make(map[string]Pico), make(map[string]Pico)
	for c, name := range counterNames {
		switch price := b.prices[c]; {
		case price < 0:
		case counter(c) < firstTool:
			out.PerMillion[name] = Pico(price * perMillion)
		default:
			out.PerThousand[name] = Pico(price * perThousand)
		}
	}
	return json.Marshal(out)
}

// clone returns a copy that can be settled independently.
func (s *draftTiers) clone() (c draftTiers) {
	for t := range s {
		c[t] = slices.Clone(s[t])
	}
	return c
}
