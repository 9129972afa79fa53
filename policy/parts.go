package policy

// Parts is a set of the parts of a chain that enforce settings. A chain need not have all of them. A setting of a missing
// part would be ignored in silence: [Policy.Unenforced] and [Options.Unenforced] find such settings.
// Patience needs both TierPart and RetryPart: it is how long a tier is asked for again before another one is asked for.
type Parts uint8

const (
	TierPart    Parts = 1 << iota // asks for tiers: Tier, Fallback, OverrideBody, FlexMinimum
	RetryPart                     // sends again: MaxAttempts, MaxWait, MaxElapsed, RetryQuota, BackoffBase, BackoffMax, OnlyDocumented, AllowDoubleBilling
	AttemptPart                   // sends an attempt and reads its answer: AttemptTimeout, StreamIdle, LeaveStreams
	LimitPart                     // holds calls back: Limits
	BudgetPart                    // bounds what calls may cost: Budgets, and the option MaxCost
	CachePart                     // makes and uses context caches: Cache
	ClassPart                     // puts waiting calls in their order: Class
)
