package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A faulty client loses answers, and is slow: the server has done what it was asked, and the caller does not learn it.
type faulty struct {
	lose atomic.Int32 // so many of the next answers
	slow atomic.Int32 // so many of the next commands wait for some milliseconds
}

func (f *faulty) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (f *faulty) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		err := next(ctx, cmd)
		return f.spoil(err, cmd)
	}
}

func (f *faulty) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		err := next(ctx, cmds)
		return f.spoil(err, cmds...)
	}
}

func (f *faulty) spoil(err error, cmds ...goredis.Cmder) error {
	if f.slow.Add(-1) >= 0 {
		time.Sleep(3 * time.Millisecond)
	}
	if err != nil || f.lose.Add(-1) < 0 {
		return err
	}
	lost := &net.OpError{Op: "read", Err: errors.New("the answer was lost")}
	for _, c := range cmds {
		c.SetErr(lost)
	}
	return lost
}

// The figures of the model. A token comes back once in 6 seconds, which is longer than a run takes.
const (
	modelBurst   = 10
	modelTokens  = 1000
	modelPermits = 4
	modelCap     = 10 * dollar
)

var (
	modelLimits = []policy.Limit{{Name: "rates", RequestsPerMinute: 10, Burst: modelBurst, TokensPerMinute: modelTokens, TokenBurst: modelTokens},
		{Name: "permits", Concurrency: modelPermits}}
	modelBudgets = []policy.Budget{{Name: "sliding", Window: time.Hour, Cap: modelCap}, {Name: "calendar", Every: policy.EveryMonth, Cap: modelCap}}
)

// A world is a limiter under test, with what can go wrong around it.
type world struct {
	limiter func() limit.Limiter // of one of the processes
	flush   func()               // returns when all ends of attempts are sent
	fault   func(*rapid.T)       // nil: nothing goes wrong
	crash   func()               // the process of limiter dies; nil: it does not
	again   bool                 // an attempt may be asked for again
}

// A held is an attempt under way.
type held struct {
	permit  limit.Permit
	request *limit.Request
}

// A model is what there must be.
type model struct {
	world
	live     []held
	ended    []held
	crashed  int
	dead     price.Pico // held by processes that have died
	spent    price.Pico
	requests int64
	tokens   int64
	began    time.Time
}

// draw returns a request of the model.
func (m *model) draw(t *rapid.T) *limit.Request {
	r := newRequest(price.Pico(rapid.IntRange(0, 40).Draw(t, "most")) * dollar / 10)
	r.Tokens = limit.Tokens{Input: rapid.Int64Range(0, 150).Draw(t, "input"), Output: rapid.Int64Range(0, 150).Draw(t, "output")}
	r.Deadline = time.Now().Add(15 * time.Millisecond)
	return r
}

func (m *model) held() (sum price.Pico) {
	for _, h := range m.live {
		sum += h.request.Cost.Pico
	}
	return sum + m.dead
}

// refilled is how much may have come back meanwhile of a rate.
func (m *model) refilled(perMinute int64) int64 {
	return int64(time.Since(m.began).Minutes()*float64(perMinute)) + 1
}

func (m *model) Wait(t *rapid.T) {
	r := m.draw(t)
	p, err := m.limiter().Wait(context.Background(), r)
	fits := m.spent+m.held()+r.Cost.Pico <= modelCap && len(m.live)+m.crashed < modelPermits &&
		m.requests+1 <= modelBurst && m.tokens+r.Tokens.Input+r.Tokens.Output <= modelTokens
	if err != nil {
		if fits && m.fault == nil {
			t.Fatalf("refused, and it fits: %v", err)
		}
		return
	}
	m.live = append(m.live, held{p, r})
	m.requests++
	m.tokens += r.Tokens.Input + r.Tokens.Output
	m.check(t)
}

func (m *model) Release(t *rapid.T) {
	if len(m.live) == 0 {
		t.Skip("nothing is under way")
	}
	i := rapid.IntRange(0, len(m.live)-1).Draw(t, "which")
	h := m.live[i]
	m.live = append(m.live[:i], m.live[i+1:]...)
	c := limit.Count{Requests: rapid.IntRange(0, 1).Draw(t, "requests"), Tokens: limit.Tokens{Input: rapid.Int64Range(0, 200).Draw(t, "used")}}
	if rapid.Bool().Draw(t, "sent") {
		cost := h.request.Cost.Pico * price.Pico(rapid.IntRange(0, 10).Draw(t, "cost")) / 10
		c.Row = rowOf(h.request, cost)
		if rapid.Bool().Draw(t, "cut") {
			c.Row.Outcome, c.Row.Exposure = policy.Partial, ledger.Known(h.request.Cost.Pico-cost)
			cost = h.request.Cost.Pico
		}
		m.spent += cost
	}
	h.permit.Release(c)
	m.requests += int64(c.Requests) - 1
	m.tokens += c.Tokens.Input - h.request.Tokens.Input - h.request.Tokens.Output
	m.ended = append(m.ended, h)
	m.flush()
	m.check(t)
}

// Again asks for an attempt that is under way a second time, as a process does whose first answer was lost.
func (m *model) Again(t *rapid.T) {
	if len(m.live) == 0 || !m.again {
		t.Skip("nothing is under way")
	}
	h := m.live[rapid.IntRange(0, len(m.live)-1).Draw(t, "which")]
	r := *h.request
	r.Deadline = time.Time{}
	_, err := m.limiter().Wait(context.Background(), &r)
	var unknown *redis.UnavailableError
	if err != nil && (m.fault == nil || !errors.As(err, &unknown)) {
		t.Fatalf("asked for again: %v", err)
	}
	m.check(t)
}

func (m *model) Fault(t *rapid.T) {
	if m.fault == nil {
		t.Skip("nothing goes wrong")
	}
	m.fault(t)
}

func (m *model) Crash(t *rapid.T) {
	if m.world.crash == nil || m.crashed > 0 || len(m.live) == 0 {
		t.Skip("no process dies")
	}
	m.dead, m.crashed = m.held(), len(m.live)
	m.live = nil
	m.world.crash()
	m.check(t)
}

// check asks how the budgets stand, and compares.
func (m *model) check(t *rapid.T) {
	m.flush()
	if m.spent+m.held() > modelCap {
		t.Fatalf("%v spent and %v held, of %v", m.spent, m.held(), modelCap)
	}
	if over := m.requests - modelBurst; over > m.refilled(10) {
		t.Fatalf("%d requests too many", over)
	}
	probe := newRequest(modelCap + dollar)
	_, err := m.limiter().Wait(context.Background(), probe)
	var e *budget.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v, want the refusal of more than the cap", err)
	}
	probe = newRequest(modelCap - m.spent - m.held() + 1_000_000)
	probe.Deadline = time.Now().Add(15 * time.Millisecond)
	if _, err = m.limiter().Wait(context.Background(), probe); err == nil {
		t.Fatal("more than what is left was admitted")
	}
	if errors.As(err, &e) && (e.Spent != m.spent || e.Held != m.held()) && e.Most <= modelCap {
		t.Fatalf("%v spent and %v held, want %v and %v", e.Spent, e.Held, m.spent, m.held())
	}
}

// TestModel holds the limiter of one process and that of Redis against a model, under whatever is done to them.
func TestModel(t *testing.T) {
	t.Run("local", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			l := limit.NewLocal(modelLimits, modelBudgets)
			runModel(t, world{limiter: func() limit.Limiter { return l }, flush: func() {}})
		})
	})
	server := redistest.Start(t)
	client := newClient(t, server.Addr())
	t.Run("Redis", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) { runModel(rt, newWorld(t, rt, client, nil)) })
	})
	t.Run("Redis with faults", func(t *testing.T) {
		f := new(faulty)
		spoiled := newClient(t, server.Addr())
		spoiled.AddHook(f)
		rapid.Check(t, func(rt *rapid.T) { runModel(rt, newWorld(t, rt, spoiled, f)) })
	})
}

func runModel(t *rapid.T, w world) {
	m := &model{world: w, began: time.Now()}
	t.Repeat(map[string]func(*rapid.T){"wait": m.Wait, "release": m.Release, "again": m.Again, "fault": m.Fault, "crash": m.Crash})
}

// newWorld returns two processes on one server. If f is not nil, answers are lost.
func newWorld(t *testing.T, rt *rapid.T, client goredis.UniversalClient, f *faulty) world {
	group := newGroup()
	var stores, all []*redis.Store
	var limiters []limit.Limiter
	add := func() {
		s, err := redis.New(client, redis.Config{Group: group, Replicas: 2, Logger: discard})
		if err != nil {
			rt.Fatal(err)
		}
		l, err := s.Limiter(modelLimits, modelBudgets)
		if err != nil {
			rt.Fatal(err)
		}
		if err := s.Rebuild(context.Background(), nil); err != nil {
			rt.Fatal(err)
		}
		stores, all, limiters = append(stores, s), append(all, s), append(limiters, l)
	}
	if f != nil {
		f.lose.Store(0)
		f.slow.Store(0)
	}
	add()
	add()
	rt.Cleanup(func() {
		for _, s := range all {
			ctx, stop := context.WithTimeout(context.Background(), time.Second)
			_ = s.Close(ctx)
			stop()
		}
	})
	turn := 0
	w := world{
		limiter: func() limit.Limiter { turn++; return limiters[turn%len(limiters)] },
		flush: func() {
			if f != nil {
				f.lose.Store(0)
				f.slow.Store(0)
			}
			for _, s := range stores {
				for s.Stats().Down {
					time.Sleep(5 * time.Millisecond)
				}
				ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
				if err := s.Flush(ctx); err != nil {
					rt.Fatal(fmt.Errorf("flush: %w", err))
				}
				stop()
			}
		},
		crash: func() { // all processes: new ones take their place
			limiters, stores = nil, nil
			add()
			add()
		},
		again: true,
	}
	if f != nil {
		w.fault = func(t *rapid.T) {
			f.lose.Store(int32(rapid.IntRange(0, 2).Draw(t, "lose")))
			f.slow.Store(int32(rapid.IntRange(0, 3).Draw(t, "slow")))
		}
	}
	return w
}
