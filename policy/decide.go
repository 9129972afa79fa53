package policy

import (
	"cmp"
	"slices"
	"time"
)

// A Step says how an attempt is sent.
type Step struct {
	Tier         Tier // to ask for; the zero Tier asks for none
	WithoutUsage bool // do not ask for a stream's usage: the provider rejected that
	WithoutWrite bool // do not ask for writes to the prompt cache, or for none: the provider rejected that
}

// A Result is how one attempt ended.
type Result struct {
	Step       Step
	Outcome    Outcome
	Evidence   Evidence
	Reason     Reason
	RetryAfter time.Duration // the wait that the server asked for; 0 if it did not say
	Ended      time.Duration // since the call began
	AskedUsage bool          // the attempt asked for a stream's usage although the caller had not
	AskedWrite bool          // the attempt asked for writes to the prompt cache, or for none, although the caller had not
	Final      bool          // the server said not to send the request again (x-should-retry: false)
}

// A History is all that [Next] depends on.
type History struct {
	Settings   *Settings
	Results    []Result      // of the attempts so far, in order
	Elapsed    time.Duration // since the call began
	Left       time.Duration // until the call's deadline; negative if it has none
	Replayable bool          // the request's body can be sent again
	MaxBilled  int           // how many attempts the call's cost limit can pay for; 0 if it has no limit
	Random     uint64        // uniformly distributed; jitter is drawn from it
}

// A Decision is what to do next: send an attempt after a wait, or stop and return the last result to the caller.
type Decision struct {
	Send      bool          // an attempt; else the call ends
	Step      Step          // how to send it
	Wait      time.Duration // before it is sent
	UsesQuota bool          // the attempt counts against [Settings.RetryQuota]
	Why       string        // a short text for people: "the retry quota is used up"
}

// The moves of the decision table.
const (
	stopHere     = "stop"
	again        = "again"
	nextTier     = "next tier"
	withoutTier  = "without tier"
	withoutUsage = "without usage"
	withoutWrite = "without write"
	ifAllowed    = "if allowed"
)

// A Verdict is a row of the decision table: after this outcome, for this reason, the call goes on with this move.
//
//   - "stop": the call ends.
//   - "again": the same request is sent again after a wait.
//   - "next tier": the plan's next tier is asked for, once [Policy.Patience] has ended. If the plan has no next tier, as
//     for "again".
//   - "without tier": the plan's next tier is asked for. If the plan has no next tier, no tier is.
//   - "without usage": the same request is sent again, and does not ask for the usage of its stream.
//   - "without write": the same request is sent again, and says nothing about writes to the prompt cache.
//   - "if allowed": as for "again" under [Policy.AllowDoubleBilling], else as for "stop".
type Verdict struct {
	Outcome Outcome
	Reason  Reason // zero: any
	Move    string
}

// Table returns the decision table, for people to read. The first row that fits an attempt decides. If no row fits, the
// call stops.
func Table() []Verdict { return slices.Clone(decisions) }

var decisions = []Verdict{
	{NotSent, Permanent, stopHere},
	{NotSent, "", again},
	{Rejected, Capacity, nextTier},
	{Rejected, Rate, again},
	{Rejected, Overloaded, again},
	{Rejected, ServerError, again},
	{Rejected, Unprocessed, again},
	{Rejected, TierRejected, withoutTier},
	{Rejected, UsageRejected, withoutUsage},
	{Rejected, WriteRejected, withoutWrite},
	{Rejected, "", stopHere},
	{Ambiguous, "", ifAllowed},
	{Partial, "", stopHere},
	{Billed, "", stopHere},
	{Refused, "", stopHere},
}

// moveAfter looks an attempt up in the decision table.
func moveAfter(o Outcome, r Reason) string {
	for _, row := range decisions {
		if row.Outcome == o && (row.Reason == "" || row.Reason == r) {
			return row.Move
		}
	}
	return stopHere
}

// Next decides how a call goes on. The first attempt is sent on the plan's first tier. After an attempt, the decision
// table says how to go on ([Table]), within the bounds of the settings and the deadline. Next is a pure function: the
// same history always leads to the same decision.
func Next(h History) Decision {
	s := h.Settings
	if h.Left == 0 {
		return stop("the deadline is past")
	}
	if len(h.Results) == 0 {
		return Decision{Send: true, Step: Step{Tier: s.FirstTier(h.Left)}, Why: "first attempt"}
	}
	last := &h.Results[len(h.Results)-1]
	move := moveAfter(last.Outcome, last.Reason)
	if move == ifAllowed && s.AllowDoubleBilling {
		move = again
	}
	if why := h.ends(last, move); why != "" {
		return stop(why)
	}
	d := h.after(last, move)
	if d.Send && d.Step == last.Step {
		if last.Final { // another tier would be another request
			return stop("the server says not to send it again")
		}
		d.UsesQuota = last.Outcome != Rejected || slices.Contains(failures, last.Reason)
	}
	return h.within(d)
}

// ends returns why no attempt of any kind follows the last one; "" if one may follow.
func (h *History) ends(last *Result, move string) string {
	switch {
	case move == stopHere && last.Reason == Permanent:
		return "it cannot be sent"
	case move == stopHere:
		return cmp.Or(string(last.Outcome), "unknown outcome")
	case move == ifAllowed:
		return "it may have been billed"
	case !h.Replayable:
		return "the body cannot be sent twice"
	case len(h.Results) >= h.Settings.MaxAttempts:
		return "attempts used up"
	case last.Outcome == Rejected && h.Settings.OnlyDocumented && last.Evidence != Documented:
		return "not documented to be free"
	case h.MaxBilled > 0 && h.ambiguous() >= h.MaxBilled:
		return "another attempt could exceed the cost limit"
	}
	return ""
}

// failures are the rejections that the retry quota counts.
var failures = []Reason{Overloaded, ServerError, Unprocessed}

// stop is the decision to stop.
func stop(why string) Decision { return Decision{Why: why} }

// after makes the move, without regard to the bounds.
func (h *History) after(last *Result, move string) Decision {
	same := Decision{Send: true, Step: last.Step, Wait: h.wait(last), Why: cmp.Or(string(last.Reason), string(last.Outcome))}
	next := same
	next.Wait = 0
	tier, more := h.Settings.Plan.After(last.Step.Tier)
	switch move {
	case nextTier:
		if !more || !last.Final && h.patient(last, same.Wait) {
			return same
		}
		next.Step.Tier = tier
	case withoutTier:
		if !more && (last.Step.Tier == "" || !h.Settings.TakesTier) {
			return stop("the provider rejects every tier")
		}
		next.Step.Tier = tier
	case withoutUsage:
		if !last.AskedUsage {
			return stop(string(last.Reason))
		}
		next.Step.WithoutUsage = true
	case withoutWrite:
		if !last.AskedWrite {
			return stop(string(last.Reason))
		}
		next.Step.WithoutWrite = true
	default:
		return same
	}
	return next
}

// within stops the call if the decision's wait would exceed a bound.
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
		return stop("the wait would exceed the deadline")
	}
	return d
}

// wait returns how long to wait before the last attempt's step is repeated. The backoff grows with the attempts in a
// row on the same tier.
func (h *History) wait(last *Result) time.Duration {
	n := 0
	for i := len(h.Results) - 1; i >= 0 && h.Results[i].Step.Tier == last.Step.Tier; i-- {
		n++
	}
	return Wait(last.RetryAfter, backoff(n-1, h.Settings.BackoffBase, h.Settings.BackoffMax), h.Random)
}

// patient reports whether the last attempt's tier is asked for again after wait: whether Patience, which begins with
// the tier's first rejection for a lack of capacity, has not ended by then.
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

// ambiguous returns how many attempts may have been billed.
func (h *History) ambiguous() (n int) {
	for i := range h.Results {
		if h.Results[i].Outcome == Ambiguous {
			n++
		}
	}
	return n
}
