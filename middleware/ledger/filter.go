package ledger

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// A Filter selects the rows that match every field that is not zero. The zero Filter selects all rows except those of
// outcome open; these are only selected by Outcome.
type Filter struct {
	Since, Until time.Time // the attempt began at Since or later, and before Until
	Call         string
	Provider     string
	Operation    string
	Model        string      // the model that served, or the one asked for if that is not known
	Tier         policy.Tier // the tier that served
	Outcome      policy.Outcome
	Tags         map[string]string
	Unpriced     bool // if true, only rows whose cost is unknown
}

// Match reports whether the filter selects the row.
func (f *Filter) Match(r *Row) bool {
	switch {
	case !f.Since.IsZero() && r.At.Before(f.Since),
		!f.Until.IsZero() && !r.At.Before(f.Until),
		f.Call != "" && f.Call != r.Call,
		f.Provider != "" && f.Provider != r.Provider,
		f.Operation != "" && f.Operation != r.Operation,
		f.Model != "" && f.Model != modelOf(r),
		f.Tier != "" && f.Tier != r.ServedTier,
		f.Outcome != r.Outcome && (f.Outcome != "" || r.Outcome == policy.Open),
		f.Unpriced && r.Unpriced == "":
		return false
	}
	for name, value := range f.Tags {
		if got, ok := r.Tags[name]; !ok || got != value {
			return false
		}
	}
	return true
}
