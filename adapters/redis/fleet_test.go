package redis_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

const dollar = price.USD

// attempts numbers the calls of all tests.
var attempts struct {
	sync.Mutex
	n int
}

// newRequest returns a request that can cost so much.
func newRequest(most price.Pico) *limit.Request {
	attempts.Lock()
	defer attempts.Unlock()
	attempts.n++
	return &limit.Request{Subject: policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}, Call: fmt.Sprint("call-", attempts.n),
		Attempt: 1, Cost: ledger.Known(most), Cheapest: true}
}

// rowOf returns the row of an attempt.
func rowOf(r *limit.Request, cost price.Pico) *ledger.Row {
	return &ledger.Row{Call: r.Call, Attempt: r.Attempt, At: time.Now().UTC(), Provider: r.Subject.Provider, Operation: r.Subject.Operation,
		Model: r.Subject.Model, Outcome: policy.Billed, Cost: ledger.Known(cost), Tags: r.Tags}
}

func mustWait(t testing.TB, l limit.Limiter, r *limit.Request) limit.Permit {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	p, err := l.Wait(ctx, r)
	if err != nil || p == nil {
		t.Fatalf("%v, %v", p, err)
	}
	return p
}

// spent returns how a budget stands, from the refusal of an attempt that costs all of the cap.
func spent(t testing.TB, l limit.Limiter, limit price.Pico) (spent, held price.Pico) {
	t.Helper()
	_, err := l.Wait(t.Context(), newRequest(limit))
	var e *budget.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v, want the refusal of a budget", err)
	}
	return e.Spent, e.Held
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not happen within 10s: %s", what)
		}
	}
}

var (
	daily = []policy.Budget{{Name: "daily", Window: 24 * time.Hour, Cap: 10 * dollar}}
	two   = []policy.Limit{{Name: "two", Concurrency: 2}}
)

// Two processes share what there is.
func TestFleet(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	group := newGroup()
	one := newStore(t, client, redis.Config{Group: group, Replicas: 2})
	other := newStore(t, client, redis.Config{Group: group, Replicas: 2})
	l, m := limiterOf(t, one, two, daily), limiterOf(t, other, two, daily)
	first, second := newRequest(4*dollar), newRequest(4*dollar)
	p, q := mustWait(t, l, first), mustWait(t, m, second)
	if s, h := spent(t, m, 10*dollar); s != 0 || h != 8*dollar {
		t.Errorf("%v spent, %v held", s, h)
	}
	late := newRequest(dollar)
	late.Deadline = time.Now().Add(50 * time.Millisecond)
	var e *limit.Error
	if _, err := m.Wait(t.Context(), late); !errors.As(err, &e) {
		t.Errorf("%v, want the limit on concurrency", err)
	}
	p.Release(limit.Count{Requests: 1, Row: rowOf(first, 3*dollar)})
	p.Release(limit.Count{Requests: 1, Row: rowOf(first, 3*dollar)}) // does nothing
	third := mustWait(t, m, newRequest(2*dollar))
	third.Release(limit.Count{})
	q.Release(limit.Count{Requests: 1, Row: rowOf(second, dollar)})
	eventually(t, "the ends are sent", func() bool { return one.Stats().Queued+other.Stats().Queued == 0 })
	if s, h := spent(t, l, 10*dollar); s != 4*dollar || h != 0 {
		t.Errorf("%v spent, %v held", s, h)
	}
}

// What a process held that has died comes back, or counts as spent until the attempt's end is known.
func TestDeath(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	c := redis.Config{Group: newGroup(), Replicas: 2, Lease: time.Second}
	dead, alive := newStore(t, client, c), newStore(t, client, c)
	l, m := limiterOf(t, dead, two, daily), limiterOf(t, alive, two, daily)
	kept := newRequest(dollar)
	mustWait(t, m, kept)
	lost := newRequest(4 * dollar)
	mustWait(t, l, lost)
	dead.Close(t.Context())
	eventually(t, "its lease ends", func() bool { return alive.Stats().Expired == 1 })
	if s, h := spent(t, m, 10*dollar); s != 4*dollar || h != dollar {
		t.Errorf("%v spent, %v held", s, h)
	}
	p := mustWait(t, m, newRequest(dollar)) // the permit has come back, and that of the living is still held
	late := newRequest(dollar)
	late.Deadline = time.Now().Add(50 * time.Millisecond)
	if _, err := m.Wait(t.Context(), late); err == nil {
		t.Error("a third permit")
	}
	p.Release(limit.Count{})
	row := rowOf(lost, dollar/2)
	row.Settles = true
	m.(limit.Spender).Spend(row)
	m.(limit.Spender).Spend(row)
	alive.Flush(t.Context())
	if s, h := spent(t, m, 10*dollar); s != dollar/2 || h != dollar {
		t.Errorf("after the bill: %v spent, %v held", s, h)
	}
}

// A reserve for the same attempt is answered the same, and takes once.
func TestIdempotent(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	store := newStore(t, client, redis.Config{})
	l := limiterOf(t, store, two, daily)
	r := newRequest(4 * dollar)
	mustWait(t, l, r)
	p := mustWait(t, l, r)
	if s, h := spent(t, l, 10*dollar); s != 0 || h != 4*dollar {
		t.Errorf("%v spent, %v held", s, h)
	}
	p.Release(limit.Count{Requests: 1, Row: rowOf(r, dollar)})
	store.Flush(t.Context())
	l.(limit.Spender).Spend(rowOf(r, dollar))
	store.Flush(t.Context())
	if s, h := spent(t, l, 10*dollar); s != dollar || h != 0 {
		t.Errorf("%v spent, %v held", s, h)
	}
}

// The figures of limits and budgets can change, and what is used remains.
func TestChangedFigures(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	c := redis.Config{Group: newGroup()}
	store := newStore(t, client, c)
	limits := []policy.Limit{{RequestsPerMinute: 60, Burst: 10, RequestsPerDay: 100}}
	l := limiterOf(t, store, limits, daily)
	for range 10 {
		r := newRequest(dollar / 2)
		mustWait(t, l, r).Release(limit.Count{Requests: 1, Row: rowOf(r, dollar/2)})
	}
	store.Flush(t.Context())
	limits[0].Burst = 8
	raised := []policy.Budget{daily[0]}
	raised[0].Cap = 6 * dollar
	l = limiterOf(t, store, limits, raised)
	if s, _ := spent(t, l, 6*dollar); s != 5*dollar {
		t.Errorf("%v spent", s)
	}
	r := newRequest(0)
	r.Deadline = time.Now().Add(time.Second)
	var e *limit.Error
	if _, err := l.Wait(t.Context(), r); !errors.As(err, &e) || e.Wait < time.Second || e.Wait > 4*time.Second {
		t.Errorf("%v, want a wait of 3s, for 2 above the burst and 1", err)
	}
}

// lines collects what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), s)
}

func newLog() (*slog.Logger, *lines) {
	l := new(lines)
	return slog.New(slog.NewTextHandler(l, nil)), l
}

// A server that hangs or is gone holds no attempt up for long: this process's share admits it, or a budget refuses it. What was
// admitted meanwhile counts when the server is back.
func TestOutage(t *testing.T) {
	for name, hang := range map[string]bool{"hangs": true, "is killed": false} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Persistent())
			logger, log := newLog()
			store := newStore(t, newClient(t, server.Addr()), redis.Config{Replicas: 2, Logger: logger})
			limits := []policy.Limit{{RequestsPerMinute: 60, Burst: 20}, {Name: "c", Concurrency: 4}}
			budgets := []policy.Budget{{Name: "b", Match: policy.Match{Tags: map[string]string{"paid": "*"}}, Every: policy.EveryMonth, Cap: 10 * dollar}}
			l := limiterOf(t, store, limits, budgets)
			before := newRequest(0)
			early := mustWait(t, l, before)
			stop(t, server, hang)
			refusesMoney(t, l)
			early.Release(limit.Count{Requests: 1})
			var held []limit.Permit
			for range 2 { // half of 4
				held = append(held, mustWait(t, l, newRequest(0)))
			}
			late := newRequest(0)
			late.Deadline = time.Now().Add(20 * time.Millisecond)
			var e *limit.Error
			if _, err := l.Wait(t.Context(), late); !errors.As(err, &e) || !strings.Contains(e.Error(), "the share of this process") {
				t.Errorf("%v, want the limit of the share", err)
			}
			held[0].Release(limit.Count{Requests: 1})
			for range 8 { // with the two before, half of the burst
				mustWait(t, l, newRequest(0)).Release(limit.Count{Requests: 1})
			}
			start(t, server, hang)
			eventually(t, "Redis is back", func() bool { return !store.Stats().Down })
			store.Flush(t.Context())
			if n := admittedAtOnce(t, l, held[1]); n < 8 || n > 13 {
				t.Errorf("%d were admitted after the outage, want about 9", n)
			}
			if s := store.Stats(); s.Downs != 1 || s.Local != 10 || s.Refused < 1 || s.Losses != 0 {
				t.Errorf("%+v", s)
			}
			if down, up := log.count("cannot be reached"), log.count("Redis is back"); down != 1 || up != 1 {
				t.Errorf("logged %d times down, %d times up:\n%s", down, up, log.text.String())
			}
		})
	}
}

// refusesMoney expects that an attempt which costs money is refused soon, because it is not known what is left.
func refusesMoney(t *testing.T, l limit.Limiter) {
	t.Helper()
	begin := time.Now()
	r := newRequest(dollar)
	r.Tags = map[string]string{"paid": "yes"}
	var unknown *redis.UnavailableError
	if _, err := l.Wait(t.Context(), r); !errors.As(err, &unknown) || unknown.Budget != "b" {
		t.Errorf("%v, want a refusal because it is not known what is left", err)
	}
	if took := time.Since(begin); took > 1500*time.Millisecond {
		t.Errorf("the refusal took %v", took)
	}
}

// admittedAtOnce returns how many attempts are admitted without a wait: of a burst of 20, 11 are used. Of the 4 permits, one is
// still held.
func admittedAtOnce(t *testing.T, l limit.Limiter, held limit.Permit) (n int) {
	t.Helper()
	for {
		r := newRequest(0)
		r.Deadline = time.Now().Add(100 * time.Millisecond)
		p, err := l.Wait(t.Context(), r)
		if err != nil {
			return n
		}
		if n++; n > 3 {
			p.Release(limit.Count{Requests: 1})
		}
		if n == 3 {
			over := newRequest(0)
			over.Deadline = time.Now().Add(30 * time.Millisecond)
			if _, err := l.Wait(t.Context(), over); err == nil {
				t.Error("a fifth permit")
			}
			held.Release(limit.Count{Requests: 1})
		}
	}
}

func stop(t *testing.T, s *redistest.Server, hang bool) {
	t.Helper()
	err := s.Kill
	if hang {
		err = s.Stop
	}
	if err := err(); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, s *redistest.Server, hang bool) {
	t.Helper()
	err := s.Restart
	if hang {
		err = s.Continue
	}
	if err := err(); err != nil {
		t.Fatal(err)
	}
}

// The part of a budget that is set aside pays while Redis is away, and what it paid counts in Redis afterwards.
func TestBudgetShare(t *testing.T) {
	server := redistest.Start(t, redistest.Persistent())
	store := newStore(t, newClient(t, server.Addr()), redis.Config{Replicas: 2, BudgetShare: 20})
	l := limiterOf(t, store, nil, daily)
	if s, h := spent(t, l, 9*dollar); s != 0 || h != 0 {
		t.Errorf("%v spent, %v held", s, h)
	}
	stop(t, server, false)
	r := newRequest(dollar)
	p := mustWait(t, l, r) // 20 % of $10 for two
	var e *budget.Error
	if _, err := l.Wait(t.Context(), newRequest(dollar/10)); !errors.As(err, &e) || e.Cap != dollar {
		t.Errorf("%v, want the budget of the share", err)
	}
	start(t, server, false)
	eventually(t, "Redis is back", func() bool { return !store.Stats().Down })
	store.Flush(t.Context())
	if s, h := spent(t, l, 8*dollar); s != 0 || h != dollar {
		t.Errorf("%v spent, %v held", s, h)
	}
	p.Release(limit.Count{Requests: 1, Row: rowOf(r, dollar/2)})
	store.Flush(t.Context())
	if s, h := spent(t, l, 8*dollar); s != dollar/2 || h != 0 {
		t.Errorf("%v spent, %v held", s, h)
	}
}

// Budgets are closed when Redis has lost data, until the ledger says what was spent.
func TestLoss(t *testing.T) {
	server := redistest.Start(t)
	logger, log := newLog()
	var rows ledger.Memory
	store := newStore(t, newClient(t, server.Addr()), redis.Config{Replicas: 2, Logger: logger})
	l := limiterOf(t, store, two, daily)
	r, under := newRequest(4*dollar), newRequest(2*dollar)
	mustWait(t, l, r).Release(limit.Count{Requests: 1, Row: rowOf(r, 3*dollar)})
	rows.Add(*rowOf(r, 3*dollar))
	p := mustWait(t, l, under)
	open := rowOf(under, 0)
	open.Outcome, open.Cost, open.Exposure, open.Unpriced = policy.Open, ledger.Amount{}, ledger.Known(2*dollar), "it has not ended"
	store.Flush(t.Context())
	if err := server.Client().FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	var unknown *redis.UnavailableError
	if _, err := l.Wait(t.Context(), newRequest(dollar)); !errors.As(err, &unknown) {
		t.Fatalf("%v, want a refusal because it is not known what is left", err)
	}
	if s := store.Stats(); !s.Closed {
		t.Errorf("%+v", s)
	}
	all := func(yield func(ledger.Row, error) bool) {
		for row, err := range rows.Scan(t.Context(), ledger.Filter{}) {
			if !yield(row, err) {
				return
			}
		}
		yield(*open, nil)
	}
	if err := store.Rebuild(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if s, _ := spent(t, l, 10*dollar); s != 5*dollar {
		t.Errorf("%v spent after the rebuild", s)
	}
	p.Release(limit.Count{Requests: 1, Row: rowOf(under, dollar)})
	store.Flush(t.Context())
	if s, h := spent(t, l, 10*dollar); s != 4*dollar || h != 0 {
		t.Errorf("%v spent, %v held when the attempt has ended", s, h)
	}
	if n := log.count("does not know what was spent"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log.text.String())
	}
}

// A server that has lost its latest writes, as after a failover, is found out.
func TestOlderData(t *testing.T) {
	server := redistest.Start(t)
	store := newStore(t, newClient(t, server.Addr()), redis.Config{Group: "older", Replicas: 1})
	l := limiterOf(t, store, nil, daily)
	mustWait(t, l, newRequest(dollar))
	dump := map[string]string{}
	ctx := t.Context()
	for _, key := range server.Client().Keys(ctx, "*").Val() {
		dump[key] = server.Client().Dump(ctx, key).Val()
	}
	mustWait(t, l, newRequest(dollar))
	server.Client().FlushAll(ctx)
	for key, value := range dump {
		if err := server.Client().Restore(ctx, key, 0, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	var unknown *redis.UnavailableError
	if _, err := l.Wait(ctx, newRequest(dollar)); !errors.As(err, &unknown) {
		t.Errorf("%v, want a refusal because data was lost", err)
	}
}

// The Store reads the ledger by itself.
func TestLedger(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	var rows ledger.Memory
	rows.Add(*rowOf(newRequest(0), 3*dollar))
	old := rowOf(newRequest(0), 3*dollar)
	old.At = old.At.Add(-48 * time.Hour)
	rows.Add(*old)
	store := newStore(t, client, redis.Config{Ledger: &rows})
	l, err := store.Limiter(nil, daily)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "budgets are open", func() bool {
		var unknown *redis.UnavailableError
		_, err := l.Wait(t.Context(), newRequest(10*dollar))
		return !errors.As(err, &unknown)
	})
	if s, _ := spent(t, l, 10*dollar); s != 3*dollar {
		t.Errorf("%v spent", s)
	}
}

func TestVersion(t *testing.T) {
	server := redistest.Start(t)
	client := newClient(t, server.Addr())
	server.Client().Set(t.Context(), "{skinflint:old}:state", "7 ok abc", 0)
	_, err := redis.New(client, redis.Config{Group: "old", Replicas: 1})
	var version *redis.VersionError
	if !errors.As(err, &version) || version.Found != "7" || version.Want != "1" {
		t.Errorf("%v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	client := newClient(t, "127.0.0.1:1")
	for _, c := range []struct {
		config redis.Config
		want   string
	}{
		{redis.Config{}, "Replicas"},
		{redis.Config{Replicas: 1, Group: "a{b}"}, "braces"},
		{redis.Config{Replicas: 1, BudgetShare: 91}, "BudgetShare"},
		{redis.Config{Replicas: 1, Lease: time.Millisecond}, "Lease"},
	} {
		if _, err := redis.New(client, c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.config, err)
		}
	}
	for _, c := range []struct {
		change func(*goredis.UniversalOptions)
		want   string
	}{
		{func(o *goredis.UniversalOptions) { o.MaxRetries = 3 }, "MaxRetries"},
		{func(o *goredis.UniversalOptions) { o.ContextTimeoutEnabled = false }, "ContextTimeoutEnabled"},
		{func(o *goredis.UniversalOptions) { o.DialerRetries = 5 }, "DialerRetries"},
		{func(o *goredis.UniversalOptions) { o.ReadTimeout = time.Minute }, "ReadTimeout"},
		{func(o *goredis.UniversalOptions) { o.IsClusterMode, o.RouteRandomly = true, true }, "RouteRandomly"},
	} {
		o := redis.Options("127.0.0.1:1")
		c.change(o)
		client := goredis.NewUniversalClient(o)
		if _, err := redis.New(client, redis.Config{Replicas: 1}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want it to name %s", err, c.want)
		}
		client.Close()
	}
	if _, err := redis.New(nil, redis.Config{Replicas: 1}); err == nil {
		t.Error("a nil client")
	}
}

// A program starts while Redis is away.
func TestStartsWithoutRedis(t *testing.T) {
	store := newStore(t, newClient(t, "127.0.0.1:1"), redis.Config{Replicas: 2})
	l, err := store.Limiter([]policy.Limit{{RequestsPerMinute: 60, Burst: 4}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		mustWait(t, l, newRequest(0)).Release(limit.Count{Requests: 1})
	}
	if s := store.Stats(); !s.Down || s.Local != 2 {
		t.Errorf("%+v", s)
	}
	if _, err := store.Limiter([]policy.Limit{{RequestsPerMinute: -1}}, nil); err == nil || !strings.Contains(err.Error(), "RequestsPerMinute") {
		t.Errorf("%v", err)
	}
}
