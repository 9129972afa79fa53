package ledger

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// An Amount is an amount of money that may be unknown, which is not the same as zero. The zero Amount is unknown.
type Amount struct {
	Pico  price.Pico
	Known bool
}

// Known returns a known amount.
func Known(p price.Pico) Amount { return Amount{p, true} }

// IsZero reports whether the amount is unknown, so that omitzero leaves it out of JSON.
func (a Amount) IsZero() bool { return !a.Known }

// MarshalJSON writes the exact decimal as a string, or null if the amount is unknown.
func (a Amount) MarshalJSON() ([]byte, error) {
	if !a.Known {
		return []byte("null"), nil
	}
	return a.Pico.MarshalJSON()
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Amount) UnmarshalJSON(b []byte) error {
	*a = Amount{}
	if string(b) == "null" {
		return nil
	}
	if err := a.Pico.UnmarshalJSON(b); err != nil {
		return err
	}
	a.Known = true
	return nil
}

// String returns the exact decimal, or "unknown".
func (a Amount) String() string {
	if !a.Known {
		return "unknown"
	}
	return a.Pico.String()
}

// A UsageSource says where a row's usage comes from.
type UsageSource string

const (
	Measured  UsageSource = "measured"  // the provider reported it
	Estimated UsageSource = "estimated" // this module estimated it
	Unknown   UsageSource = "unknown"   // something was used, and the amount is not known
	None      UsageSource = "none"      // nothing was used
)

// A Row is the record of one attempt: what was asked, what was served, and what it cost. It contains no key, no prompt and
// no answer.
//
// Either Cost is known or Unpriced says why it is not. The cost of an estimated usage is what is known to have been used;
// Exposure then bounds the rest.
type Row struct {
	Call    string    `json:"call"`            // the same for all attempts of a call
	Attempt int       `json:"attempt"`         // from 1; 0 for a call that this module refused before it sent anything
	Parent  string    `json:"parent,omitzero"` // the call that caused this one
	At      time.Time `json:"at"`              // when the attempt began, UTC

	Provider    string      `json:"provider"`
	Operation   string      `json:"operation"`
	Model       string      `json:"model,omitzero"`        // asked for
	ServedModel string      `json:"served_model,omitzero"` // as the answer says
	AskedTier   policy.Tier `json:"asked_tier,omitzero"`   // as in the request that was sent; empty if it named none
	ServedTier  policy.Tier `json:"served_tier,omitzero"`
	Cache       string      `json:"cache,omitzero"` // the context cache that the request named

	Outcome    policy.Outcome  `json:"outcome"`
	Evidence   policy.Evidence `json:"evidence,omitzero"`    // how it is known that a rejected attempt was free
	Reason     policy.Reason   `json:"reason,omitzero"`      // why it was not served
	Status     int             `json:"status,omitzero"`      // the HTTP status
	ErrorCode  string          `json:"error_code,omitzero"`  // the provider's; ours are those of refusals ("skinflint_...") and of what cannot be sent ("bad_header")
	RequestID  string          `json:"request_id,omitzero"`  // the provider's
	ResponseID string          `json:"response_id,omitzero"` // the provider's
	Stream     bool            `json:"stream,omitzero"`

	Usage       price.Usage `json:"usage"`
	UsageSource UsageSource `json:"usage_source"`

	Cost     Amount `json:"cost_usd,omitzero"`     // by the catalog's prices, as served
	List     Amount `json:"list_usd,omitzero"`     // of the same usage at the standard tier, without any cache
	Implicit Amount `json:"implicit_usd,omitzero"` // saved by the provider's own caching
	Explicit Amount `json:"explicit_usd,omitzero"` // saved by the context cache that the request named, or by what we had written to a prompt cache
	Exposure Amount `json:"exposure_usd,omitzero"` // the most that it may have cost beyond Cost, if that is not known
	Reported Amount `json:"reported_usd,omitzero"` // what the provider says that it charged
	PriceID  string `json:"price_id,omitzero"`     // the price that was used: see price.Cost
	Unpriced string `json:"unpriced,omitzero"`     // why Cost is unknown
	Settles  bool   `json:"settles,omitzero"`      // it replaces the attempt's earlier row, whose cost was not known yet

	Skipped   string `json:"skipped,omitzero"`    // why the body was not edited, and which tier was not asked for: "flex: 45s left, it needs 1m0s"
	WireTries int    `json:"wire_tries,omitzero"` // how many times the request was written, as far as that is known
	WaitMS    int64  `json:"wait_ms"`             // the wait before the attempt: backoff and limits
	LatencyMS int64  `json:"latency_ms"`          // from sending to the end of the answer
	SDKRetry  int    `json:"sdk_retry,omitzero"`  // the number of the SDK's own retry, as its header states it

	Tags map[string]string `json:"tags,omitzero"` // must not be changed
}

// Subject returns what budgets match of the row. The storage of a context cache counts as its creation does, so that a budget
// that matches creations also has what they cost later.
func (r *Row) Subject() policy.Subject {
	s := policy.Subject{Provider: r.Provider, Operation: r.Operation, Model: r.Model}
	if r.Outcome == policy.Storage {
		s.Operation = createCache
	}
	return s
}

// createCache is the operation that creates a context cache. It equals wire.CreateCache, which this package does not import.
const createCache = "create_cache"
