package policy

import (
	"cmp"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// table has a row for every setting: every field of a [Policy] and of its [Cache] that holds one value. Except for the decisions that depend
// on a setting, everything about it follows from its row: validation, the default, rules that replace it, [Merge], what
// [Resolver.Explain] says, which part of a chain enforces it ([Policy.Unenforced]), and its key in a policy file ([Keys]).
//
// To add a setting, add the field to Policy; add the same field to [Settings] if something reads it during a call; and
// add a row here. The rows stand in the order of the policy file.
var table = []row{
	{
		key: Key[Policy]{
			Section: "tier", Name: "plan", Field: "Tier", Example: "[flex, standard]",
			Doc: "flex, standard or priority; a second one is the Fallback, and may be none",
		},
		part:  TierPart,
		value: place[Tier]{in: func(p *Policy) *Tier { return &p.Tier }},
		check: func(field string, p *Policy) error { return checkTier(field, p.Tier) },
	},
	{
		key: Key[Policy]{
			Section: "tier", Name: "fallback", Field: "Fallback", Example: "standard",
			Doc: "the second tier of a plan, where plan is left out",
		},
		part:  TierPart,
		value: place[Tier]{in: func(p *Policy) *Tier { return &p.Fallback }},
		check: func(field string, p *Policy) error { return checkFallback(field, p.Fallback, p.Tier) },
	},
	{
		key: Key[Policy]{
			Section: "tier", Name: "patience", Field: "Patience", Example: "30s",
			Doc: "how long a tier that is rejected is asked for again; 0s: not at all",
		},
		part: RetryPart | TierPart,
		value: place[time.Duration]{
			in:      func(p *Policy) *time.Duration { return &p.Patience },
			settled: func(s *Settings) *time.Duration { return &s.Patience },
		},
	},
	{
		key: Key[Policy]{
			Section: "tier", Name: "flex_minimum", Field: "FlexMinimum", Example: "2m",
			Doc: "a call with less time left is not sent on flex",
		},
		part: TierPart,
		off:  "1ns turns it off",
		value: place[time.Duration]{
			in:      func(p *Policy) *time.Duration { return &p.FlexMinimum },
			settled: func(s *Settings) *time.Duration { return &s.FlexMinimum },
			usual:   time.Minute,
		},
	},
	{
		key: Key[Policy]{
			Section: "tier", Name: "override_body", Field: "OverrideBody", Example: "true",
			Doc: "the plan replaces a tier that a request's body names",
		},
		part:  TierPart,
		value: place[bool]{in: func(p *Policy) *bool { return &p.OverrideBody }},
	},
	{
		key: Key[Policy]{
			Section: "retry", Name: "max_attempts", Field: "MaxAttempts", Example: "5",
			Doc: "how often a call is sent at most", most: maxAttempts,
		},
		part: RetryPart,
		off:  "1 sends a call once",
		value: place[int]{
			in:      func(p *Policy) *int { return &p.MaxAttempts },
			settled: func(s *Settings) *int { return &s.MaxAttempts },
			usual:   6,
		},
	},
	{
		key: Key[Policy]{
			Section: "retry", Name: "max_wait", Field: "MaxWait", Example: "3m",
			Doc: "the longest wait before an attempt",
		},
		part: RetryPart,
		value: place[time.Duration]{
			in:      func(p *Policy) *time.Duration { return &p.MaxWait },
			settled: func(s *Settings) *time.Duration { return &s.MaxWait },
			usual:   2 * time.Minute,
			onFlex:  10 * time.Minute,
		},
	},
	{
		key: Key[Policy]{
			Section: "retry", Name: "max_elapsed", Field: "MaxElapsed", Example: "20m",
			Doc: "the age of a call after which no attempt is started",
		},
		part: RetryPart,
		value: place[time.Duration]{
			in:      func(p *Policy) *time.Duration { return &p.MaxElapsed },
			settled: func(s *Settings) *time.Duration { return &s.MaxElapsed },
			usual:   15 * time.Minute,
			onFlex:  45 * time.Minute,
		},
	},
	{
		key: Key[Policy]{
			Section: "retry", Name: "attempt_timeout", Field: "AttemptTimeout", Example: "1h30m",
			Doc: "ends an attempt, which may have been billed; 0s: never",
		},
		part: AttemptPart,
		value: place[time.Duration]{
			in:      func(p *Policy) *time.Duration { return &p.AttemptTimeout },
			settled: func(s *Settings) *time.Duration { return &s.AttemptTimeout },
		},
	},
	{
		key: Key[Policy]{
			Section: "retry", Name: "quota", Field: "RetryQuota", Example: "50",
			Doc: "how many failures are sent again while nothing succeeds", most: maxRate,
		},
		part: RetryPart,
		value: place[int]{
			in:      func(p *Policy) *int { return &p.RetryQuota },
			settled: func(s *Settings) *int { return &s.RetryQuota },
			usual:   100,
		},
	},
	{
		key: Key[Policy]{
			Section: "retry", Name: "backoff_base", Field: "BackoffBase", Example: "250ms",
			Doc: "bounds the first wait that no server asked for; doubles with each",
		},
		part: RetryPart,
		value: place[time.Duration]{
			in:      func(p *Policy) *time.Duration { return &p.BackoffBase },
			settled: func(s *Settings) *time.Duration { return &s.BackoffBase },
			usual:   500 * time.Millisecond,
		},
	},
	{
		key: Key[Policy]{
			Section: "retry", Name: "backoff_max", Field: "BackoffMax", Example: "20s",
			Doc: "bounds all of these waits",
		},
		part: RetryPart,
		value: place[time.Duration]{
			in:      func(p *Policy) *time.Duration { return &p.BackoffMax },
			settled: func(s *Settings) *time.Duration { return &s.BackoffMax },
			usual:   30 * time.Second,
		},
	},
	{
		key: Key[Policy]{
			Section: "retry", Name: "only_documented", Field: "OnlyDocumented", Example: "true",
			Doc: "send again only what is free by the provider's documentation",
		},
		part: RetryPart,
		value: place[bool]{
			in:      func(p *Policy) *bool { return &p.OnlyDocumented },
			settled: func(s *Settings) *bool { return &s.OnlyDocumented },
		},
	},
	{
		key: Key[Policy]{
			Section: "retry", Name: "allow_double_billing", Field: "AllowDoubleBilling", Example: "false",
			Doc: "also send again what may have been billed",
		},
		part: RetryPart,
		value: place[bool]{
			in:      func(p *Policy) *bool { return &p.AllowDoubleBilling },
			settled: func(s *Settings) *bool { return &s.AllowDoubleBilling },
		},
	},
	{
		key: Key[Policy]{
			Section: "stream", Name: "idle", Field: "StreamIdle", Example: "5m",
			Doc: "how long the body of an answer may go unread",
		},
		part: AttemptPart,
		value: place[time.Duration]{
			in:      func(p *Policy) *time.Duration { return &p.StreamIdle },
			settled: func(s *Settings) *time.Duration { return &s.StreamIdle },
			usual:   10 * time.Minute,
		},
	},
	{
		key: Key[Policy]{
			Section: "stream", Name: "leave", Field: "LeaveStreams", Example: "false",
			Doc: "do not ask for the usage of streams",
		},
		part: AttemptPart,
		value: place[bool]{
			in:      func(p *Policy) *bool { return &p.LeaveStreams },
			settled: func(s *Settings) *bool { return &s.LeaveStreams },
		},
	},
	{
		key: Key[Policy]{
			Section: "cache", Name: "mode", Field: "Cache.Mode", Example: "auto",
			Doc: "auto creates explicit caches for prefixes that repeat; off",
		},
		part: CachePart,
		value: place[CacheMode]{
			in:      func(p *Policy) *CacheMode { return &p.Cache.Mode },
			settled: func(s *Settings) *CacheMode { return &s.Cache.Mode },
			usual:   CacheOff,
		},
		check: func(field string, p *Policy) error { return checkWord(field, p.Cache.Mode, CacheOff, CacheAuto) },
	},
	{
		key: Key[Policy]{
			Section: "cache", Name: "create", Field: "Cache.Create", Example: "before",
			Doc: "before: the call waits for the cache that is created; beside: it does not",
		},
		part: CachePart,
		value: place[CacheTiming]{
			in:      func(p *Policy) *CacheTiming { return &p.Cache.Create },
			settled: func(s *Settings) *CacheTiming { return &s.Cache.Create },
			usual:   CacheBeside,
		},
		check: func(field string, p *Policy) error { return checkWord(field, p.Cache.Create, CacheBefore, CacheBeside) },
	},
	{
		key: Key[Policy]{
			Section: "cache", Name: "writes", Field: "Cache.Writes", Example: "auto",
			Doc: "auto decides what is written to a cache where writes have a price; off",
		},
		part: CachePart,
		value: place[CacheWrites]{
			in:      func(p *Policy) *CacheWrites { return &p.Cache.Writes },
			settled: func(s *Settings) *CacheWrites { return &s.Cache.Writes },
			usual:   WritesOff,
		},
		check: func(field string, p *Policy) error { return checkWord(field, p.Cache.Writes, WritesOff, WritesAuto) },
	},
	{
		key: Key[Policy]{
			Section: "cache", Name: "key", Field: "Cache.Key", Example: "true",
			Doc: "set OpenAI's prompt_cache_key by the prefix",
		},
		part: CachePart,
		value: place[bool]{
			in:      func(p *Policy) *bool { return &p.Cache.Key },
			settled: func(s *Settings) *bool { return &s.Cache.Key },
		},
	},
	{
		key: Key[Policy]{
			Section: "cache", Name: "compatible", Field: "Cache.Compatible", Example: "true",
			Doc: "also use explicit caches on Gemini's OpenAI-compatible endpoint",
		},
		part: CachePart,
		value: place[bool]{
			in:      func(p *Policy) *bool { return &p.Cache.Compatible },
			settled: func(s *Settings) *bool { return &s.Cache.Compatible },
		},
	},
	{
		key: Key[Policy]{
			Section: "cache", Name: "max_cost_usd", Field: "Cache.MaxCost", Example: `"0.50"`,
			Doc: "the most that one cache may cost, with its storage",
		},
		part: CachePart,
		value: place[price.Pico]{
			in:      func(p *Policy) *price.Pico { return &p.Cache.MaxCost },
			settled: func(s *Settings) *price.Pico { return &s.Cache.MaxCost },
			usual:   2 * price.USD,
		},
	},
	{
		key: Key[Policy]{
			Section: "cache", Name: "max_cost_per_hour_usd", Field: "Cache.MaxCostPerHour", Example: `"5"`,
			Doc: "the most that all caches of a key may cost in an hour",
		},
		part: CachePart,
		value: place[price.Pico]{
			in:      func(p *Policy) *price.Pico { return &p.Cache.MaxCostPerHour },
			settled: func(s *Settings) *price.Pico { return &s.Cache.MaxCostPerHour },
			usual:   10 * price.USD,
		},
	},
	{
		key: Key[Policy]{
			Section: "cache", Name: "max_live", Field: "Cache.MaxLive", Example: "20",
			Doc: "how many caches of a key may exist at once", most: maxLive,
		},
		part: CachePart,
		value: place[int]{
			in:      func(p *Policy) *int { return &p.Cache.MaxLive },
			settled: func(s *Settings) *int { return &s.Cache.MaxLive },
			usual:   100,
		},
	},
	{
		key: Key[Policy]{
			Name: "class", Field: "Class", Example: "interactive",
			Doc: "interactive, or batch: waits for a limit behind those that are interactive",
		},
		part: ClassPart,
		value: place[Class]{
			in:      func(p *Policy) *Class { return &p.Class },
			settled: func(s *Settings) *Class { return &s.Class },
			usual:   ClassInteractive,
		},
		check: func(field string, p *Policy) error { return checkClass(field, p.Class) },
	},
}

// Keys returns the settings of a policy in the order of their sections: all fields of [Policy] except Limits, Budgets and Rules.
func Keys() []Key[Policy] {
	keys := make([]Key[Policy], len(table))
	for i := range table {
		r := &table[i]
		k := r.key
		k.At = r.value.at
		k.Zero = r.value.defaults()
		if r.off != "" {
			k.Doc += "; " + r.off
			k.Zero += "; " + r.off
		}
		keys[i] = k
	}
	return keys
}

// A row of the table is one setting.
type row struct {
	key   Key[Policy]
	part  Parts // the parts that enforce it together
	value value
	off   string                              // what to write instead of 0, where 0 means a default
	check func(field string, p *Policy) error // nil: it is checked by its type
}

func (r *row) validate(prefix string, p *Policy) error {
	field := prefix + r.key.Field
	if r.check != nil {
		return r.check(field, p)
	}
	return checkKind(field, r.value.at(p), r.key.most)
}

// A value gives access to a setting of any type.
type value interface {
	at(*Policy) any             // a pointer to the field
	isSet(*Policy) bool         // the field is not zero
	text(*Policy) string        // the field, for people to read
	inherit(p, general *Policy) // takes the value of general if p has none
	defaults() string           // what zero means, if the setting has a default; else ""

	// settle sets the field of s to what p says, or to the default. onFlex says that the plan ends in flex.
	settle(s *Settings, p *Policy, onFlex bool)

	// inForce returns the value of s; that of p, if s does not have the setting.
	inForce(s *Settings, p *Policy) string
}

// A place is where a setting of type T stands in a Policy and in Settings, with its default.
type place[T comparable] struct {
	in      func(*Policy) *T
	settled func(*Settings) *T // nil if nothing reads it during a call
	usual   T                  // in force if the policy has zero
	onFlex  T                  // the same, if the plan ends in flex; zero: no difference
}

func (v place[T]) at(p *Policy) any { return v.in(p) }

func (v place[T]) isSet(p *Policy) bool { return *v.in(p) != *new(T) }

func (v place[T]) text(p *Policy) string { return fmt.Sprint(*v.in(p)) }

func (v place[T]) inherit(p, general *Policy) { *v.in(p) = cmp.Or(*v.in(p), *v.in(general)) }

func (v place[T]) settle(s *Settings, p *Policy, onFlex bool) {
	if v.settled == nil {
		return
	}
	standard := v.usual
	if onFlex {
		standard = cmp.Or(v.onFlex, v.usual)
	}
	*v.settled(s) = cmp.Or(*v.in(p), standard)
}

func (v place[T]) inForce(s *Settings, p *Policy) string {
	if v.settled == nil {
		return v.text(p)
	}
	return fmt.Sprint(*v.settled(s))
}

func (v place[T]) defaults() string {
	switch zero := *new(T); {
	case v.usual == zero:
		return ""
	case v.onFlex == zero:
		return "the default, " + short(v.usual)
	}
	return fmt.Sprintf("the default, %s, or %s where the plan ends in flex", short(v.usual), short(v.onFlex))
}
