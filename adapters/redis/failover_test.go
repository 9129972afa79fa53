package redis_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

// A fleet is two processes that share limits, budgets and a ledger, and make calls all the time: free ones, and ones that cost
// money.
type fleet struct {
	*testing.T
	group    string
	stores   []*redis.Store
	limiters []limit.Limiter
	ledger   *ledger.Memory

	stop    chan struct{}
	workers sync.WaitGroup
	calls   atomic.Int64 // asked
	free    atomic.Int64 // admitted, of those without a budget
	paid    atomic.Int64
	unknown atomic.Int64 // refused because it is not known what is left
	slowest atomic.Int64 // how long a Wait took, in nanoseconds
}

const (
	fleetCap   = price.Pico(1_000_000_000_000) // a dollar
	fleetMost  = fleetCap / 10_000             // of a paid call
	fleetDaily = 5000                          // free calls in a day
)

// newFleet starts the processes. Their clients have the options that the package advises.
func newFleet(t *testing.T, options *goredis.UniversalOptions) *fleet {
	w := &fleet{T: t, group: newGroup(), ledger: ledger.NewMemory(1 << 20), stop: make(chan struct{})}
	limits := []policy.Limit{
		{Name: "free", Match: policy.Match{Operation: "free"}, RequestsPerDay: fleetDaily, Concurrency: 100},
		{Name: "paid", Match: policy.Match{Operation: "paid"}, RequestsPerMinute: 1_000_000, Burst: 1_000_000, Concurrency: 100},
	}
	budgets := []policy.Budget{{Name: "day", Match: policy.Match{Operation: "paid"}, Every: policy.EveryDay, Cap: fleetCap}}
	for range 2 {
		client := goredis.NewUniversalClient(options)
		t.Cleanup(func() { client.Close() })
		store := newStore(t, client, redis.Config{Group: w.group, Replicas: 2, Ledger: w.ledger, Lease: 5 * time.Second})
		l, err := store.Limiter(limits, budgets)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Rebuild(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		w.stores, w.limiters = append(w.stores, store), append(w.limiters, l)
	}
	for i := range 6 {
		w.workers.Go(func() { w.work(w.limiters[i%2], i) })
	}
	t.Cleanup(w.end)
	return w
}

// end ends all calls.
func (w *fleet) end() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.workers.Wait()
}

// work makes calls.
func (w *fleet) work(l limit.Limiter, worker int) {
	free := worker < 2
	pause := time.Millisecond
	if free { // else the share would be used up before a failover is over
		pause = 5 * time.Millisecond
	}
	for n := 0; ; n++ {
		select {
		case <-w.stop:
			return
		case <-time.After(pause):
		}
		if free {
			w.call(l, "free", 0, 0)
		} else {
			w.call(l, "paid", fleetMost, fleetMost/10*price.Pico(n%11)) // from nothing to the most
		}
	}
}

// call makes a call, and reports whether it was admitted.
func (w *fleet) call(l limit.Limiter, operation string, most, cost price.Pico) bool {
	r := &limit.Request{Subject: policy.Subject{Provider: "openai", Operation: operation, Model: "gpt-5"}, Attempt: 1,
		Call: fmt.Sprint("fleet-", w.calls.Add(1)), Cost: ledger.Known(most), Cheapest: true, MaxWait: 100 * time.Millisecond}
	began := time.Now()
	r.Deadline = began.Add(time.Second)
	p, err := l.Wait(w.Context(), r)
	took := int64(time.Since(began))
	for slowest := w.slowest.Load(); took > slowest && !w.slowest.CompareAndSwap(slowest, took); slowest = w.slowest.Load() {
	}
	var unavailable *redis.UnavailableError
	var full *limit.Error
	var spent *budget.Error
	switch {
	case errors.As(err, &unavailable):
		w.unknown.Add(1)
		return false
	case errors.As(err, &full), errors.As(err, &spent):
		return false
	case err != nil:
		if w.Context().Err() == nil {
			w.Errorf("%s: %v", operation, err)
		}
		return false
	}
	row := &ledger.Row{Call: r.Call, Attempt: 1, At: time.Now().UTC(), Provider: "openai", Operation: operation, Model: "gpt-5",
		Outcome: policy.Billed, Cost: ledger.Known(cost)}
	w.ledger.AddRow(row)
	if operation == "free" {
		w.free.Add(1)
	} else {
		w.paid.Add(1)
	}
	p.Release(limit.Count{Requests: 1, Row: row})
	return true
}

// recovered waits until both processes use Redis again, and their budgets are open.
func (w *fleet) recovered() {
	w.Helper()
	w.until("both processes use Redis again", func() bool {
		for _, s := range w.stores {
			if state := s.Stats(); state.Down || state.Closed {
				return false
			}
		}
		return true
	})
}

func (w *fleet) until(what string, holds func() bool) {
	w.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, s := range w.stores {
				w.Logf("%+v", s.Stats())
			}
			w.Fatalf("not within 30 s: %s", what)
		}
	}
}

// more waits until so many more calls of both kinds are admitted.
func (w *fleet) more(n int64) {
	w.Helper()
	free, paid := w.free.Load()+n, w.paid.Load()+n
	w.until("more calls are admitted", func() bool { return w.free.Load() >= free && w.paid.Load() >= paid })
}

// check ends the calls, and checks what all of them have left behind. limitLoss is how many free calls Redis may have forgotten.
func (w *fleet) check(limitLoss int64) {
	w.Helper()
	w.end()
	for _, s := range w.stores {
		w.until("all ends of calls are in Redis", func() bool { return s.Flush(w.Context()) == nil })
	}
	if slowest := time.Duration(w.slowest.Load()); slowest > 2*time.Second { // its deadline, and what a busy machine adds
		w.Errorf("a Wait took %v", slowest)
	}
	var sum price.Pico
	for _, row := range w.ledger.Rows() {
		sum += row.Cost.Pico
	}
	spent, held := w.money()
	if spent != sum || held != 0 {
		w.Errorf("Redis counts %v spent and %v held, and the ledger %v", spent, held, sum)
	}
	for w.call(w.limiters[0], "free", 0, 0) { // until the day is used up
	}
	lost := w.free.Load() - fleetDaily
	if lost > limitLoss || lost < -fleetDaily/20 {
		w.Errorf("%d free calls of %d were admitted, want at most %d more", w.free.Load(), fleetDaily, limitLoss)
	}
	w.Logf("%d calls: %d free and %d paid admitted, %d refused while budgets were not known; the slowest took %v; %d of the limit were forgotten, and %v of the money",
		w.calls.Load(), w.free.Load(), w.paid.Load(), w.unknown.Load(), time.Duration(w.slowest.Load()).Round(time.Millisecond), lost, sum-spent)
	for _, s := range w.stores {
		w.Logf("%+v", s.Stats())
	}
}

// money returns how the budget stands, from the refusal of an attempt that may cost all of it.
func (w *fleet) money() (spent, held price.Pico) {
	w.Helper()
	_, err := w.limiters[1].Wait(w.Context(), &limit.Request{Subject: policy.Subject{Provider: "openai", Operation: "paid"}, Attempt: 1,
		Call: "money", Cost: ledger.Known(fleetCap), Cheapest: true})
	var e *budget.Error
	if !errors.As(err, &e) {
		w.Fatalf("%v, want the refusal of a budget", err)
	}
	return e.Spent, e.Held
}

// While a server hangs, no call does: limits fall to the share of each process, and budgets refuse. Nothing is lost.
func TestHangUnderLoad(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	w := newFleet(t, redis.Options(server.Addr()))
	w.more(100)
	if err := server.Stop(); err != nil {
		t.Skip(err)
	}
	refused, free := w.unknown.Load(), w.free.Load()
	w.until("limits fall to the share, and budgets refuse", func() bool {
		return w.unknown.Load() > refused+100 && w.free.Load() > free+100
	})
	paid := w.paid.Load()
	time.Sleep(time.Second)
	if n := w.paid.Load() - paid; n != 0 {
		t.Errorf("%d paid calls were admitted while it was not known what is left", n)
	}
	if err := server.Continue(); err != nil {
		t.Fatal(err)
	}
	w.recovered()
	w.more(100)
	w.check(0)
}

// A server that comes back empty knows nothing of budgets: they refuse until they are read from the ledger, and are exact then.
// The limits begin anew.
func TestCrashUnderLoad(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	w := newFleet(t, redis.Options(server.Addr()))
	w.more(100)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	before := w.free.Load()
	refused := w.unknown.Load()
	w.until("budgets refuse", func() bool { return w.unknown.Load() > refused+20 })
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	w.until("the loss is found", func() bool { return w.stores[0].Stats().Losses+w.stores[1].Stats().Losses > 0 })
	w.recovered()
	w.more(100)
	w.check(before)
}

// In a failover, Redis may forget what it has not yet copied to the replica. Of the limits, that is what was admitted in the
// last moment; a replica that gets no time to run may have nothing of them. Of the money it is nothing: what a process knows to be there and is not closes the budgets, until they are read
// from the ledger.
func TestFailoverOfSentinel(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinel(t, redistest.NodeTimeout(400*time.Millisecond))
	options := redis.Options(s.Addrs()...)
	options.MasterName = redistest.PrimaryName
	failover(newFleet(t, options), s.Primary, s.Await)
}

func TestFailoverOfCluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 1, redistest.NodeTimeout(700*time.Millisecond))
	w := newFleet(t, redis.Options(c.Addrs()...))
	failover(w, func() (*redistest.Server, error) { return c.Primary("{skinflint:" + w.group + "}") }, c.Await)
}

// failover kills the primary under load.
func failover(w *fleet, primary func() (*redistest.Server, error), await func() error) {
	w.Helper()
	w.more(100)
	old, err := primary()
	if err == nil {
		err = old.Kill()
	}
	if err != nil {
		w.Fatal(err)
	}
	before, began := w.free.Load(), time.Now()
	if err := await(); err != nil {
		w.Fatal(err)
	}
	took := time.Since(began)
	w.recovered()
	w.more(100)
	w.Logf("the failover took %v, and the processes %v more", took.Round(time.Millisecond), (time.Since(began) - took).Round(time.Millisecond))
	w.check(before)
}
