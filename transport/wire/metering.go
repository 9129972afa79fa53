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

// meteringOf is what the providers document. What they do not document is as in the zero Metering.
var meteringOf = map[string]Metering{
	// "Your rate limit is calculated as the maximum of max_tokens and the estimated number of tokens based on the character
	// count of your request", "cached tokens do count", "unsuccessful requests contribute to your per-minute limit": OpenAI's
	// guide on rate limits and its guide on prompt caching. In traffic recorded in 2025 and 2026 only the estimate counts.
	"openai": {Reserves: true, Larger: true, Failures: true},
	// "A max processed-token count ... that includes prompt text and count, the max_tokens parameter setting, the best_of
	// parameter setting", which "is added to a running token count of all requests": Azure's page on quotas.
	"azure": {Reserves: true},
	// "For most Claude models, only uncached input tokens count towards your ITPM", and "OTPM rate limits ... are evaluated in
	// real time as tokens are produced. The max_tokens parameter does not factor into OTPM": Anthropic's page on rate limits.
	"anthropic": {WithoutCached: true},
	// "Tokens per minute (input) (TPM)", "requests per day (RPD) quotas reset at midnight Pacific time": Gemini's page on rate
	// limits. Failed requests "still count against your quota": its page on billing. Cached tokens count: its page on context
	// caching has no exception for them.
	"gemini": {WithoutOutput: true, Failures: true, Zone: pacific},
	// "Daily quotas reset at midnight Pacific time": Google Cloud's page on quotas.
	"vertex": {Zone: pacific},
	// "Cached tokens do not count towards your rate limits": Groq's page on rate limits.
	"groq": {WithoutCached: true},
	// The input and max_completion_tokens are taken before a request is processed, and "available quota = rate limit - usage in
	// current time window": Cerebras' page on rate limits.
	"cerebras": {Holds: true},
	// The input and max_tokens are deducted when a request begins, and what was used, without what was read from a cache, is
	// counted when it ends: AWS's page "How tokens are counted in Amazon Bedrock". That the output of some models counts five
	// times is left out: it holds for an endpoint of another API.
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
