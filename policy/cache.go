package policy

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy/price"
)

// Cache says which context caches are made and used for calls, and what they may cost. The zero Cache makes none: requests
// are sent as they are, and what a provider caches by itself is only accounted for. A cache that the caller names, in a
// request or by [CachedContent], is used whatever Cache says.
type Cache struct {
	// Mode is [CacheAuto] to create explicit caches for prefixes that repeat, at providers that have such caches. Content that
	// the program registers is cached in any mode. Default: off.
	Mode CacheMode

	// Create says whether the call for which a cache is created waits for it: by Mode, or of registered content that was lost
	// or has expired. Default: beside.
	Create CacheTiming

	// Writes is [WritesAuto] to decide whether, how far and for how long a prefix is written to the provider's cache, where
	// writes have a price of their own. What the request itself says about it stays. Default: off.
	Writes CacheWrites

	// Key sets OpenAI's prompt_cache_key to a hash of the request's prefix, so that requests with the same prefix reach the
	// same cache. A key that the request has stays.
	Key bool

	// Compatible also uses explicit caches on Gemini's OpenAI-compatible endpoint, both those that Mode creates and registered
	// ones. They are used there for requests that have text and no tools.
	Compatible bool

	// MaxCost is the most that one explicit cache may cost: its creation, and its storage until it expires. A longer time to
	// live counts when the cache is extended. A cache that would cost more is not created, or not extended. Default: 2; that is
	// 2*price.USD.
	MaxCost price.Pico

	// MaxCostPerHour is the most that all explicit caches of a chain may cost in any 60 minutes, for each API key: the creations
	// and extensions in that time, each with its storage until the cache expires. Default: 10; that is
	// 10*price.USD.
	MaxCostPerHour price.Pico

	// MaxLive is how many explicit caches of a chain may exist at once, for each API key. Default: 100.
	MaxLive int
}

// A CacheMode says whether explicit context caches are created for prefixes that repeat.
type CacheMode string

const (
	CacheOff  CacheMode = "off"  // no cache is created by itself
	CacheAuto CacheMode = "auto" // a cache is created where it is expected to save more than it costs
)

// A CacheTiming says whether a call waits for the cache that is created for its prefix.
type CacheTiming string

const (
	CacheBefore CacheTiming = "before" // the call waits for the cache and reads it
	CacheBeside CacheTiming = "beside" // the call is sent as it is, and the cache serves later calls
)

// CacheWrites says who decides about priced writes to the prefix cache of a provider.
type CacheWrites string

const (
	WritesOff  CacheWrites = "off"  // requests are sent as they are
	WritesAuto CacheWrites = "auto" // a prefix is written where it is expected to be read again often enough to pay
)

const (
	maxLive   = 100_000
	maxBudget = 1_000_000 * price.USD // a higher cap on caches is a mistaken unit
)

// checkWord checks a field whose value is one of two words, or zero.
func checkWord[T ~string](field string, value, one, other T) error {
	if value == "" || value == one || value == other {
		return nil
	}
	return &FieldError{field, quote(string(value)), fmt.Sprintf("want %s or %s", one, other)}
}

func checkMoney(field string, p price.Pico) error {
	switch {
	case p < 0:
		return &FieldError{field, p, "it must not be negative"}
	case p > maxBudget:
		return &FieldError{field, p, fmt.Sprintf("it is more than %v US dollars; is the unit right?", maxBudget)}
	}
	return nil
}
