package price

import (
	"slices"
	"time"
)

// feedCells are the prices of a list without dates: for each tier, and for prompts longer than a number of tokens.
type feedCells map[feedCell]*draftPrices

type feedCell struct {
	tier  tierName
	above int64
}

// at returns the prices of a cell. It creates the cell if there is none.
func (s feedCells) at(t tierName, above int64) *draftPrices {
	p := s[feedCell{t, above}]
	if p == nil {
		fresh := noPrices()
		p = &fresh
		s[feedCell{t, above}] = p
	}
	return p
}

// withhold removes prices from all cells: those of the counters from first to before last.
func (s feedCells) withhold(first, last counter) {
	for _, p := range s {
		p.withhold(first, last)
	}
}

// tiers turns the cells into bands. Each band has only the prices that the list states for it, none of a shorter prompt.
// A tier without prices beyond a threshold of the standard tier ends there. If inclusive, a prompt with exactly as many
// tokens as a threshold is in the longer band.
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
			out[t] = nil // a band would also apply to short prompts, whose price is not known
		}
	}
	return out
}

// undated returns one period with the tiers, from asOf on.
func undated(source string, asOf time.Time, tiers draftTiers) []draftPeriod {
	p := draftPeriod{Source: source, Tiers: tiers}
	if !asOf.IsZero() {
		p.From = asOf.UTC().Format(time.RFC3339Nano)
	}
	return []draftPeriod{p}
}

// inclusiveThreshold reports whether a provider's long context begins at the threshold, not after it. Sources: xAI's page
// on pricing and LiteLLM's pull request 40174. With OpenAI and Google, a prompt at the threshold is still short.
func inclusiveThreshold(provider string) bool { return provider == "xai" }

// freeOrNot removes prices of 0. Lists use them both for what is free and for what is unknown, so they are accepted only if
// every token of the model costs 0. It returns the counters whose price it removed.
func (s feedCells) freeOrNot() (withheld []counter) {
	if !s.charges() {
		return nil
	}
	for c := range firstTool {
		if s.removeZero(c) {
			withheld = append(withheld, c)
		}
	}
	return withheld
}

// removeZero removes the counter's prices of 0, and reports whether there was one.
func (s feedCells) removeZero(c counter) (found bool) {
	for _, p := range s {
		if p[c] == 0 {
			p[c] = unknown
			found = true
		}
	}
	return found
}

// charges reports whether any price of a token is above 0.
func (s feedCells) charges() bool {
	for _, p := range s {
		if slices.Max(p[:firstTool]) > 0 {
			return true
		}
	}
	return false
}
