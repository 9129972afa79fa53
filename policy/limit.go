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

	// Burst is how many of them may be sent at once after a pause; it may be more than a minute's worth. Default: a second's
	// worth, at least 1.
	Burst int

	// TokensPerMinute is how many tokens attempts use in a minute, as the provider counts them. Zero: no limit.
	TokensPerMinute int64

	// InputTokensPerMinute and OutputTokensPerMinute are limits on tokens by direction, as Anthropic has them. Zero: no limit.
	InputTokensPerMinute  int64
	OutputTokensPerMinute int64

	// TokenBurst is how many tokens may be used at once after a pause, in each of the limits per minute. A larger attempt
	// waits for a full bucket, and those after it wait until the rest is paid. It may be more than a minute's worth. Default:
	// ten seconds' worth, at least 1.
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

func (l *Limit) validate(prefix string) error {
	if err := l.Match.validate(prefix + "Match."); err != nil {
		return err
	}
	for _, k := range limitKeys {
		if err := checkKind(prefix+k.Field, k.At(l), k.most); err != nil {
			return err
		}
	}
	if l.Name != "" {
		if err := checkName(prefix+"Name", l.Name); err != nil {
			return err
		}
	}
	if err := checkTier(prefix+"Tier", l.Tier); err != nil {
		return err
	}
	if err := checkPer(prefix+"Per", l.Per, dimensions); err != nil {
		return err
	}
	if err := checkZone(prefix+"Zone", l.Zone); err != nil {
		return err
	}
	return l.whole(prefix)
}

// whole checks that the limit limits something, and that each field has the one that it is about. A limit that learns may have
// any, as the provider's answers give it the others.
func (l *Limit) whole(prefix string) error {
	tokens := l.TokensPerMinute > 0 || l.InputTokensPerMinute > 0 || l.OutputTokensPerMinute > 0
	day := l.RequestsPerDay > 0 || l.TokensPerDay > 0
	switch {
	case l.Learn:
		return nil
	case l.RequestsPerMinute == 0 && !tokens && !day && l.Concurrency == 0:
		return &FieldError{prefix + "RequestsPerMinute", 0, "a limit needs one of RequestsPerMinute, TokensPerMinute, InputTokensPerMinute, " +
			"OutputTokensPerMinute, RequestsPerDay, TokensPerDay, Concurrency and Learn"}
	case l.Burst > 0 && l.RequestsPerMinute == 0:
		return &FieldError{prefix + "Burst", l.Burst, "it needs RequestsPerMinute"}
	case l.TokenBurst > 0 && !tokens:
		return &FieldError{prefix + "TokenBurst", l.TokenBurst, "it needs TokensPerMinute, InputTokensPerMinute or OutputTokensPerMinute"}
	case l.Zone != "" && !day:
		return &FieldError{prefix + "Zone", quote(l.Zone), "it needs RequestsPerDay or TokensPerDay"}
	}
	return nil
}

// Bursts returns how many attempts may be sent at once after a pause: Burst or, if that is zero, its default. It returns 0
// for a limit without RequestsPerMinute.
func (l *Limit) Bursts() int {
	switch {
	case l.RequestsPerMinute == 0:
		return 0
	case l.Burst == 0:
		return max(1, l.RequestsPerMinute/60)
	}
	return l.Burst
}
