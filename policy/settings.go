package policy

import "time"

// Settings are what is in force for one call: a [Policy] whose defaults are filled in, changed by its rules, by the
// call's context and by its body. A field of the same name in Policy has the same meaning.
type Settings struct {
	Plan      Plan // in place of Tier and Fallback
	TakesTier bool // the operation accepts a tier

	Patience           time.Duration
	FlexMinimum        time.Duration
	MaxAttempts        int
	MaxWait            time.Duration
	MaxElapsed         time.Duration
	AttemptTimeout     time.Duration
	RetryQuota         int
	BackoffBase        time.Duration
	BackoffMax         time.Duration
	OnlyDocumented     bool
	AllowDoubleBilling bool
	StreamIdle         time.Duration
	LeaveStreams       bool
}

// FirstTier returns the tier of the first attempt. The time left is that until the call's deadline; negative: it has none.
func (s *Settings) FirstTier(left time.Duration) Tier {
	return s.InTime(s.Plan.First(), left)
}

// InTime returns t, or the tier after it if t is flex and less than FlexMinimum is left (negative: no deadline).
func (s *Settings) InTime(t Tier, left time.Duration) Tier {
	if t == Flex && left >= 0 && left < s.FlexMinimum {
		if next, ok := s.Plan.After(t); ok {
			return next
		}
	}
	return t
}
