package wire

import (
	"net/http"
	"time"
)

// A Quota is what an answer says about one of the provider's limits.
type Quota struct {
	Unit      QuotaUnit
	Window    time.Duration // a minute or a day; 0 if the answer does not say
	Limit     int64         // within the window; -1 if the answer does not say
	Remaining int64         // of it, now; -1 if the answer does not say
	Reset     time.Duration // until all of it is available again; -1 if the answer does not say
	Tier      string        // the tier or project that it is for, where there are several; ""
}

// A QuotaUnit is what a limit counts.
type QuotaUnit uint8

const (
	QuotaRequests QuotaUnit = iota
	QuotaTokens
	QuotaInputTokens
	QuotaOutputTokens
)

// A Metering is what a provider counts against its limits on tokens. The zero Metering counts what an attempt has used, input
// and output, cached input included.
type Metering struct {
	// Reserves says that the limit that the request sets on its output counts, whatever of it is used, as at OpenAI and Azure.
	Reserves bool
	// Cached says whether input that is read from a cache does not count, as for most of Anthropic's models.
	WithoutCached bool
	// Output says that output does not count, as at Gemini.
	WithoutOutput bool
	// Failures says that attempts count which the provider rejected.
	Failures bool
	// Zone is where its day ends, as in "America/Los_Angeles"; "" is UTC.
	Zone string
}

// Location returns where the provider's day ends; nil is UTC.
func (m *Metering) Location() *time.Location { return nil }

// ReadQuotas returns what the headers of an answer say about the provider's limits.
func ReadQuotas(c *Call, h http.Header, at time.Time) []Quota { return nil }
