package limittest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Start returns a limiter with limits and budgets of which nothing is used. It registers with t what is to be done when the
// test ends.
type Start func(t *testing.T, limits []policy.Limit, budgets []policy.Budget) limit.Limiter

// A Feature is something that a limiter may lack: see [Run].
type Feature uint8

const (
	Budgets Feature = 1 << iota // budgets of money
	Tokens                      // limits on tokens
	Days                        // limits by the day
	Classes                     // interactive attempts go before those of batch
)

// Run tests that the limiters which start returns keep the contract of [limit.Limiter]. A limiter may take up to 100 ms to
// answer.
//
// All limiters must pass the tests of limits on requests by the minute and on concurrency, of keys and tiers, of the order of
// waiters and of those that leave. The tests of the features in without are left out, and start gets none of them in
// other tests. A limiter without a feature must fail when it is made with a limit or a budget that needs it; Run does not test that.
func Run(t *testing.T, start Start, without ...Feature) {
	var lacks Feature
	for _, f := range without {
		lacks |= f
	}
	for _, test := range tests {
		if test.needs&lacks != 0 {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			test.run(&suite{T: t, start: start, lacks: lacks})
		})
	}
}

// tests are the tests of the contract, with the features that they need.
var tests = []struct {
	name  string
	needs Feature
	run   func(*suite)
}{
	{"nothing matches", 0, nothingMatches},
	{"concurrency", 0, concurrency},
	{"all at once or none", 0, allOrNone},
	{"a rate", 0, aRate},
	{"a deadline", 0, aDeadline},
	{"more than the limit", Tokens, moreThanTheLimit},
	{"more than a day", Tokens | Days, moreThanADay},
	{"more than the burst", Tokens, moreThanTheBurst},
	{"tokens by direction", Tokens, byDirection},
	{"a refund", Tokens, aRefund},
	{"a charge", Tokens, aCharge},
	{"a day", Days | Tokens, aDay},
	{"keys", 0, keys},
	{"a tier", 0, aTier},
	{"in order", 0, inOrder},
	{"waiters that leave", 0, leavers},
	{"interactive first", Classes, interactiveFirst},
	{"a budget holds", Budgets, budgetHolds},
	{"a budget settles", Budgets, budgetSettles},
	{"a budget waits", Budgets, budgetWaits},
	{"a budget without a bound", Budgets, budgetNoBound},
	{"a budget for the cheapest tier", Budgets, budgetCheapest},
	{"a budget and a limit", Budgets, budgetAndLimit},
	{"money only", Budgets, moneyOnly},
	{"a budget and storage", Budgets, budgetStorage},
	{"a crowd", 0, aCrowd},
}

// A suite is one test of the contract.
type suite struct {
	*testing.T
	start   Start
	lacks   Feature
	limiter limit.Limiter
}

const (
	dollar = price.Pico(1_000_000_000_000)
	soon   = 150 * time.Millisecond // longer than a limiter takes to answer
)

// calls numbers the calls of all tests, so that no two attempts are the same.
var calls atomic.Int64

// limits starts the limiter.
func (s *suite) limits(limits ...policy.Limit) { s.limiter = s.start(s.T, limits, nil) }

// budgets starts the limiter.
func (s *suite) budgets(budgets ...policy.Budget) { s.limiter = s.start(s.T, nil, budgets) }

// request returns a request of its own call, which begins its day at a time that is far from now.
func request(change func(*limit.Request)) *limit.Request {
	noon := 12*time.Hour - time.Duration(time.Now().UTC().Hour())*time.Hour
	r := &limit.Request{
		Subject: policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"},
		Key:     "k1", Tags: map[string]string{"tenant": "acme"}, Class: policy.ClassInteractive,
		Call: "limittest-" + strconv.FormatInt(calls.Add(1), 10), Attempt: 1, Cost: ledger.Known(0), Cheapest: true,
		Zone: time.FixedZone("", int(noon/time.Second)),
	}
	if change != nil {
		change(r)
	}
	return r
}

// tokens returns a change of a request that has it use so many tokens, all of them input.
func tokens(n int64) func(*limit.Request) {
	return func(r *limit.Request) { r.Tokens.Input = n }
}

// costs returns a change of a request that has it cost up to so much.
func costs(most price.Pico) func(*limit.Request) {
	return func(r *limit.Request) { r.Cost = ledger.Known(most) }
}

// whole returns what a request counts for that has used what it asked for.
func whole(r *limit.Request) limit.Count { return limit.Count{Requests: 1, Tokens: r.Tokens} }

// admit waits for a request that must be admitted at once.
func (s *suite) admit(change func(*limit.Request)) (limit.Permit, *limit.Request) {
	s.Helper()
	r := request(change)
	r.Deadline = time.Now().Add(10 * time.Second)
	begin := time.Now()
	p, err := s.limiter.Wait(s.Context(), r)
	if took := time.Since(begin); err != nil || p == nil || took > soon {
		s.Fatalf("%v, %v after %v; want a permit at once", p, err, took)
	}
	return p, r
}

// refuse waits for a request that must be refused at once by a limit.
func (s *suite) refuse(change func(*limit.Request)) *limit.Error {
	s.Helper()
	r := request(change)
	r.Deadline = time.Now().Add(time.Second)
	begin := time.Now()
	p, err := s.limiter.Wait(s.Context(), r)
	var e *limit.Error
	if took := time.Since(begin); p != nil || !errors.As(err, &e) || e.Err != nil || e.Limit == "" || took > soon {
		s.Fatalf("%v, %v after %v; want a refusal at once", p, err, took)
	}
	return e
}

// refuseMoney waits for a request that must be refused at once by a budget.
func (s *suite) refuseMoney(change func(*limit.Request)) *budget.Error {
	s.Helper()
	begin := time.Now()
	p, err := s.limiter.Wait(s.Context(), request(change))
	var e *budget.Error
	if took := time.Since(begin); p != nil || !errors.As(err, &e) || took > soon {
		s.Fatalf("%v, %v after %v; want a refusal of the budget at once", p, err, took)
	}
	return e
}

// holdUp waits for a request that must still wait when its short deadline comes.
func (s *suite) holdUp(change func(*limit.Request)) {
	s.Helper()
	r := request(change)
	r.Deadline = time.Now().Add(soon)
	p, err := s.limiter.Wait(s.Context(), r)
	var e *limit.Error
	if p != nil || !errors.As(err, &e) || !errors.Is(err, context.DeadlineExceeded) {
		s.Fatalf("%v, %v; want it to wait until its deadline", p, err)
	}
}

func nothingMatches(s *suite) {
	s.limits(policy.Limit{Match: policy.Match{Provider: "gemini"}, Concurrency: 1})
	for range 2 {
		if p, err := s.limiter.Wait(s.Context(), request(nil)); p != nil || err != nil {
			s.Errorf("%v, %v", p, err)
		}
	}
}

func concurrency(s *suite) {
	s.limits(policy.Limit{Concurrency: 2})
	first, r := s.admit(nil)
	s.admit(nil)
	s.holdUp(nil)
	first.Release(whole(r))
	s.admit(nil)
	s.holdUp(nil)
}

func allOrNone(s *suite) {
	a := policy.Limit{Name: "a", Match: policy.Match{Tags: map[string]string{"a": "*"}}, Concurrency: 1}
	b := policy.Limit{Name: "b", Match: policy.Match{Tags: map[string]string{"b": "*"}}, Concurrency: 1}
	needs := func(names ...string) func(*limit.Request) {
		return func(r *limit.Request) {
			for _, name := range names {
				r.Tags[name] = "yes"
			}
		}
	}
	s.limits(a, b)
	holder, r := s.admit(needs("a"))
	s.holdUp(needs("a", "b"))
	of, rb := s.admit(needs("b")) // the one before has taken nothing of b
	holder.Release(whole(r))
	s.holdUp(needs("a", "b"))
	of.Release(whole(rb))
	s.admit(needs("a", "b"))
	s.holdUp(needs("a"))
	s.holdUp(needs("b"))
}

func aRate(s *suite) {
	s.limits(policy.Limit{RequestsPerMinute: 1200, Burst: 5})
	begin := time.Now()
	for range 5 {
		p, r := s.admit(nil)
		p.Release(whole(r)) // what was taken of a rate does not come back
	}
	for range 10 {
		if _, err := s.limiter.Wait(s.Context(), request(nil)); err != nil {
			s.Fatal(err)
		}
	}
	if took := time.Since(begin); took < 480*time.Millisecond || took > 2*time.Second {
		s.Errorf("15 requests took %v, want 500ms", took)
	}
}

func aDeadline(s *suite) {
	s.limits(policy.Limit{RequestsPerMinute: 1, Burst: 1})
	s.admit(nil)
	if e := s.refuse(nil); e.Wait < 50*time.Second || e.Wait > time.Minute || e.Left <= 0 || e.Left > time.Second {
		s.Errorf("%+v", e)
	}
}

func moreThanTheLimit(s *suite) {
	s.limits(policy.Limit{TokensPerMinute: 1000, TokenBurst: 10}, policy.Limit{TokensPerMinute: 5000})
	if e := s.refuse(tokens(1001)); e.Asked != 1001 || e.Allowed != 1000 || e.Unit != "tokens per minute" {
		s.Errorf("%+v", e)
	}
}

func moreThanADay(s *suite) {
	s.limits(policy.Limit{TokensPerDay: 5000})
	if e := s.refuse(tokens(5001)); e.Asked != 5001 || e.Allowed != 5000 || e.Unit != "tokens per day" {
		s.Errorf("%+v", e)
	}
	s.admit(tokens(5000))
}

func moreThanTheBurst(s *suite) {
	s.limits(policy.Limit{TokensPerMinute: 60_000, TokenBurst: 100}) // 1000 a second
	begin := time.Now()
	s.admit(tokens(500))
	if _, err := s.limiter.Wait(s.Context(), request(tokens(50))); err != nil {
		s.Fatal(err)
	}
	if took := time.Since(begin); took < 430*time.Millisecond || took > 2*time.Second {
		s.Errorf("the next one waited %v, want 450ms", took)
	}
}

func byDirection(s *suite) {
	use := func(in, out int64) func(*limit.Request) {
		return func(r *limit.Request) { r.Tokens = limit.Tokens{Input: in, Output: out} }
	}
	s.limits(policy.Limit{InputTokensPerMinute: 10, OutputTokensPerMinute: 20, TokenBurst: 10})
	s.admit(use(0, 10))
	s.refuse(use(0, 10))
	s.admit(use(10, 0))
	s.refuse(use(10, 0))
	if e := s.refuse(use(11, 0)); e.Asked != 11 || e.Allowed != 10 {
		s.Errorf("%+v", e)
	}
	s.limits(policy.Limit{TokensPerMinute: 10, TokenBurst: 10}) // of both together
	s.admit(use(4, 4))
	s.refuse(use(2, 2))
}

func aRefund(s *suite) {
	s.limits(policy.Limit{RequestsPerMinute: 1, Burst: 1, TokensPerMinute: 10, TokenBurst: 10})
	p, r := s.admit(tokens(10))
	s.refuse(tokens(10))
	p.Release(limit.Count{Tokens: r.Tokens}) // the request
	s.refuse(tokens(10))
	s.limits(policy.Limit{RequestsPerMinute: 60, Burst: 60, TokensPerMinute: 10, TokenBurst: 10})
	p, _ = s.admit(tokens(10))
	done := make(chan error, 1)
	go func() {
		_, err := s.limiter.Wait(s.Context(), request(tokens(9)))
		done <- err
	}()
	time.Sleep(soon / 3)
	p.Release(limit.Count{Requests: 1, Tokens: limit.Tokens{Input: 1}})
	select {
	case err := <-done: // and not when the rate would have it
		if err != nil {
			s.Error(err)
		}
	case <-time.After(2 * time.Second):
		s.Error("the refund did not wake the waiter")
	}
}

func aCharge(s *suite) {
	s.limits(policy.Limit{TokensPerMinute: 60, TokenBurst: 60})
	p, _ := s.admit(tokens(1))
	p.Release(limit.Count{Requests: 1, Tokens: limit.Tokens{Input: 120}})
	if e := s.refuse(tokens(1)); e.Wait < 55*time.Second || e.Wait > 62*time.Second {
		s.Errorf("%+v, want a wait of a minute and a second for 61 tokens", e)
	}
}

func aDay(s *suite) {
	s.limits(policy.Limit{RequestsPerDay: 2})
	s.admit(nil)
	p, r := s.admit(nil)
	if e := s.refuse(nil); e.Wait < 10*time.Hour || e.Wait > 14*time.Hour {
		s.Errorf("%+v, want a wait until midnight", e)
	}
	p.Release(limit.Count{Tokens: r.Tokens})
	s.admit(nil)
	s.limits(policy.Limit{TokensPerDay: 100})
	p, _ = s.admit(tokens(60))
	s.refuse(tokens(41))
	s.admit(tokens(40))
	p.Release(limit.Count{Requests: 1, Tokens: limit.Tokens{Input: 50}})
	s.admit(tokens(10))
	s.refuse(tokens(1))
}

func keys(s *suite) {
	of := func(tenant, model string) func(*limit.Request) {
		return func(r *limit.Request) { r.Tags["tenant"], r.Subject.Model = tenant, model }
	}
	s.limits(policy.Limit{Per: []string{"model", "tag:tenant"}, Concurrency: 1})
	first, r := s.admit(of("acme", "gpt-5"))
	s.holdUp(of("acme", "gpt-5"))
	s.admit(of("acme", "o3"))
	s.admit(of("other", "gpt-5"))
	first.Release(whole(r))
	s.admit(of("acme", "gpt-5"))
}

func aTier(s *suite) {
	on := func(t policy.Tier) func(*limit.Request) { return func(r *limit.Request) { r.Tier = t } }
	s.limits(policy.Limit{Tier: policy.Flex, Concurrency: 1}, policy.Limit{Concurrency: 100})
	s.admit(on(policy.Flex))
	s.holdUp(on(policy.Flex))
	s.admit(on(policy.Standard))
}

func inOrder(s *suite) {
	s.limits(policy.Limit{Concurrency: 1})
	p, r := s.admit(nil)
	const n = 5
	turn := make(chan int, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			r := request(nil)
			p, err := s.limiter.Wait(s.Context(), r)
			if err != nil {
				s.Error(err)
				return
			}
			turn <- i
			p.Release(whole(r))
		})
		time.Sleep(soon / 5)
	}
	p.Release(whole(r))
	all.Wait()
	for i := range n {
		if got := <-turn; got != i {
			s.Errorf("the %d. that was admitted came as the %d.", i, got)
		}
	}
}

func leavers(s *suite) {
	s.limits(policy.Limit{RequestsPerMinute: 600, Burst: 1})
	s.admit(nil)
	ctx, cancel := context.WithCancel(s.Context())
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if p, err := s.limiter.Wait(ctx, request(nil)); err == nil {
				p.Release(limit.Count{Requests: 1})
			}
		})
	}
	time.Sleep(30 * time.Millisecond)
	cancel()
	all.Wait()
	begin := time.Now()
	if _, err := s.limiter.Wait(s.Context(), request(nil)); err != nil || time.Since(begin) > 100*time.Millisecond+soon {
		s.Errorf("%v after %v, want 100ms", err, time.Since(begin))
	}
}

func interactiveFirst(s *suite) {
	s.limits(policy.Limit{Concurrency: 1})
	p, r := s.admit(nil)
	turn := make(chan policy.Class, 2)
	var all sync.WaitGroup
	for _, class := range []policy.Class{policy.ClassBatch, policy.ClassInteractive} {
		all.Go(func() {
			r := request(func(r *limit.Request) { r.Class = class })
			p, err := s.limiter.Wait(s.Context(), r)
			if err != nil {
				s.Error(err)
				return
			}
			turn <- class
			p.Release(whole(r))
		})
		time.Sleep(soon / 2)
	}
	p.Release(whole(r))
	all.Wait()
	if first := <-turn; first != policy.ClassInteractive {
		s.Errorf("%s goes first", first)
	}
}

// capped returns a budget of ten dollars.
func capped(change func(*policy.Budget)) policy.Budget {
	b := policy.Budget{Name: "b", Window: 24 * time.Hour, Cap: 10 * dollar}
	if change != nil {
		change(&b)
	}
	return b
}

func budgetHolds(s *suite) {
	s.budgets(capped(nil))
	p, _ := s.admit(costs(6 * dollar))
	if e := s.refuseMoney(costs(5 * dollar)); e.Budget != "b" || e.Held != 6*dollar || e.Spent != 0 || e.Cap != 10*dollar || e.Most != 5*dollar {
		s.Errorf("%+v", e)
	}
	s.admit(costs(4 * dollar))
	s.admit(costs(0))
	p.Release(limit.Count{}) // it was never sent
	s.admit(costs(6 * dollar))
}

func budgetSettles(s *suite) {
	s.budgets(capped(nil))
	p, r := s.admit(costs(6 * dollar))
	p.Release(limit.Count{Requests: 1, Row: row(r, 2*dollar, 1*dollar)})
	if e := s.refuseMoney(costs(7*dollar + dollar/1000)); e.Spent != 3*dollar || e.Held != 0 {
		s.Errorf("%+v", e)
	}
	s.admit(costs(7 * dollar))
	s.refuseMoney(costs(dollar / 1000))
}

// An attempt that asks for money only takes nothing from limits, and waits for none of them.
func moneyOnly(s *suite) {
	s.limiter = s.start(s.T, []policy.Limit{{Concurrency: 1, RequestsPerMinute: 60, Burst: 3, RequestsPerDay: 3}}, []policy.Budget{capped(nil)})
	only := func(most price.Pico) func(*limit.Request) {
		return func(r *limit.Request) { r.MoneyOnly, r.Cost = true, ledger.Known(most) }
	}
	p, r := s.admit(nil)
	first, _ := s.admit(only(6 * dollar)) // although the one permit is held
	second, _ := s.admit(only(4 * dollar))
	if e := s.refuseMoney(only(dollar)); e.Held != 10*dollar {
		s.Errorf("%+v", e)
	}
	second.Release(limit.Count{})
	s.admit(only(4 * dollar))
	p.Release(whole(r))
	s.admit(nil) // of rates and the day it has taken nothing
	first.Release(limit.Count{Requests: 1, Tokens: limit.Tokens{Input: 1}})
	s.holdUp(nil) // and it has given no permit back
	s.limits(policy.Limit{Concurrency: 1})
	if p, err := s.limiter.Wait(s.Context(), request(only(dollar))); p != nil || err != nil {
		s.Errorf("without a budget: %v, %v", p, err)
	}
}

// What an attempt adds to the storage of a context cache counts beside its row, once.
func budgetStorage(s *suite) {
	s.budgets(capped(nil))
	storage := func(r *limit.Request, cost ledger.Amount) *ledger.Row {
		kept := row(r, 0, 0)
		kept.Call, kept.Operation, kept.Outcome, kept.Cost = r.Call+" storage", "cache_storage", policy.Storage, cost
		if !cost.Known {
			kept.Exposure, kept.Unpriced = ledger.Amount{}, "it is not known"
		}
		return kept
	}
	p, r := s.admit(costs(6 * dollar))
	p.Release(limit.Count{Requests: 1, Row: row(r, dollar, 0), Storage: storage(r, ledger.Known(2*dollar))})
	if e := s.refuseMoney(costs(8 * dollar)); e.Spent != 3*dollar || e.Held != 0 {
		s.Errorf("%+v", e)
	}
	p, r = s.admit(costs(3 * dollar))
	p.Release(limit.Count{Requests: 1, Row: row(r, dollar, 0), Storage: storage(r, ledger.Amount{})}) // at most what is left of what was held
	if e := s.refuseMoney(costs(5 * dollar)); e.Spent != 6*dollar || e.Held != 0 {
		s.Errorf("%+v", e)
	}
	s.admit(costs(4 * dollar))
}

func budgetWaits(s *suite) {
	s.budgets(capped(nil))
	p, r := s.admit(costs(10 * dollar))
	patient := func(wait time.Duration, most price.Pico) func(*limit.Request) {
		return func(r *limit.Request) { r.MaxWait, r.Cost = wait, ledger.Known(most) }
	}
	begin := time.Now()
	var e *budget.Error
	if _, err := s.limiter.Wait(s.Context(), request(patient(soon, dollar))); !errors.As(err, &e) || time.Since(begin) < soon*9/10 {
		s.Errorf("%v after %v", err, time.Since(begin))
	}
	time.AfterFunc(soon, func() { p.Release(limit.Count{Requests: 1, Row: row(r, 6*dollar, 0)}) })
	if _, err := s.limiter.Wait(s.Context(), request(patient(5*time.Second, 4*dollar))); err != nil {
		s.Error(err)
	}
	if e := s.refuseMoney(patient(5*time.Second, 5*dollar)); e.Spent != 6*dollar {
		s.Errorf("%+v", e)
	}
}

func budgetNoBound(s *suite) {
	s.budgets(capped(nil))
	e := s.refuseMoney(func(r *limit.Request) { r.Cost, r.NoBound = ledger.Amount{}, "it has no price" })
	if e.NoBound != "it has no price" || e.Budget != "b" {
		s.Errorf("%+v", e)
	}
}

func budgetCheapest(s *suite) {
	s.budgets(capped(func(b *policy.Budget) { b.CheapestPercent = 50 }))
	p, r := s.admit(costs(5 * dollar))
	p.Release(limit.Count{Requests: 1, Row: row(r, 5*dollar, 0)})
	if e := s.refuseMoney(func(r *limit.Request) { r.Cost, r.Cheapest = ledger.Known(dollar), false }); !e.OnlyCheapest {
		s.Errorf("%+v", e)
	}
	s.admit(costs(dollar))
}

func budgetAndLimit(s *suite) {
	s.limiter = s.start(s.T, []policy.Limit{{Concurrency: 1}}, []policy.Budget{capped(func(b *policy.Budget) { b.Per = []string{"tag:tenant"} })})
	p, r := s.admit(costs(10 * dollar))
	s.holdUp(func(r *limit.Request) { r.Cost, r.Tags["tenant"] = ledger.Known(10*dollar), "other" }) // takes nothing of its budget
	p.Release(limit.Count{Requests: 1, Row: row(r, 10*dollar, 0)})
	if e := s.refuseMoney(costs(dollar)); e.Key == "" {
		s.Errorf("%+v", e)
	}
	s.admit(func(r *limit.Request) { r.Cost, r.Tags["tenant"] = ledger.Known(10*dollar), "other" }) // its refusal took no permit
}

// row returns the row of a request's attempt.
func row(r *limit.Request, cost, exposure price.Pico) *ledger.Row {
	row := &ledger.Row{Call: r.Call, Attempt: r.Attempt, At: time.Now().UTC(), Provider: r.Subject.Provider, Operation: r.Subject.Operation,
		Model: r.Subject.Model, AskedTier: r.Tier, Outcome: policy.Billed, Cost: ledger.Known(cost), Tags: r.Tags}
	if exposure > 0 {
		row.Outcome, row.Exposure = policy.Partial, ledger.Known(exposure)
	}
	return row
}

// aCrowd has attempts come, leave and end at random, and holds what is admitted against an [Audit].
func aCrowd(s *suite) {
	limits := []policy.Limit{
		{Name: "all", RequestsPerMinute: 30_000, Burst: 20, Concurrency: 8},
		{Name: "tenant", Per: []string{"tag:tenant"}, TokensPerMinute: 600_000, TokenBurst: 500, Concurrency: 4},
	}
	budgets := []policy.Budget{{Name: "all", Window: 24 * time.Hour, Cap: 400 * dollar}}
	if s.lacks&Tokens != 0 {
		limits[1].TokensPerMinute, limits[1].TokenBurst = 0, 0
	}
	if s.lacks&Budgets != 0 {
		budgets = nil
	}
	s.limiter = s.start(s.T, limits, budgets)
	audit := NewAudit(limits, budgets)
	audit.Slack = soon
	seed := rand.Uint64()
	s.Logf("seed %d", seed)
	ctx, stop := context.WithTimeout(s.Context(), time.Second)
	defer stop()
	var all sync.WaitGroup
	for i := range 16 {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() {
			for ctx.Err() == nil {
				attempt(ctx, s.limiter, audit, random)
			}
		})
	}
	all.Wait()
	if err := audit.Err(); err != nil {
		s.Error(err)
	}
	if audit.Count() < 50 {
		s.Errorf("%d were admitted in a second", audit.Count())
	}
	// No permit is lost.
	for i := range 8 {
		s.admit(func(r *limit.Request) { r.Tags["tenant"] = fmt.Sprint("after ", i) })
		time.Sleep(5 * time.Millisecond)
	}
}

// attempt is one attempt of a crowd.
func attempt(ctx context.Context, l limit.Limiter, audit *Audit, random *rand.Rand) {
	r := request(func(r *limit.Request) {
		r.Tags["tenant"] = strconv.Itoa(random.IntN(3))
		r.Tokens = limit.Tokens{Input: random.Int64N(200), Output: random.Int64N(200)}
		r.Cost, r.MaxWait = ledger.Known(price.Pico(random.IntN(20))*dollar), time.Second
		if random.IntN(4) == 0 {
			r.Class = policy.ClassBatch
		}
	})
	if random.IntN(3) == 0 {
		short, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(20))*time.Millisecond)
		defer cancel()
		ctx = short
	}
	p, err := l.Wait(ctx, r)
	if err != nil {
		time.Sleep(time.Millisecond)
		return
	}
	audit.Admitted(r)
	time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond)
	c := limit.Count{Requests: random.IntN(2), Tokens: limit.Tokens{Input: random.Int64N(250), Output: random.Int64N(250)}}
	if c.Requests == 1 {
		c.Row = row(r, price.Pico(random.Int64N(int64(r.Cost.Pico)/100+1)), 0)
	}
	audit.Release(p, r, c)
}
