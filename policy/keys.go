package policy

import (
	"fmt"
	"slices"
	"strings"
)

// A Key is one setting under the name that a policy file has for it. T is [Policy], [Limit] or [Budget].
type Key[T any] struct {
	Section string // the mapping that holds it: "retry"; "" if none does, as in a limit
	Name    string // "max_wait"
	Field   string // of T: "MaxWait", "Cache.Mode"
	Example string // a value as a file has it: "3m"
	Doc     string // what it does, in a line
	Zero    string // what a value of 0 would mean: "the default, 2m"; "" if it turns the setting off, or is an error

	// At returns a pointer to the field: a *time.Duration, *int, *int64, *bool, *string, *[]string, *price.Pico, *Tier, *Class,
	// *Period, *CacheMode, *CacheTiming or *CacheWrites.
	At func(*T) any

	most int64 // of a count: the largest that is valid
}

// LimitKeys returns the settings of a [Limit]: all its fields but Match.
func LimitKeys() []Key[Limit] { return slices.Clone(limitKeys) }

var limitKeys = []Key[Limit]{
	{
		Name: "name", Field: "Name", Example: "openai-chat",
		Doc: "how errors, logs and a shared store name it",
		At:  func(l *Limit) any { return &l.Name },
	},
	{
		Name: "tier", Field: "Tier", Example: "standard",
		Doc: "only attempts that ask for this tier",
		At:  func(l *Limit) any { return &l.Tier },
	},
	{
		Name: "per", Field: "Per", Example: `[model, "tag:tenant"]`,
		Doc: "a limit for each value of these: provider, operation, model, tier, key, tag:NAME",
		At:  func(l *Limit) any { return &l.Per },
	},
	{
		Name: "requests_per_minute", Field: "RequestsPerMinute", Example: "500", Zero: "no limit",
		Doc: "how many attempts are sent in a minute", most: maxRequests,
		At: func(l *Limit) any { return &l.RequestsPerMinute },
	},
	{
		Name: "burst", Field: "Burst", Example: "20", Zero: "the default, a second's worth",
		Doc: "how many of them may be sent at once after a pause", most: maxRequests,
		At: func(l *Limit) any { return &l.Burst },
	},
	{
		Name: "tokens_per_minute", Field: "TokensPerMinute", Example: "200000", Zero: "no limit",
		Doc: "how many tokens they use in a minute, as the provider counts", most: maxTokens,
		At: func(l *Limit) any { return &l.TokensPerMinute },
	},
	{
		Name: "input_tokens_per_minute", Field: "InputTokensPerMinute", Example: "150000", Zero: "no limit",
		Doc: "the same of input alone", most: maxTokens,
		At: func(l *Limit) any { return &l.InputTokensPerMinute },
	},
	{
		Name: "output_tokens_per_minute", Field: "OutputTokensPerMinute", Example: "50000", Zero: "no limit",
		Doc: "the same of output alone", most: maxTokens,
		At: func(l *Limit) any { return &l.OutputTokensPerMinute },
	},
	{
		Name: "token_burst", Field: "TokenBurst", Example: "40000", Zero: "the default, ten seconds' worth",
		Doc: "how many tokens may be used at once after a pause", most: maxTokens,
		At: func(l *Limit) any { return &l.TokenBurst },
	},
	{
		Name: "requests_per_day", Field: "RequestsPerDay", Example: "10000", Zero: "no limit",
		Doc: "how many attempts are sent in a day", most: maxRequests,
		At: func(l *Limit) any { return &l.RequestsPerDay },
	},
	{
		Name: "tokens_per_day", Field: "TokensPerDay", Example: "50000000", Zero: "no limit",
		Doc: "how many tokens they use in a day", most: maxTokens,
		At: func(l *Limit) any { return &l.TokensPerDay },
	},
	{
		Name: "zone", Field: "Zone", Example: "America/New_York",
		Doc: "where the day ends; else the provider's zone, if documented, or UTC",
		At:  func(l *Limit) any { return &l.Zone },
	},
	{
		Name: "concurrency", Field: "Concurrency", Example: "32", Zero: "no limit",
		Doc: "how many attempts may be under way at once", most: maxAtOnce,
		At: func(l *Limit) any { return &l.Concurrency },
	},
	{
		Name: "learn", Field: "Learn", Example: "true",
		Doc: "take stricter limits over from the provider's answers",
		At:  func(l *Limit) any { return &l.Learn },
	},
}

// BudgetKeys returns the settings of a [Budget]: all its fields but Match.
func BudgetKeys() []Key[Budget] { return slices.Clone(budgetKeys) }

var budgetKeys = []Key[Budget]{
	{
		Name: "name", Field: "Name", Example: "nightly",
		Doc: "how errors, logs and a shared store name it; needed",
		At:  func(b *Budget) any { return &b.Name },
	},
	{
		Name: "per", Field: "Per", Example: `["tag:tenant"]`,
		Doc: "a budget for each value of these, as in a limit; without key",
		At:  func(b *Budget) any { return &b.Per },
	},
	{
		Name: "window", Field: "Window", Example: "24h",
		Doc: "counts what was spent within this time until now: 1m to 8784h",
		At:  func(b *Budget) any { return &b.Window },
	},
	{
		Name: "every", Field: "Every", Example: "month",
		Doc: "in place of window, starts anew with each minute, hour, day, week or month",
		At:  func(b *Budget) any { return &b.Every },
	},
	{
		Name: "zone", Field: "Zone", Example: "Europe/Berlin",
		Doc: "where the day, week or month of every begins; else UTC",
		At:  func(b *Budget) any { return &b.Zone },
	},
	{
		Name: "cap_usd", Field: "Cap", Example: `"25.00"`,
		Doc: "what may be spent within the window; needed", most: int64(maxCap),
		At: func(b *Budget) any { return &b.Cap },
	},
	{
		Name: "warn_percent", Field: "WarnPercent", Example: "90", Zero: "the default, 80; 100 never warns",
		Doc: "the share of the cap from which the log warns; 100: never", most: 100,
		At: func(b *Budget) any { return &b.WarnPercent },
	},
	{
		Name: "cheapest_percent", Field: "CheapestPercent", Example: "95", Zero: "never",
		Doc: "the share from which calls ask only for the cheapest tier of their plan", most: 100,
		At: func(b *Budget) any { return &b.CheapestPercent },
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
