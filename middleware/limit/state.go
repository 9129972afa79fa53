package limit

import (
	"cmp"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// A State is how a limit stands, for one of its keys.
type State struct {
	Limit   policy.Limit
	Key     string // which of the limit's values, if it has Per: "tenant acme"
	Busy    int    // attempts that were admitted and hold a permit
	Waiting int    // attempts that this limit holds back, with those behind them
	// Elsewhere counts attempts that need this limit, too, but that another limit or a budget holds back.
	Elsewhere int
	Holders   []Holder // of a limit on concurrency: those that have held a permit for longest, the longest first, at most 5
	Levels    []Level  // of what the limit counts, by the minute and then by the day

	// Blocked is how long the provider has asked that nothing more is sent; 0 if it has not.
	Blocked time.Duration
}

// A Level is what is left of something that a limit counts.
type Level struct {
	Unit  string // "requests per minute", "tokens per day"
	Limit int64  // in force
	Left  int64  // that can be taken at once; below zero it is a debt, and later attempts wait until it is paid
	Most  int64  // the highest value of Left: of a limit per minute it is the burst
	// Full is how long it takes until Left is Most, if nothing more is taken.
	Full time.Duration
	// Learned says that Limit is not the policy's, but what the provider's answers say.
	Learned bool
}

// A Holder is an attempt that holds a permit.
type Holder struct {
	Call      string // as in its [Request]
	Provider  string
	Operation string
	Model     string
	For       time.Duration // how long it has held the permit
}

// String returns the holder for people to read: "openai chat of gpt-5 for 12m0s, call 01K".
func (h Holder) String() string {
	s := fmt.Sprintf("%s %s of %s for %v", h.Provider, h.Operation, cmp.Or(h.Model, "no model"), h.For.Round(time.Second))
	if h.Call != "" {
		s += ", call " + h.Call
	}
	return s
}
