package wire

import (
	"sync"
	"time"
)

// A Metering is what a provider counts against its limits on tokens. The zero Metering counts what an attempt has used: its
// input, cached input included, and its output.
type Metering struct {
	// Reserves says that the limit that a request sets on its output counts, whatever of it is used.
	Reserves bool
	// Larger says, with Reserves, that this limit counts instead of the input if it is larger, and not in addition to it.
	Larger bool
	// Holds says that the limit that a request sets on its output counts while the attempt is under way, and that afterwards
	// only what was used does.
	Holds bool
	// WithoutCached says that input that was read from a cache does not count.
	WithoutCached bool
	// WithoutOutput says that output does not count.
	WithoutOutput bool
	// Failures says that attempts count which the provider rejected.
	Failures bool
	// Zone is where the provider's day ends, as in "America/Los_Angeles"; "" is UTC.
	Zone string
}

// pacific is the zone of Google's day.
const pacific = "America/Los_Angeles"

// meteringOf is what the providers document. What they do not document is as in the zero Metering. Each source is a page of the
// provider's documentation.
var meteringOf = map[string]Metering{
	// The limit on tokens counts max_tokens, or an estimate by the length of the prompt if that is larger, and requests that
	// fail count as well (guide on rate limits). So do cached tokens (guide on prompt caching). In traffic recorded in 2025 and
	// 2026, only the estimate counts.
	"openai": {Reserves: true, Larger: true, Failures: true},
	// The prompt, max_tokens and best_of count when a request arrives, and what it then uses changes nothing (page on quotas
	// and limits).
	"azure": {Reserves: true},
	// Input that is read from a cache does not count for most models. Output counts as it is generated, whatever max_tokens
	// allows (page on rate limits).
	"anthropic": {WithoutCached: true},
	// The limit per minute is on input tokens, and the day ends at midnight, Pacific time (page on rate limits). Requests that
	// fail count (page on billing). Cached tokens count, since the page on context caching has no exception for them.
	"gemini": {WithoutOutput: true, Failures: true, Zone: pacific},
	// The day ends at midnight, Pacific time (Google Cloud's page on quotas).
	"vertex": {Zone: pacific},
	// Cached tokens do not count (page on rate limits).
	"groq": {WithoutCached: true},
	// The input and max_completion_tokens are taken when a request arrives. What is left of a limit depends on what was used in
	// the current window (page on rate limits).
	"cerebras": {Holds: true},
	// The input and max_tokens are taken when a request begins. When it ends, what was used counts instead, without what was
	// read from a cache (page on how tokens are counted). The output of some models counts five times, but only for an
	// endpoint of another API; that is left out here.
	"bedrock": {Holds: true, WithoutCached: true},
}

// locations are the zones that were loaded, by their names.
var locations sync.Map

// Location returns the Zone. It is UTC if there is none, or if it is not known on this machine.
func (m *Metering) Location() *time.Location {
	if m.Zone == "" {
		return time.UTC
	}
	if zone, ok := locations.Load(m.Zone); ok {
		return zone.(*time.Location)
	}
	zone, err := time.LoadLocation(m.Zone)
	if err != nil {
		zone = time.UTC
	}
	locations.Store(m.Zone, zone)
	return zone
}
