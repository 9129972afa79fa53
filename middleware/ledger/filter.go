package ledger

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// A Filter selects rows. Every field that is not zero has to fit; the zero Filter selects all rows but those of outcome
// open.
type Filter struct {
	Since, Until time.Time // of when the attempt began: from Since on, and before Until
	Call         string
	Provider     string
	Operation    string
	Model        string      // the model that served, or where that is not known the one asked for
	Tier         policy.Tier // the tier that served
	Outcome      policy.Outcome
	Tags         map[string]string
	Unpriced     bool // only rows whose cost is not known
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
