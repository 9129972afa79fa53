package policy

import (
	"fmt"
	"slices"
	"strings"
)

// A Key is one setting under the name that a policy file has for it. T is [Policy] or [Limit].
type Key[T any] struct {
	Section string // the mapping that holds it: "retry"; "" in a limit, which has no sections
	Name    string // "max_wait"
	Field   string // of T: "MaxWait", "Cache.Mode"
	Example string // a value as a file has it: "3m"
	Doc     string // what it does, in a line
	Zero    string // what a value of 0 would mean: "the default, 2m"; "" if it turns the setting off

	// At returns a pointer to the field: a *time.Duration, *int, *bool, *price.Pico, *Tier, *CacheMode, *CacheTiming or
	// *CacheWrites.
	At func(*T) any
}

// LimitKeys returns the settings of a [Limit]: all its fields but Match.
func LimitKeys() []Key[Limit] { return slices.Clone(limitKeys) }

var limitKeys = []Key[Limit]{
	{
		Name: "requests_per_minute", Field: "RequestsPerMinute", Example: "500", Zero: "no limit",
		Doc: "how many attempts are sent in a minute",
		At:  func(l *Limit) any { return &l.RequestsPerMinute },
	},
	{
		Name: "burst", Field: "Burst", Example: "20", Zero: "the default, a second's worth",
		Doc: "how many of them may be sent at once after a pause",
		At:  func(l *Limit) any { return &l.Burst },
	},
	{
		Name: "concurrency", Field: "Concurrency", Example: "32", Zero: "no limit",
		Doc: "how many attempts may be under way at once",
		At:  func(l *Limit) any { return &l.Concurrency },
	},
}

// short prints a value as people write it: 2m, and not 2m0s as a Duration prints itself.
func short(v any) string {
	s := fmt.Sprint(v)
	if t, ok := strings.CutSuffix(s, "m0s"); ok {
		s = t + "m"
	}
	if t, ok := strings.CutSuffix(s, "h0m"); ok {
		s = t + "h"
	}
	return s
}
