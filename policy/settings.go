package policy

import (
	"fmt"
	"time"
)

// Settings are what is in force for one call: a [Policy] whose defaults are filled in, changed by its rules, by the
// call's context and by its body. A field of the same name in Policy has the same meaning.
type Settings struct {
	Plan      Plan // in place of Tier and Fallback
	TakesTier bool // the operation accepts a tier

	// Unasked is the tier that the policy or the context sets, and that the call does not ask for because its operation
	// does not accept it, with that reason: "flex: this call takes no service tier". It is "" if there is none.
	Unasked string

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
	Cache              Cache
	Class              Class
}

// FirstTier returns the tier of the first attempt. The time left is that until the call's deadline; negative: it has none.
func (s *Settings) FirstTier(left time.Duration) Tier {
	return s.InTime(s.Plan.First(), left)
}

// Late says why a tier is not asked for if that is for want of time: "45s left, it needs 10m0s".
func (s *Settings) Late(left time.Duration) string {
	if left >= time.Second {
		left = left.Truncate(time.Second)
	}
	return fmt.Sprintf("%v left, it needs %v", left, s.FlexMinimum)
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
