// Package ledger keeps account of what calls cost: one [Row] for each attempt, and [Totals] of them.
package ledger

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// An Amount is money that may be unknown, which is not the same as zero. The zero Amount is unknown.
type Amount struct {
	Pico  price.Pico
	Known bool
}

// Known returns a known amount.
func Known(p price.Pico) Amount { return Amount{p, true} }

// IsZero reports whether the amount is unknown, so that omitzero leaves it out of JSON.
func (a Amount) IsZero() bool { return !a.Known }

// MarshalJSON writes the exact decimal as a string; null if it is unknown.
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
	Measured  UsageSource = "measured"  // the provider said it
	Estimated UsageSource = "estimated" // we worked it out
	Unknown   UsageSource = "unknown"   // something was used, and nobody said how much
	None      UsageSource = "none"      // nothing was used
)

// A Row says what one attempt was, and what it did to the bill. It holds no key, prompt or answer.
type Row struct {
	Call    string    `json:"call"`            // the same for all attempts of a call
	Attempt int       `json:"attempt"`         // from 1; 0 for a call that we refused before anything was sent
	Parent  string    `json:"parent,omitzero"` // the call on whose behalf this one was made
	At      time.Time `json:"at"`              // when the attempt began, UTC

	Provider    string      `json:"provider"`
	Operation   string      `json:"operation"`
	Model       string      `json:"model,omitzero"`        // asked for
	ServedModel string      `json:"served_model,omitzero"` // by the answer
	AskedTier   policy.Tier `json:"asked_tier,omitzero"`   // on the wire; none if none was named
	ServedTier  policy.Tier `json:"served_tier,omitzero"`
	Cache       string      `json:"cache,omitzero"` // the context cache that was named

	Outcome    policy.Outcome  `json:"outcome"`
	Evidence   policy.Evidence `json:"evidence,omitzero"` // that a rejected attempt was free
	Reason     policy.Reason   `json:"reason,omitzero"`   // why there was no answer
	Status     int             `json:"status,omitzero"`   // of HTTP
	ErrorCode  string          `json:"error_code,omitzero"`
	RequestID  string          `json:"request_id,omitzero"`  // the provider's
	ResponseID string          `json:"response_id,omitzero"` // the provider's
	Stream     bool            `json:"stream,omitzero"`

	Usage       price.Usage `json:"usage"`
	UsageSource UsageSource `json:"usage_source"`

	Cost     Amount `json:"cost_usd,omitzero"`     // by our prices, as served
	List     Amount `json:"list_usd,omitzero"`     // the same usage at the standard tier, nothing cached
	Implicit Amount `json:"implicit_usd,omitzero"` // what the provider's own caching took off
	Explicit Amount `json:"explicit_usd,omitzero"` // what the context cache that was named took off
	Exposure Amount `json:"exposure_usd,omitzero"` // what it may have cost at most, where that cannot be known
	Reported Amount `json:"reported_usd,omitzero"` // what the provider says that it charged
	PriceID  string `json:"price_id,omitzero"`     // which price was used
	Unpriced string `json:"unpriced,omitzero"`     // why Cost is unknown

	Skipped   string `json:"skipped,omitzero"`    // why the request's body was left as it was
	WireTries int    `json:"wire_tries,omitzero"` // how often net/http wrote the request
	WaitMS    int64  `json:"wait_ms"`             // waited before it: backoff, limits
	LatencyMS int64  `json:"latency_ms"`          // from sending to the answer's end
	SDKRetry  int    `json:"sdk_retry,omitzero"`  // the retry that the SDK above says this is

	Tags map[string]string `json:"tags,omitzero"` // not for changing
}
