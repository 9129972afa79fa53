package policy

import (
	"cmp"
	"slices"
	"time"
)

// A Step says how an attempt is sent.
type Step struct {
	Tier         Tier // to ask for; the zero Tier asks for none
	WithoutUsage bool // do not ask for a stream's usage: the provider refused that
}

// A Result is how one attempt went.
type Result struct {
	Step       Step
	Outcome    Outcome
	Evidence   Evidence
	Reason     Reason
	RetryAfter time.Duration // what the server asked to wait; 0 if it did not say
	Ended      time.Duration // since the call began
	AskedUsage bool          // the attempt asked for a stream's usage where the caller had not
	Final      bool          // the server said that the request is not to be sent again (x-should-retry: false)
}

// A History is all that [Next] needs to know of a call.
type History struct {
	Settings   *Settings
	Results    []Result // of the attempts so far, in order
	Elapsed    time.Duration
	Left       time.Duration // until the call's deadline; negative if it has none
	Replayable bool          // the request's body can be sent again
	MaxBilled  int           // how many attempts the call's cost limit can pay for; 0 if it has no limit
	Random     uint64        // uniform; what jitter is drawn from
}

// A Decision is what to do next: send an attempt after a wait, or stop and give the caller what there is.
type Decision struct {
	Send bool
	Step Step
	Wait time.Duration
	Cost bool   // it is to be counted against [Settings.RetryQuota]
	Why  string // in a few words; for logs and for people
}

// A Move is how to go on after an attempt.
type Move string

const (
	Stop         Move = "stop"
	Again        Move = "again"         // the same, after a wait
	NextTier     Move = "next tier"     // once patience is at an end, the plan's next tier; without one, the same after a wait
	WithoutTier  Move = "without tier"  // the plan's next tier; without one, no tier at all
	WithoutUsage Move = "without usage" // do not ask for a stream's usage
	IfAllowed    Move = "if allowed"    // the same after a wait, if the policy allows to be billed twice
)

// A Verdict is a row of the decision table: after this outcome, for this reason (any, if empty), make this move.
type Verdict struct {
	Outcome Outcome
	Reason  Reason
	Move    Move
}

// Table returns the decision table. The first row that fits an attempt decides; an attempt that none fits stops the
// call.
func Table() []Verdict { return slices.Clone(table) }

var table = []Verdict{
	{NotSent, "", Again},
	{Rejected, Capacity, NextTier},
	{Rejected, Rate, Again},
	{Rejected, Overloaded, Again},
	{Rejected, ServerError, Again},
	{Rejected, Unprocessed, Again},
	{Rejected, TierRefused, WithoutTier},
	{Rejected, UsageRefused, WithoutUsage},
	{Rejected, "", Stop},
	{Ambiguous, "", IfAllowed},
	{Partial, "", Stop},
	{Billed, "", Stop},
	{Refused, "", Stop},
}

// MoveAfter looks an attempt up in the decision table.
func MoveAfter(o Outcome, r Reason) Move {
	for _, row := range table {
		if row.Outcome == o && (row.Reason == "" || row.Reason == r) {
			return row.Move
		}
	}
	return Stop
}

// Next decides how a call goes on: with the plan's first tier if nothing has been sent, else by the decision table,
// within the policy's limits. It is a pure function.
func Next(h History) Decision {
	s := h.Settings
	if h.Left == 0 {
		return stop("the deadline is past")
	}
	if len(h.Results) == 0 {
		return Decision{Send: true, Step: Step{Tier: s.FirstTier(h.Left)}, Why: "first attempt"}
	}
	last := &h.Results[len(h.Results)-1]
	move := MoveAfter(last.Outcome, last.Reason)
	if move == IfAllowed && s.AllowDoubleBilling {
		move = Again
	}
	switch {
	case move == Stop:
		return stop(string(last.Outcome))
	case move == IfAllowed:
		return stop("it may have been billed")
	case !h.Replayable:
		return stop("the body cannot be sent twice")
	case len(h.Results) >= s.MaxAttempts:
		return stop("attempts used up")
	case last.Outcome == Rejected && s.OnlyDocumented && last.Evidence != Documented:
		return stop("not documented to be free")
	case h.MaxBilled > 0 && h.ambiguous() >= h.MaxBilled:
		return stop("another attempt could exceed the cost limit")
	}
	d := h.after(last, move)
	switch {
	case !d.Send || d.Step != last.Step:
	case last.Final:
		return stop("the server says not to send it again")
	default:
		d.Cost = last.Outcome != Rejected || slices.Contains(failures, last.Reason)
	}
	return h.within(d)
}

// failures are what the retry quota counts, of what a provider refuses.
var failures = []Reason{Overloaded, ServerError, Unprocessed}

func stop(why string) Decision { return Decision{Why: why} }

// after makes the move, without regard to the limits.
func (h *History) after(last *Result, move Move) Decision {
	again := Decision{Send: true, Step: last.Step, Wait: h.wait(last), Why: cmp.Or(string(last.Reason), string(last.Outcome))}
	next := again
	next.Wait = 0
	tier, more := h.Settings.Plan.After(last.Step.Tier)
	switch move {
	case NextTier:
		if !more || !last.Final && h.patient(last, again.Wait) {
			return again
		}
		next.Step.Tier = tier
	case WithoutTier:
		if !more && (last.Step.Tier == "" || !h.Settings.Tiers) {
			return stop("the provider refuses every tier")
		}
		next.Step.Tier = tier
	case WithoutUsage:
		if !last.AskedUsage {
			return stop(string(last.Reason))
		}
		next.Step.WithoutUsage = true
	default:
		return again
	}
	return next
}

// within stops where the decision's wait would pass a limit.
func (h *History) within(d Decision) Decision {
	s := h.Settings
	switch {
	case !d.Send:
		return d
	case d.Wait > s.MaxWait:
		return stop("the wait asked for is longer than max_wait")
	case h.Elapsed+d.Wait > s.MaxElapsed:
		return stop("max_elapsed")
	case h.Left >= 0 && d.Wait >= h.Left:
		return stop("the wait would pass the deadline")
	}
	return d
}

// wait returns how long to wait before the last attempt's step is tried again.
func (h *History) wait(last *Result) time.Duration {
	n := 0
	for i := len(h.Results) - 1; i >= 0 && h.Results[i].Step.Tier == last.Step.Tier; i-- {
		n++
	}
	return Wait(last.RetryAfter, Backoff(n-1, h.Settings.BackoffBase, h.Settings.BackoffMax), h.Random)
}

// patient reports whether the tier that refused is to be asked again after wait.
func (h *History) patient(last *Result, wait time.Duration) bool {
	first := last.Ended
	for i := len(h.Results) - 1; i >= 0; i-- {
		r := &h.Results[i]
		if r.Step.Tier != last.Step.Tier {
			break
		}
		if r.Reason == Capacity {
			first = r.Ended
		}
	}
	return h.Elapsed-first+wait <= h.Settings.Patience
}

func (h *History) ambiguous() (n int) {
	for i := range h.Results {
		if h.Results[i].Outcome == Ambiguous {
			n++
		}
	}
	return n
}
