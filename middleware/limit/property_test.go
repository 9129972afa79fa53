package limit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/middleware/limit/limittest"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// Attempts of all kinds come, leave and end at random, at random limits and budgets with and without keys. Nothing is ever
// admitted beyond a limit or a cap, each class of a line keeps its order, every attempt is admitted, refused or leaves, and in
// the end everything is as at first: no permit, token or money is lost.
func TestRandomAttempts(t *testing.T) {
	rounds := 60
	if testing.Short() || raceEnabled {
		rounds = 10
	}
	for range rounds {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			m := newMob(t, seed)
			m.run()
			m.check()
		})
	}
}

// Limits and budgets are replaced while attempts come, wait and hold permits. No attempt waits for ever, and none is lost.
func TestRandomUpdates(t *testing.T) {
	rounds := 20
	if testing.Short() || raceEnabled {
		rounds = 5
	}
	for range rounds {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			m := newMob(t, seed)
			m.updates = true
			m.run()
			m.check()
		})
	}
}

// A mob is random attempts at random limits and budgets.
type mob struct {
	*testing.T
	seed    uint64
	random  *rand.Rand
	limits  []policy.Limit
	budgets []policy.Budget
	limiter *limit.Local
	audit   *limittest.Audit
	updates bool // limits and budgets are replaced, of which the audit knows nothing

	mu   sync.Mutex
	all  []*one
	last map[string]*one // of each line, the one that was admitted last
}

// A one is an attempt of a mob.
type one struct {
	limit.Request
	line    string
	came    int
	decided bool
	at      time.Time // when it was admitted
}

func newMob(t *testing.T, seed uint64) *mob {
	m := &mob{T: t, seed: seed, random: rand.New(rand.NewPCG(seed, 2)), last: map[string]*one{}}
	for i := range 1 + m.random.IntN(4) {
		m.limits = append(m.limits, m.limit(i))
	}
	for i := range m.random.IntN(3) {
		b := policy.Budget{Name: strconv.Itoa(i), Match: m.match(), Per: m.per(), Window: 1000 * time.Hour, Cap: price.Pico(50+m.random.IntN(500)) * dollar}
		m.budgets = append(m.budgets, b)
	}
	m.limiter = limit.NewLocal(m.limits, m.budgets)
	m.audit = limittest.NewAudit(m.limits, m.budgets)
	return m
}

// limit returns a random limit.
func (m *mob) limit(i int) policy.Limit {
	l := policy.Limit{Name: strconv.Itoa(i), Match: m.match(), Per: m.per()}
	if m.random.IntN(2) == 0 {
		l.RequestsPerMinute, l.Burst = 1+m.random.IntN(2000), m.random.IntN(5)
	}
	if m.random.IntN(3) == 0 {
		l.TokensPerMinute, l.TokenBurst = 1000+m.random.Int64N(50_000), m.random.Int64N(1000)
	}
	if m.random.IntN(4) == 0 {
		l.InputTokensPerMinute, l.OutputTokensPerMinute = 500+m.random.Int64N(20_000), 500+m.random.Int64N(20_000)
	}
	if limit.Describe(l) == " ("+l.Name+")" || m.random.IntN(2) == 0 {
		l.Concurrency = 1 + m.random.IntN(5)
	}
	return l
}

// match returns what a random limit or budget selects.
func (m *mob) match() (match policy.Match) {
	if m.random.IntN(2) == 0 {
		match.Model = "m" + strconv.Itoa(m.random.IntN(2))
	}
	if m.random.IntN(3) == 0 {
		match.Tags = map[string]string{"tenant": strconv.Itoa(m.random.IntN(3))}
	}
	return match
}

// per returns what a random limit or budget keeps apart.
func (m *mob) per() []string {
	return [][]string{nil, nil, {"model"}, {"tag:tenant"}, {"key", "model"}}[m.random.IntN(5)]
}

// run has the attempts come, and returns when all have ended.
func (m *mob) run() {
	var all sync.WaitGroup
	for i := range 400 {
		o := &one{came: i, Request: limit.Request{
			Subject: policy.Subject{Model: "m" + strconv.Itoa(m.random.IntN(2))}, Key: strconv.Itoa(m.random.IntN(2)),
			Tags: map[string]string{"tenant": strconv.Itoa(m.random.IntN(3))}, Call: strconv.Itoa(i), Attempt: 1,
			Class:  []policy.Class{"", policy.ClassInteractive, policy.ClassBatch}[m.random.IntN(3)],
			Tokens: limit.Tokens{Input: m.random.Int64N(400), Output: m.random.Int64N(400)},
			Cost:   ledger.Known(price.Pico(m.random.IntN(30)) * dollar), Cheapest: true,
			MaxWait: time.Duration(m.random.IntN(600)) * time.Second,
		}}
		o.line = fmt.Sprint(o.Model(), o.Key, o.Tags["tenant"], o.Class == policy.ClassBatch)
		ctx, cancel := context.WithCancel(m.Context())
		switch pause := time.Duration(m.random.IntN(20_000)) * time.Millisecond; m.random.IntN(6) {
		case 0:
			time.AfterFunc(pause, cancel)
		case 1:
			o.Deadline = time.Now().Add(pause)
		}
		m.all = append(m.all, o)
		hold := time.Duration(m.random.IntN(3000)) * time.Millisecond
		c := limit.Count{Requests: m.random.IntN(2), Tokens: limit.Tokens{Input: m.random.Int64N(500), Output: m.random.Int64N(500)}}
		if m.random.IntN(2) == 0 {
			c.Row = &ledger.Row{Call: o.Call, Attempt: 1, At: time.Now(), Outcome: policy.Billed, Cost: ledger.Known(o.Cost.Pico / price.Pico(1+m.random.IntN(20)))}
		}
		all.Go(func() {
			defer cancel()
			m.attempt(ctx, o, hold, c)
		})
		synctest.Wait() // it stands in its line before the next one comes
		if m.updates && m.random.IntN(20) == 0 {
			m.update()
		}
		if m.random.IntN(3) == 0 {
			time.Sleep(time.Duration(m.random.IntN(500)) * time.Millisecond)
		}
	}
	time.Sleep(12 * time.Hour)
	synctest.Wait()
	for _, o := range m.all {
		if !o.decided {
			m.Fatalf("seed %d: %+v still waits: %+v", m.seed, o, m.limiter.States())
		}
	}
	all.Wait()
}

// update changes figures, and leaves a limit out or adds another one.
func (m *mob) update() {
	for i := range m.limits {
		if l := &m.limits[i]; l.Concurrency > 0 {
			l.Concurrency = 1 + m.random.IntN(5)
		}
		if l := &m.limits[i]; l.RequestsPerMinute > 0 {
			l.RequestsPerMinute = 100 + m.random.IntN(2000)
		}
	}
	for i := range m.budgets {
		m.budgets[i].Cap = price.Pico(50+m.random.IntN(500)) * dollar
	}
	if n := m.random.IntN(len(m.limits)); m.random.IntN(2) == 0 {
		m.limits[n] = m.limit(n)
	}
	if err := m.limiter.Update(slices.Clone(m.limits), slices.Clone(m.budgets), false); err != nil {
		m.Error(err)
	}
}

// Model returns the model that an attempt asks for.
func (o *one) Model() string { return o.Subject.Model }

// attempt waits, holds the permit for a time, and gives it back.
func (m *mob) attempt(ctx context.Context, o *one, hold time.Duration, c limit.Count) {
	p, err := m.limiter.Wait(ctx, &o.Request)
	m.note(o, p, err, ctx.Err() != nil)
	switch {
	case err != nil || p == nil:
	case m.updates:
		time.Sleep(hold)
		p.Release(c)
	default:
		m.audit.Admitted(&o.Request)
		time.Sleep(hold)
		m.audit.Release(p, &o.Request, c)
	}
}

// note looks at how a wait has ended.
func (m *mob) note(o *one, p limit.Permit, err error, left bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o.decided, o.at = true, time.Now()
	var poor *budget.Error
	if err != nil {
		if o.Deadline.IsZero() && !left && !isTooLarge(err) && !errors.As(err, &poor) {
			m.Errorf("seed %d: %+v: %v", m.seed, o, err)
		}
		return
	}
	if p == nil || m.updates {
		return
	}
	last := m.last[o.line]
	if last == nil || o.came > last.came {
		m.last[o.line] = o
	} else if last.at.Before(o.at) {
		m.Errorf("seed %d: attempt %d was admitted before %d, of the same line", m.seed, last.came, o.came)
	}
}

// isTooLarge reports whether an attempt needs more than a limit ever admits.
func isTooLarge(err error) bool {
	var e *limit.Error
	return errors.As(err, &e) && e.Asked > e.Allowed
}

// check looks at what has happened, and at what is left.
func (m *mob) check() {
	if err := m.audit.Err(); err != nil && !m.updates {
		m.Errorf("seed %d: %v", m.seed, err)
	}
	for _, s := range m.limiter.States() {
		if s.Busy != 0 || s.Waiting != 0 {
			m.Errorf("seed %d: in the end: %+v", m.seed, s)
		}
		for _, l := range s.Levels {
			if l.Left != l.Most {
				m.Errorf("seed %d: in the end: %+v", m.seed, s)
			}
		}
	}
	for _, s := range m.limiter.Budgets() {
		if s.Held != 0 {
			m.Errorf("seed %d: in the end: %+v", m.seed, s)
		}
	}
	if n := m.limiter.Queues(); n != 0 {
		m.Errorf("seed %d: %d lines, queues and alarms in the end", m.seed, n)
	}
}
