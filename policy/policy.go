package policy

import (
	"maps"
	"slices"
	"time"
)

// A Policy says how calls are made. The zero Policy is safe: it asks for no tier, sends again only what was provably
// free, and asks for the usage of streams. A zero field means the default that its comment states. In a [Rule], a zero
// field keeps what the policy says.
type Policy struct {
	// Tier is asked for if a request's body names none. The zero Tier leaves the choice to the provider.
	Tier Tier

	// Fallback is asked for when the provider rejects Tier, or a tier that the body names. Zero: none.
	Fallback Tier

	// OverrideBody lets Tier replace a tier that the body names.
	OverrideBody bool

	// Patience is how long a call asks again for a tier that has no capacity, before it asks for Fallback. Zero: not at
	// all. If the server asks for a wait that is longer than the rest of Patience, the call asks for Fallback at once.
	Patience time.Duration

	// FlexMinimum is the least time that a call must have left to be sent on flex, if the plan has another tier.
	// Default: 1m; Gemini's documentation gives 1 to 15 minutes as the target of flex. 1ns turns it off. A call with less
	// time left is sent on the plan's next tier, and its row, the log and Explain say so.
	FlexMinimum time.Duration

	// MaxAttempts is how often a call is sent at most. Default: 6. 1 sends it once.
	MaxAttempts int

	// MaxWait is the longest wait before an attempt. If a server asks for a longer one, the call ends with the server's
	// answer. Default: 2m, or 10m where the plan ends in flex.
	MaxWait time.Duration

	// MaxElapsed is the age of a call after which no attempt is started. Default: 15m, or 45m where the plan ends in flex.
	MaxElapsed time.Duration

	// AttemptTimeout ends an attempt that runs for longer, reading its body included. The attempt may have been billed,
	// and is therefore not repeated. Zero: never.
	AttemptTimeout time.Duration

	// RetryQuota bounds how often failures are sent again while nothing succeeds. It is counted over all calls with the
	// same key to the same host. Failures are: nothing was sent, a 5xx, a lost connection. Rejections for a lack of
	// capacity or for a rate limit do not count. A repeated attempt that succeeds gives its place back; any other success
	// gives a fifth of a place back. Default: 100.
	RetryQuota int

	// BackoffBase bounds the waits that no server asked for: the n-th, counted from 0, is drawn from
	// [0, BackoffBase*2^n]. Default: 500ms.
	BackoffBase time.Duration

	// BackoffMax is the longest wait that no server asked for. Default: 30s.
	BackoffMax time.Duration

	// OnlyDocumented sends again only what is free by the provider's documentation.
	OnlyDocumented bool

	// AllowDoubleBilling also sends again what may have been billed.
	AllowDoubleBilling bool

	// StreamIdle is how long the body of an answer may go unread before it is closed. Default: 10m.
	StreamIdle time.Duration

	// LeaveStreams does not ask for the usage of streams. The cost of such a stream is then unknown.
	LeaveStreams bool

	// Cache is about context caches. The zero Cache makes none. In a Rule, each of its fields that is not zero replaces the
	// policy's.
	Cache Cache

	// Class is the place of a call among those that wait for the same limits: [ClassInteractive] or [ClassBatch]. Default:
	// interactive.
	Class Class

	// Limits bound how fast calls are sent; each holds back the calls that it matches. A Rule's Set has none.
	Limits []Limit

	// Budgets bound what calls cost; each counts the calls that it matches. A Rule's Set has none.
	Budgets []Budget

	// Rules change the policy for some calls: the first that matches a call counts. A rule that never counts, because one
	// before it matches every call that it matches, is an error. A Rule's Set has none.
	Rules []Rule
}

// A Rule changes a Policy for the calls that it matches: every field of Set that is not zero replaces the policy's.
type Rule struct {
	Match Match
	Set   Policy
}

// clone returns a policy that shares nothing with p.
func (p Policy) clone() Policy {
	p.Limits, p.Budgets, p.Rules = slices.Clone(p.Limits), slices.Clone(p.Budgets), slices.Clone(p.Rules)
	for i := range p.Limits {
		p.Limits[i].Match.Tags, p.Limits[i].Per = cloneTags(p.Limits[i].Match.Tags), slices.Clone(p.Limits[i].Per)
	}
	for i := range p.Budgets {
		p.Budgets[i].Match.Tags, p.Budgets[i].Per = cloneTags(p.Budgets[i].Match.Tags), slices.Clone(p.Budgets[i].Per)
	}
	for i := range p.Rules {
		p.Rules[i].Match.Tags = cloneTags(p.Rules[i].Match.Tags)
	}
	return p
}

// cloneTags returns a copy, nil if it is empty.
func cloneTags(tags map[string]string) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	return maps.Clone(tags)
}
