package policy

// A Limit bounds how fast, and how many at once, the attempts of the calls that it matches are sent.
type Limit struct {
	// Name is how errors, logs and a shared store name the limit. Default: its figures.
	Name string

	Match Match

	// Tier restricts the limit to attempts that ask for this service tier. Zero: all.
	Tier Tier

	// Per gives each value of these dimensions a limit of its own: "provider", "operation", "model", "tier", "key" (the
	// credentials of the request) and "tag:NAME". With {"model", "tag:tenant"}, each tenant has the limit for each model. An
	// attempt without a tag of the name counts as one with the value "". Nil: all attempts share one. With Learn, the default
	// is {"provider", "model", "key"}.
	Per []string

	// RequestsPerMinute is how many attempts are sent in a minute. Zero: no limit.
	RequestsPerMinute int

	// Burst is how many of them may be sent at once after a pause. Default: a second's worth, at least 1.
	Burst int

	// TokensPerMinute is how many tokens attempts use in a minute, as the provider counts them. Zero: no limit.
	TokensPerMinute int64

	// InputTokensPerMinute and OutputTokensPerMinute are limits on tokens by direction, as Anthropic has them. Zero: no limit.
	InputTokensPerMinute  int64
	OutputTokensPerMinute int64

	// TokenBurst is how many tokens may be used at once after a pause, in each of the limits per minute. A larger attempt
	// waits for a full bucket, and those after it wait until the rest is paid. Default: ten seconds' worth, at least 1.
	TokenBurst int64

	// RequestsPerDay and TokensPerDay count from midnight to midnight. Zero: no limit.
	RequestsPerDay int
	TokensPerDay   int64

	// Zone is where the day ends, as in "America/Los_Angeles". Default: that of the provider, where it is documented (Gemini:
	// Pacific time), or UTC.
	Zone string

	// Concurrency is how many attempts may be under way at once, each until its answer has been read. Zero: no limit.
	Concurrency int

	// Learn takes the provider's own limits over from its answers, where they are stricter than those above or where there
	// are none above. After a 429 that states no limit, the rate falls, and rises again with success.
	Learn bool
}

// A Class says which of the calls that wait for the same limits go first.
type Class string

const (
	ClassInteractive Class = "interactive" // someone waits for the answer
	ClassBatch       Class = "batch"       // goes after interactive calls, and is never starved by them
)
