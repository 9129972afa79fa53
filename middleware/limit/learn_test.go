package limit_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

const oneDay = 24 * time.Hour

// chatRequest returns a request for so many tokens.
func chatRequest(input, output int64) *limit.Request {
	return &limit.Request{
		Subject: policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}, Key: "k",
		Tokens: limit.Tokens{Input: input, Output: output},
	}
}

// perMinute returns a quota of a minute.
func perMinute(u wire.QuotaUnit, of, remaining int64) wire.Quota {
	return wire.Quota{Unit: u, Window: time.Minute, Limit: of, Remaining: remaining, Reset: -1}
}

// sent admits a request, which must be possible at once, and returns its permit.
func sent(t *testing.T, l *limit.Local, r *limit.Request) limit.Permit {
	t.Helper()
	start := time.Now()
	p, err := l.Wait(t.Context(), r)
	if err != nil || time.Since(start) > 0 {
		t.Fatalf("after %v: %v", time.Since(start), err)
	}
	return p
}

// learn has the limiter learn from an answer to the attempt that holds the permit.
func learn(t *testing.T, p limit.Permit, a limit.Answer) {
	t.Helper()
	l, ok := p.(limit.LearningPermit)
	if !ok {
		t.Fatalf("%T is not a LearningPermit", p)
	}
	l.Learn(a)
}

// waits returns how long a request waits to be admitted. It is then released, and counts for what was asked.
func waits(t *testing.T, l *limit.Local, r *limit.Request) time.Duration {
	t.Helper()
	start := time.Now()
	p, err := l.Wait(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	p.Release(limit.Count{Requests: 1, Tokens: r.Tokens})
	return took
}

// level returns a level of the first limit; the zero Level if there is none.
func level(l *limit.Local, unit string) limit.Level {
	for _, v := range l.States()[0].Levels {
		if v.Unit == unit {
			return v
		}
	}
	return limit.Level{}
}

// learns runs a test of a limiter with one limit that learns.
func learns(t *testing.T, l policy.Limit, test func(*testing.T, *limit.Local)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l.Learn = true
		test(t, limit.NewLocal([]policy.Limit{l}, nil))
	})
}

// A permit learns if a limit that learns matched its attempt, and only then.
func TestLearns(t *testing.T) {
	l := limit.NewLocal([]policy.Limit{
		{RequestsPerMinute: 5, Burst: 5}, {Learn: true, Match: policy.Match{Provider: "openai"}},
	}, nil)
	for provider, want := range map[string]bool{"openai": true, "groq": false} {
		p, err := l.Wait(t.Context(), &limit.Request{Subject: policy.Subject{Provider: provider}})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := p.(limit.LearningPermit); ok != want {
			t.Errorf("%s: LearningPermit: %t", provider, ok)
		}
	}
}

// What is stated is in force where the policy has nothing, or more.
func TestLearnStated(t *testing.T) {
	learns(t, policy.Limit{TokensPerMinute: 60_000, InputTokensPerMinute: 1000}, func(t *testing.T, l *limit.Local) {
		p := sent(t, l, chatRequest(100, 0))
		learn(t, p, limit.Answer{Quotas: []wire.Quota{
			perMinute(wire.QuotaRequests, 120, -1), perMinute(wire.QuotaTokens, 6000, -1), perMinute(wire.QuotaTokens, 9000, -1),
			perMinute(wire.QuotaInputTokens, 50_000, -1),
			{Unit: wire.QuotaOutputTokens, Window: 10 * time.Second, Limit: 70, Remaining: -1, Reset: -1},
			{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 5, Remaining: 0, Tier: policy.Priority},
		}})
		for unit, want := range map[string]limit.Level{
			"requests per minute":      {Limit: 120, Most: 2, Learned: true},
			"tokens per minute":        {Limit: 6000, Most: 1000, Learned: true},
			"input tokens per minute":  {Limit: 1000, Most: 166, Learned: false},
			"output tokens per minute": {Limit: 420, Most: 70, Learned: true},
		} {
			if v := level(l, unit); v.Limit != want.Limit || v.Most != want.Most || v.Learned != want.Learned {
				t.Errorf("%s: %+v, want %+v", unit, v, want)
			}
		}
		// A later answer states more: never more than the policy.
		learn(t, p, limit.Answer{Quotas: []wire.Quota{perMinute(wire.QuotaTokens, 1e9, -1)}})
		if v := level(l, "tokens per minute"); v.Limit != 60_000 || v.Learned {
			t.Errorf("%+v", v)
		}
	})
}

// A limit that was stated once, and not again, is forgotten.
func TestLearnForgets(t *testing.T) {
	learns(t, policy.Limit{RequestsPerMinute: 600}, func(t *testing.T, l *limit.Local) {
		p := sent(t, l, chatRequest(1, 1))
		learn(t, p, limit.Answer{Quotas: []wire.Quota{perMinute(wire.QuotaRequests, 60, -1), perMinute(wire.QuotaTokens, 100, -1)}})
		time.Sleep(time.Hour + time.Second)
		learn(t, p, limit.Answer{})
		if v, tokens := level(l, "requests per minute"), level(l, "tokens per minute"); v.Limit != 600 || tokens.Limit != 0 {
			t.Errorf("%+v, %+v", v, tokens)
		}
	})
}

// An update of the policy keeps what was learned.
func TestLearnedSurvivesUpdate(t *testing.T) {
	learns(t, policy.Limit{RequestsPerMinute: 600}, func(t *testing.T, l *limit.Local) {
		p := sent(t, l, chatRequest(1, 1))
		learn(t, p, limit.Answer{Quotas: []wire.Quota{perMinute(wire.QuotaRequests, 60, -1), perMinute(wire.QuotaTokens, 600, -1)}})
		if err := l.Update([]policy.Limit{{RequestsPerMinute: 30, Learn: true}}, nil, false); err != nil {
			t.Fatal(err)
		}
		if v, tokens := level(l, "requests per minute"), level(l, "tokens per minute"); v.Limit != 30 || v.Learned || tokens.Limit != 600 {
			t.Errorf("%+v, %+v", v, tokens)
		}
		if err := l.Update([]policy.Limit{{RequestsPerMinute: 300, Learn: true}}, nil, false); err != nil {
			t.Fatal(err)
		}
		if v := level(l, "requests per minute"); v.Limit != 60 || !v.Learned {
			t.Errorf("%+v", v)
		}
	})
}

// If another uses the same limit, what we have left is lowered to what remains: once for all answers that say so.
func TestLearnRemaining(t *testing.T) {
	learns(t, policy.Limit{TokensPerMinute: 60_000, TokenBurst: 10_000}, func(t *testing.T, l *limit.Local) {
		var all []limit.Permit
		for range 4 {
			all = append(all, sent(t, l, chatRequest(1000, 0)))
		}
		// The provider has counted our four, 4,000 in all, and 53,000 of another.
		answer := limit.Answer{Quotas: []wire.Quota{perMinute(wire.QuotaTokens, 60_000, 3000)}}
		for i, p := range all {
			learn(t, p, answer)
			if left := level(l, "tokens per minute").Left; left != 3000-60_000/50 {
				t.Errorf("after answer %d: %d left", i+1, left)
			}
		}
		// It says more: that does not give anything back.
		learn(t, all[0], limit.Answer{Quotas: []wire.Quota{perMinute(wire.QuotaTokens, 60_000, 50_000)}})
		if left := level(l, "tokens per minute").Left; left != 1800 {
			t.Errorf("%d left", left)
		}
	})
}

// What the provider had not seen yet when it looked does not count twice.
func TestLearnRemainingUnderWay(t *testing.T) {
	learns(t, policy.Limit{TokensPerMinute: 60_000, TokenBurst: 10_000}, func(t *testing.T, l *limit.Local) {
		early := sent(t, l, chatRequest(1000, 0))
		sent(t, l, chatRequest(8000, 0))
		// The provider looked before the second one arrived: 59,000 would remain if we were alone. 9,500 do.
		learn(t, early, limit.Answer{Quotas: []wire.Quota{perMinute(wire.QuotaTokens, 60_000, 9500)}})
		if left := level(l, "tokens per minute").Left; left != 1000 {
			t.Errorf("%d left", left)
		}
		// It looked after both: 1,000 remain, which is what we have left.
		learn(t, early, limit.Answer{Quotas: []wire.Quota{perMinute(wire.QuotaTokens, 0, 1000)}})
		if left := level(l, "tokens per minute").Left; left != 1000 {
			t.Errorf("%d left", left)
		}
	})
}

// An answer that is more than a minute late says nothing about what remains.
func TestLearnRemainingLate(t *testing.T) {
	learns(t, policy.Limit{TokensPerMinute: 60_000}, func(t *testing.T, l *limit.Local) {
		p := sent(t, l, chatRequest(1000, 0))
		time.Sleep(61 * time.Second)
		learn(t, p, limit.Answer{Quotas: []wire.Quota{perMinute(wire.QuotaTokens, 60_000, 0)}})
		if left := level(l, "tokens per minute").Left; left != 10_000 {
			t.Errorf("%d left", left)
		}
	})
}

// A rejection holds everything back for as long as it says, and a late success does not undo that.
func TestLearnRetryAfter(t *testing.T) {
	learns(t, policy.Limit{RequestsPerMinute: 6000}, func(t *testing.T, l *limit.Local) {
		first, second := sent(t, l, chatRequest(1, 1)), sent(t, l, chatRequest(1, 1))
		learn(t, first, limit.Answer{Limited: true, RetryAfter: 7 * time.Second, Quotas: []wire.Quota{perMinute(wire.QuotaRequests, 6000, 0)}})
		learn(t, second, limit.Answer{Quotas: []wire.Quota{perMinute(wire.QuotaRequests, 6000, 5990)}})
		if blocked := l.States()[0].Blocked; blocked != 7*time.Second {
			t.Errorf("blocked for %v", blocked)
		}
		third := chatRequest(1, 1)
		third.Deadline = time.Now().Add(5 * time.Second)
		if _, err := l.Wait(t.Context(), third); err == nil {
			t.Error("admitted")
		}
		if took := waits(t, l, chatRequest(1, 1)); took != 7*time.Second {
			t.Errorf("waited %v", took)
		}
	})
}

// Only rejections for a rate hold others back.
func TestLearnRetryAfterOfOthers(t *testing.T) {
	learns(t, policy.Limit{}, func(t *testing.T, l *limit.Local) {
		p := sent(t, l, chatRequest(1, 1))
		learn(t, p, limit.Answer{RetryAfter: 5 * time.Minute}) // of a tier without capacity
		if took := waits(t, l, chatRequest(1, 1)); took != 0 {
			t.Errorf("waited %v", took)
		}
	})
}

func TestLearnDay(t *testing.T) {
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Skip(err)
	}
	for name, test := range map[string]struct {
		answer limit.Answer
		zone   *time.Location
		want   time.Duration
	}{
		"something remains": {limit.Answer{Quotas: []wire.Quota{{Window: oneDay, Limit: 50, Remaining: 1, Reset: time.Hour}}}, nil, 0},
		"until the reset":   {limit.Answer{Quotas: []wire.Quota{{Window: oneDay, Limit: 50, Remaining: 0, Reset: 3 * time.Hour}}}, nil, 3 * time.Hour},
		// 14,400 a day come back one by one, every six seconds.
		"evenly":                     {limit.Answer{Quotas: []wire.Quota{{Window: oneDay, Limit: 14400, Remaining: 0, Reset: oneDay}}}, nil, 6 * time.Second},
		"as it says":                 {limit.Answer{RetryAfter: 9 * time.Minute, Quotas: []wire.Quota{{Unit: wire.QuotaTokens, Window: oneDay, Limit: 100_000, Remaining: 2950, Reset: -1}}}, nil, 9 * time.Minute},
		"until midnight":             {limit.Answer{Quotas: []wire.Quota{{Window: oneDay, Limit: -1, Remaining: 0, Reset: -1}}}, pacific, 8 * time.Hour}, // it is 16:00
		"too long":                   {limit.Answer{Quotas: []wire.Quota{{Window: oneDay, Limit: 5, Remaining: 0, Reset: 30 * oneDay}}}, nil, 25 * time.Hour},
		"a window of unknown length": {limit.Answer{Quotas: []wire.Quota{{Limit: 20, Remaining: 0, Reset: 5 * time.Second}}}, nil, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			learns(t, policy.Limit{}, func(t *testing.T, l *limit.Local) {
				r := chatRequest(1, 1)
				r.Zone = test.zone
				p := sent(t, l, r)
				learn(t, p, test.answer)
				if took := waits(t, l, chatRequest(1, 1)); took != test.want {
					t.Errorf("waited %v, want %v", took, test.want)
				}
			})
		})
	}
}

func TestLearnedDayLevel(t *testing.T) {
	learns(t, policy.Limit{RequestsPerDay: 100}, func(t *testing.T, l *limit.Local) {
		p := sent(t, l, chatRequest(1, 1))
		learn(t, p, limit.Answer{Quotas: []wire.Quota{
			{Window: oneDay, Limit: 50, Remaining: 20, Reset: time.Hour}, {Unit: wire.QuotaTokens, Window: oneDay, Limit: 5000, Remaining: -1, Reset: -1},
		}})
		var requests []limit.Level
		for _, v := range l.States()[0].Levels {
			if v.Unit == "requests per day" {
				requests = append(requests, v)
			}
		}
		if len(requests) != 2 || requests[0].Learned || requests[1] != (limit.Level{Unit: "requests per day", Limit: 50, Left: 20, Most: 50, Full: time.Hour, Learned: true}) {
			t.Errorf("%+v", requests)
		}
		if v := level(l, "tokens per day"); v.Limit != 5000 || v.Left != 5000 || !v.Learned {
			t.Errorf("%+v", v)
		}
	})
}

// answered sends a request and has the limiter learn that it was rejected, or not.
func answered(t *testing.T, l *limit.Local, limited bool) {
	t.Helper()
	p, err := l.Wait(t.Context(), chatRequest(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	learn(t, p, limit.Answer{Limited: limited})
	p.Release(limit.Count{Requests: 1})
}

// Where nothing is stated, the rate falls with a rejection, once for all that were under way, and rises with success.
func TestLearnPace(t *testing.T) {
	learns(t, policy.Limit{}, func(t *testing.T, l *limit.Local) {
		for range 600 { // ten a second for a minute
			answered(t, l, false)
			time.Sleep(100 * time.Millisecond)
		}
		var late []limit.Permit
		for range 20 {
			late = append(late, sent(t, l, chatRequest(1, 1)))
		}
		for _, p := range late {
			learn(t, p, limit.Answer{Limited: true})
		}
		if v := level(l, "requests per minute"); v.Limit < 400 || v.Limit > 430 || !v.Learned {
			t.Fatalf("after a rejection: %+v", v)
		}
		start := time.Now()
		for level(l, "requests per minute").Limit > 0 && time.Since(start) < time.Hour {
			answered(t, l, false)
		}
		if took := time.Since(start); took < time.Minute || took > 10*time.Minute {
			t.Errorf("it took %v to recover", took)
		}
	})
}

// However often it is rejected, something is sent. Figures put an end to it.
func TestLearnPaceEnds(t *testing.T) {
	learns(t, policy.Limit{}, func(t *testing.T, l *limit.Local) {
		for range 600 {
			answered(t, l, false)
			time.Sleep(100 * time.Millisecond)
		}
		for range 100 {
			time.Sleep(time.Minute)
			answered(t, l, true)
		}
		if v := level(l, "requests per minute"); v.Limit != 30 {
			t.Errorf("after many rejections: %+v", v)
		}
		time.Sleep(time.Minute)
		p := sent(t, l, chatRequest(1, 1))
		learn(t, p, limit.Answer{Quotas: []wire.Quota{perMinute(wire.QuotaRequests, 6000, -1)}})
		if v := level(l, "requests per minute"); v.Limit != 6000 {
			t.Errorf("%+v", v)
		}
	})
}

// How long answers take has no effect.
func TestLearnNotFromTime(t *testing.T) {
	learns(t, policy.Limit{RequestsPerMinute: 60}, func(t *testing.T, l *limit.Local) {
		for range 5 {
			p, err := l.Wait(t.Context(), chatRequest(1, 1))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Minute)
			learn(t, p, limit.Answer{})
			p.Release(limit.Count{Requests: 1})
		}
		if v := level(l, "requests per minute"); v.Limit != 60 || v.Learned {
			t.Errorf("%+v", v)
		}
	})
}

// Whatever answers say, nothing is admitted faster than the policy says, and nothing is locked for ever.
func TestLearnNeverAbove(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			configured := policy.Limit{RequestsPerMinute: 120, Burst: 5, TokensPerMinute: 60_000, TokenBurst: 5000}
			learns(t, configured, func(t *testing.T, l *limit.Local) {
				random := rand.New(rand.NewPCG(seed, 14))
				start, requests, tokens := time.Now(), int64(0), int64(0)
				var old []limit.Permit
				for range 300 {
					r := chatRequest(random.Int64N(2000), random.Int64N(500))
					r.Deadline = time.Now().Add(26 * time.Hour)
					p, err := l.Wait(t.Context(), r)
					if err != nil {
						var refused *limit.Error // a stated limit is smaller than the attempt
						if !asLimit(err, &refused) || refused.Asked == 0 {
							t.Fatal(err)
						}
						time.Sleep(time.Minute)
					} else {
						requests, tokens = requests+1, tokens+r.Tokens.Input+r.Tokens.Output
						minutes := time.Since(start).Minutes()
						if float64(requests) > 120*minutes+5.001 || float64(tokens) > 60_000*minutes+5000.001 {
							t.Fatalf("%d requests and %d tokens in %v", requests, tokens, time.Since(start))
						}
						p.Release(limit.Count{Requests: 1, Tokens: r.Tokens})
						old = append(old, p)
					}
					if len(old) > 0 {
						learn(t, old[random.IntN(len(old))], randomAnswer(random))
					}
				}
				// From here on, answers state high limits.
				for range 3 {
					time.Sleep(25 * time.Hour)
					r := chatRequest(10, 10)
					p := sent(t, l, r)
					learn(t, p, limit.Answer{Quotas: []wire.Quota{perMinute(wire.QuotaRequests, 1e6, 1e6), perMinute(wire.QuotaTokens, 1e9, 1e9)}})
					p.Release(limit.Count{Requests: 1, Tokens: r.Tokens})
				}
				if v, tokens := level(l, "requests per minute"), level(l, "tokens per minute"); v.Limit != 120 || tokens.Limit != 60_000 {
					t.Errorf("%+v, %+v", v, tokens)
				}
			})
		})
	}
}

// randomAnswer returns an answer that says anything.
func randomAnswer(random *rand.Rand) limit.Answer {
	a := limit.Answer{Limited: random.IntN(4) == 0}
	if random.IntN(5) == 0 {
		a.RetryAfter = time.Duration(random.Int64N(int64(time.Minute)))
	}
	windows := []time.Duration{0, time.Second, 10 * time.Second, time.Minute, time.Hour, oneDay, 30 * oneDay}
	for range random.IntN(4) {
		a.Quotas = append(a.Quotas, wire.Quota{
			Unit: wire.QuotaUnit(random.IntN(5)), Window: windows[random.IntN(len(windows))],
			Limit: random.Int64N(1e6) - 1, Remaining: random.Int64N(1e4) - 1, Reset: time.Duration(random.Int64N(int64(time.Hour))) - 1,
		})
	}
	if random.IntN(10) == 0 && len(a.Quotas) > 0 {
		a.Quotas[0].Limit, a.Quotas[0].Remaining = 1e15, 0
	}
	return a
}

func asLimit(err error, to **limit.Error) bool { return errors.As(err, to) }
