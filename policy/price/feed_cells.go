package price

import (
	"slices"
	"time"
)

// feedCells are the prices of an undated list: of each tier, for prompts longer than a number of tokens.
type feedCells map[feedCell]*draftPrices

type feedCell struct {
	tier  tierName
	above int64
}

// at returns the prices of a cell, which it makes if need be.
func (s feedCells) at(t tierName, above int64) *draftPrices {
	p := s[feedCell{t, above}]
	if p == nil {
		fresh := noPrices()
		p = &fresh
		s[feedCell{t, above}] = p
	}
	return p
}

// withhold forgets prices in all cells.
func (s feedCells) withhold(first, last counter) {
	for _, p := range s {
		p.withhold(first, last)
	}
}

// tiers turns the cells into bands. Each band has the prices that the list gives for it, and no price of a shorter
// prompt's. A tier without prices beyond a threshold of the standard tier ends there. If inclusive, a prompt of exactly as
// many tokens as a threshold says belongs to the longer ones.
func (s feedCells) tiers(inclusive bool) (out draftTiers) {
	for t := range tiers {
		var starts []int64
		for c, p := range s {
			if (c.tier == t || c.tier == standard) && (p.known() || c.above > 0) {
				starts = append(starts, c.above)
			}
		}
		slices.Sort(starts)
		starts = slices.Compact(starts)
		for i, above := range starts {
			p := s[feedCell{t, above}]
			if p == nil {
				break
			}
			b := draftBand{prices: *p}
			if i+1 < len(starts) {
				b.upTo = starts[i+1]
				if inclusive {
					b.upTo--
				}
			}
			out[t] = append(out[t], b)
		}
		if len(out[t]) > 0 && starts[0] != 0 {
			out[t] = nil // there is no telling what a short prompt costs, and a band would hold for it
		}
	}
	return out
}

// undated is a draft with one period, from asOf on.
func (s feedCells) undated(source string, asOf time.Time, inclusive bool) *draft {
	p := draftPeriod{Source: source, Tiers: s.tiers(inclusive)}
	if !asOf.IsZero() {
		p.From = asOf.UTC().Format(time.RFC3339Nano)
	}
	return &draft{Periods: []draftPeriod{p}}
}

// inclusiveThreshold says whether a provider's long context begins at the threshold, not behind it. Source: xAI's page
// on pricing, LiteLLM's pull request 40174; OpenAI's and Google's thresholds belong to the shorter prompts.
func inclusiveThreshold(provider string) bool { return provider == "xai" }

// freeOrNot deals with prices of 0, which lists give for what is free and for what is unknown. They are taken only where
// every token of the model costs 0. It returns the counters that it hid.
func (s feedCells) freeOrNot() (withheld []counter) {
	if !s.charges() {
		return nil
	}
	for c := range firstTool {
		if s.hideZero(c) {
			withheld = append(withheld, c)
		}
	}
	return withheld
}

// hideZero hides the counter's prices of 0, and says whether there was one.
func (s feedCells) hideZero(c counter) (found bool) {
	for _, p := range s {
		if p[c] == 0 {
			p[c] = hidden
			found = true
		}
	}
	return found
}

// charges says whether any price of a token is above 0.
func (s feedCells) charges() bool {
	for _, p := range s {
		if slices.Max(p[:firstTool]) > 0 {
			return true
		}
	}
	return false
}
