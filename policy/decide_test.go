package policy

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	flex := Step{Tier: Flex}
	standard := Step{Tier: Standard}
	both := Policy{Tier: Flex, Fallback: Standard}
	rejected := func(s Step, r Reason) Result {
		return Result{Step: s, Outcome: Rejected, Evidence: Documented, Reason: r}
	}
	wrote := func(r Result) Result { r.AskedWrite = true; return r }
	asked := func(r Result) Result { r.AskedUsage = true; return r }
	const past = time.Duration(-1)
	asks := func(r Result, d time.Duration) Result { r.RetryAfter = d; return r }
	for _, test := range []struct {
		name    string
		policy  Policy
		results []Result
		left    time.Duration // 0: no deadline
		want    Decision      // without its Why
	}{
		{"first", both, nil, 0, Decision{Send: true, Step: flex}},
		{"write rejected", both, []Result{wrote(rejected(flex, WriteRejected))}, 0, Decision{Send: true, Step: Step{Tier: Flex, WithoutWrite: true}}},
		{"write rejected that we did not ask for", both, []Result{rejected(flex, WriteRejected)}, 0, Decision{}},
		{"first, too late for flex", both, nil, 30 * time.Second, Decision{Send: true, Step: standard}},
		{"first, too late but no other tier", Policy{Tier: Flex}, nil, 30 * time.Second, Decision{Send: true, Step: flex}},
		{"no capacity: the next tier, at once", both, []Result{asks(rejected(flex, Capacity), 5*time.Minute)}, 0, Decision{Send: true, Step: standard}},
		{"no capacity, and no next tier: wait", Policy{Tier: Flex}, []Result{asks(rejected(flex, Capacity), 5*time.Minute)}, 0, Decision{Send: true, Step: flex, Wait: 5 * time.Minute}},
		{"no capacity, patient", Policy{Tier: Flex, Fallback: Standard, Patience: time.Minute}, []Result{asks(rejected(flex, Capacity), 20*time.Second)}, 0, Decision{Send: true, Step: flex, Wait: 20 * time.Second}},
		{"no capacity, patient but not that long", Policy{Tier: Flex, Fallback: Standard, Patience: time.Minute}, []Result{asks(rejected(flex, Capacity), 5*time.Minute)}, 0, Decision{Send: true, Step: standard}},
		{"too fast: wait on the same tier", both, []Result{asks(rejected(flex, Rate), time.Minute)}, 0, Decision{Send: true, Step: flex, Wait: time.Minute}},
		{"too fast, longer than max_wait", both, []Result{asks(rejected(flex, Rate), 3*time.Minute)}, 0, Decision{}},
		{"too fast, longer than the deadline", both, []Result{asks(rejected(flex, Rate), 90*time.Second)}, time.Minute, Decision{}},
		{"overloaded", both, []Result{asks(rejected(standard, Overloaded), time.Second)}, 0, Decision{Send: true, Step: standard, Wait: time.Second, UsesQuota: true}},
		{"quota", both, []Result{rejected(flex, Quota)}, 0, Decision{}},
		{"too large", both, []Result{rejected(flex, TooLarge)}, 0, Decision{}},
		{"bad request", both, []Result{rejected(flex, BadRequest)}, 0, Decision{}},
		{"tier rejected: the next tier", both, []Result{rejected(flex, TierRejected)}, 0, Decision{Send: true, Step: standard}},
		{"every tier of the plan rejected: none", both, []Result{rejected(flex, TierRejected), rejected(standard, TierRejected)}, 0, Decision{Send: true}},
		{"no tier rejected", both, []Result{rejected(Step{}, TierRejected)}, 0, Decision{}},
		{"usage rejected", both, []Result{asked(rejected(flex, UsageRejected))}, 0, Decision{Send: true, Step: Step{Tier: Flex, WithoutUsage: true}}},
		{"usage rejected that we did not ask for", both, []Result{rejected(flex, UsageRejected)}, 0, Decision{}},
		{"first, too late for anything", both, nil, past, Decision{}},
		{"billed", both, []Result{{Step: flex, Outcome: Billed}}, 0, Decision{}},
		{"partial", Policy{AllowDoubleBilling: true}, []Result{{Outcome: Partial}}, 0, Decision{}},
		{"refused by us", both, []Result{{Step: flex, Outcome: Refused}}, 0, Decision{}},
		{"ambiguous", both, []Result{{Step: flex, Outcome: Ambiguous}}, 0, Decision{}},
		{"ambiguous, allowed", Policy{AllowDoubleBilling: true}, []Result{{Outcome: Ambiguous}}, 0, Decision{Send: true, UsesQuota: true}},
		{"not sent", both, []Result{{Step: flex, Outcome: NotSent}}, 0, Decision{Send: true, Step: flex, UsesQuota: true}},
		{"not sent, and never can be", both, []Result{{Step: flex, Outcome: NotSent, Reason: Permanent}}, 0, Decision{}},
		{"not processed", both, []Result{rejected(flex, Unprocessed)}, 0, Decision{Send: true, Step: flex, UsesQuota: true}},
		{"redirected", both, []Result{rejected(flex, Redirected)}, 0, Decision{}},
		{"the server says no", both, []Result{final(rejected(standard, Rate))}, 0, Decision{}},
		{"the server says no: another tier is another request", both, []Result{final(rejected(flex, Capacity))}, 0, Decision{Send: true, Step: standard}},
		{"the server says no: also without the tier", both, []Result{final(rejected(flex, TierRejected))}, 0, Decision{Send: true, Step: standard}},
		{"the server says no: no other tier", Policy{Tier: Flex}, []Result{final(rejected(flex, Capacity))}, 0, Decision{}},
		{"only documented: inferred", Policy{OnlyDocumented: true}, []Result{{Outcome: Rejected, Evidence: Inferred, Reason: Rate}}, 0, Decision{}},
		{"only documented: reported", Policy{OnlyDocumented: true}, []Result{{Outcome: Rejected, Evidence: Reported, Reason: Overloaded}}, 0, Decision{}},
		{"only documented: documented", Policy{OnlyDocumented: true}, []Result{rejected(Step{}, Rate)}, 0, Decision{Send: true}},
		{"only documented: not sent", Policy{OnlyDocumented: true}, []Result{{Outcome: NotSent}}, 0, Decision{Send: true, UsesQuota: true}},
		{"attempts used up", Policy{MaxAttempts: 1}, []Result{{Outcome: NotSent}}, 0, Decision{}},
		{"no outcome", both, []Result{{Step: flex}}, 0, Decision{}},
		{"unknown outcome", both, []Result{{Outcome: "?"}}, 0, Decision{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			left := test.left
			switch left {
			case 0:
				left = -1
			case past:
				left = 0
			}
			got := Next(History{Settings: settled(t, test.policy), Results: test.results, Left: left, Replayable: true})
			if got.Why == "" {
				t.Error("a decision without a reason")
			}
			got.Why = ""
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func final(r Result) Result {
	r.Final = true
	return r
}

func TestNextStops(t *testing.T) {
	lost := []Result{{Outcome: NotSent}}
	for name, h := range map[string]History{
		"body gone":   {Results: lost, Left: -1},
		"max_elapsed": {Results: lost, Left: -1, Replayable: true, Elapsed: 16 * time.Minute},
		"no other tier can be asked for": {Results: []Result{{Step: Step{Tier: Flex}, Outcome: Rejected, Reason: TierRejected}}, Left: -1, Replayable: true,
			Settings: &Settings{Plan: Plan{Flex}, MaxAttempts: 5, MaxWait: time.Hour, MaxElapsed: time.Hour}},
		"deadline past": {Results: lost, Left: 0, Replayable: true},
		"cost limit": {Results: []Result{{Outcome: Ambiguous}}, Left: -1, Replayable: true, MaxBilled: 1,
			Settings: settled(t, Policy{AllowDoubleBilling: true})},
	} {
		if h.Settings == nil {
			h.Settings = settled(t, Policy{})
		}
		if d := Next(h); d.Send {
			t.Errorf("%s: sends: %+v", name, d)
		}
	}
}

// In all histories, a call is never sent again after it was, or may have been, billed; never more often than
// allowed; never earlier than the server said; never past its limits; and it ends.
func TestNextInvariants(t *testing.T) {
	outcomes := []Outcome{NotSent, Rejected, Rejected, Rejected, Rejected, Ambiguous, Partial, Billed, Refused}
	reasons := []Reason{"", Capacity, Capacity, Rate, Overloaded, ServerError, Quota, TooLarge, TierRejected, UsageRejected, WriteRejected, BadRequest, Permanent}
	evidence := []Evidence{Documented, Reported, Inferred}
	tiers := []Tier{"", Flex, Standard, Priority}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	for range 20_000 {
		p := Policy{
			Tier: tiers[random.IntN(4)], MaxAttempts: random.IntN(8), Patience: time.Duration(random.IntN(60)) * time.Second,
			OnlyDocumented: random.IntN(4) == 0,
		}
		if f := tiers[random.IntN(4)]; f != p.Tier {
			p.Fallback = f
		}
		s := settled(t, p)
		h := History{Settings: s, Left: -1, Replayable: true, Random: random.Uint64()}
		if random.IntN(2) == 0 {
			h.Left = time.Duration(random.IntN(600)) * time.Second
		}
		for n := 0; ; n++ {
			if n > 20 {
				t.Fatalf("seed %d: does not end: %+v", seed, h)
			}
			d := Next(h)
			if !d.Send {
				break
			}
			checkDecision(t, seed, &h, d)
			took := d.Wait + time.Duration(random.IntN(10))*time.Second
			h.Elapsed += took
			if h.Left >= 0 {
				h.Left = max(0, h.Left-took)
			}
			h.Random = random.Uint64()
			h.Results = append(h.Results, Result{
				Step: d.Step, Outcome: outcomes[random.IntN(len(outcomes))], Reason: reasons[random.IntN(len(reasons))],
				Evidence: evidence[random.IntN(3)], AskedUsage: !d.Step.WithoutUsage, AskedWrite: !d.Step.WithoutWrite, RetryAfter: time.Duration(random.IntN(200)) * time.Second, Ended: h.Elapsed,
			})
		}
	}
}

// checkDecision checks a decision to send.
func checkDecision(t *testing.T, seed uint64, h *History, d Decision) {
	t.Helper()
	s, n := h.Settings, len(h.Results)
	if n >= s.MaxAttempts {
		t.Fatalf("seed %d: attempt %d of %d", seed, n+1, s.MaxAttempts)
	}
	if d.Wait > s.MaxWait || h.Elapsed+d.Wait > s.MaxElapsed || n > 0 && h.Left >= 0 && d.Wait >= h.Left {
		t.Fatalf("seed %d: wait %v passes a limit: %+v", seed, d.Wait, h)
	}
	if n == 0 {
		return
	}
	last := h.Results[n-1]
	free := last.Outcome == NotSent && last.Reason != Permanent || last.Outcome == Rejected && (!s.OnlyDocumented || last.Evidence == Documented)
	if !free {
		t.Fatalf("seed %d: sends again after %+v", seed, last)
	}
	if d.Step == last.Step && d.Wait < last.RetryAfter {
		t.Fatalf("seed %d: waits %v, the server said %v", seed, d.Wait, last.RetryAfter)
	}
}

// Every outcome and reason has a row, so that none is decided by accident.
func TestTableIsComplete(t *testing.T) {
	for _, o := range []Outcome{NotSent, Rejected, Ambiguous, Billed, Partial, Refused} {
		found := false
		for _, row := range Table() {
			found = found || row.Outcome == o && row.Reason == ""
		}
		if !found {
			t.Errorf("no row for %s in general", o)
		}
	}
	Table()[0].Move = stopHere
	if moveAfter(NotSent, "") != again {
		t.Error("the caller of Table can change it")
	}
}
