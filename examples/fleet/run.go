package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/adapters/postgres"
	"github.com/skinflint-go/skinflint/adapters/postgres/pgtest"
	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A fleet is a run, with the servers that it has started.
type fleet struct {
	settings
	agreement agreement
	logs      io.Writer // of the workers

	redis    *redistest.Server
	postgres *pgtest.Server
	provider *llmtest.Server
	client   goredis.UniversalClient
	store    *redis.Store    // the parent's own, which admits nothing
	rows     *postgres.Store // the same
	watch    *watch

	workers  []*process
	began    time.Time // the first part
	hung     time.Duration
	admitted int // requests that had reached the provider at the end of the first part
	first    time.Duration
	all      time.Duration // until the last call had ended
}

// run makes a run.
func run(ctx context.Context, set settings, stderr io.Writer) (sum summary, err error) {
	f := &fleet{settings: set, agreement: agree(set), logs: io.Discard}
	if set.verbose {
		f.logs = &lockedWriter{w: stderr}
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.open(ctx); err != nil {
		return sum, err
	}
	for _, part := range []func(context.Context) error{f.begin, f.killOne, f.hangRedis, f.finishFirst, f.finishSecond, f.settle} {
		if err := part(ctx); err != nil {
			return sum, err
		}
	}
	return f.summarize(ctx)
}

// open starts the servers, and tells Redis that nothing was spent yet.
func (f *fleet) open(ctx context.Context) (err error) {
	if f.redis, err = redistest.New(); err != nil {
		return err
	}
	if f.postgres, err = pgtest.New(); err != nil {
		return err
	}
	f.provider = startProvider(&f.agreement)
	f.agreement.Redis, f.agreement.Postgres, f.agreement.Provider = f.redis.Addr(), f.postgres.DSN(), f.provider.URL
	if f.rows, err = postgres.Open(ctx, f.agreement.Postgres, postgres.Config{}); err != nil {
		return err
	}
	f.client = goredis.NewUniversalClient(redis.Options(f.agreement.Redis))
	f.store, err = redis.New(f.client, redis.Config{
		Group: group, Replicas: f.agreement.Workers, BudgetShare: budgetShare, Lease: lease, Ledger: f.rows,
		Logger: slog.New(slog.NewTextHandler(f.logs, nil)),
	})
	if err != nil {
		return err
	}
	p := f.agreement.policy()
	if _, err := f.store.Limiter(p.Limits, p.Budgets); err != nil {
		return err
	}
	return f.store.Rebuild(ctx, nil)
}

// close ends all that was started.
func (f *fleet) close() (err error) {
	f.watch.stop()
	for _, w := range f.workers {
		w.stdin.Close()
	}
	for _, w := range f.workers {
		if !w.killed && !w.hasEnded(time.Second) {
			err = errors.Join(err, w.kill())
		}
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	if f.store != nil {
		err = errors.Join(err, f.store.Close(ctx))
	}
	if f.client != nil {
		err = errors.Join(err, f.client.Close())
	}
	if f.rows != nil {
		err = errors.Join(err, f.rows.Close())
	}
	if f.provider != nil {
		f.provider.Close()
	}
	if f.postgres != nil {
		err = errors.Join(err, f.postgres.Close())
	}
	if f.redis != nil {
		err = errors.Join(err, f.redis.Close())
	}
	return err
}

// spawn starts the next worker.
func (f *fleet) spawn() (*process, error) {
	a := f.agreement
	a.Worker = len(f.workers)
	w, err := spawn(a, f.logs)
	if err == nil {
		f.workers = append(f.workers, w)
	}
	return w, err
}

// begin starts the workers, waits until all have connected, and begins the first part.
func (f *fleet) begin(ctx context.Context) error {
	for range f.settings.workers {
		if _, err := f.spawn(); err != nil {
			return err
		}
	}
	for _, w := range f.workers {
		if err := w.awaitReady(); err != nil {
			return err
		}
	}
	f.watch = newWatch(f.store, f.provider)
	f.began = time.Now()
	for _, w := range f.workers {
		w.tell(beginCommand)
	}
	return f.until(ctx, f.length/5)
}

// until waits until so much time has passed since the first part began.
func (f *fleet) until(ctx context.Context, d time.Duration) error {
	pause(ctx, time.Until(f.began.Add(d)))
	return context.Cause(ctx)
}

// killOne kills a worker while it has calls under way, and starts another one in its place.
func (f *fleet) killOne(ctx context.Context) error {
	victim := f.workers[0]
	for deadline := time.Now().Add(10 * time.Second); f.underWay(victim.number) == 0; pause(ctx, 5*time.Millisecond) {
		if ctx.Err() != nil || time.Now().After(deadline) {
			return errors.Join(context.Cause(ctx), errors.New("the worker to be killed has sent nothing"))
		}
	}
	if err := victim.kill(); err != nil {
		return err
	}
	w, err := f.spawn()
	if err == nil {
		err = w.awaitReady()
	}
	if err != nil {
		return err
	}
	w.tell(beginCommand)
	return nil
}

// underWay returns how many requests of a worker the provider is working on.
func (f *fleet) underWay(worker int) (n int) {
	for _, r := range f.provider.Requests() {
		if r.Status == 0 && r.Header.Get(workerHeader) == strconv.Itoa(worker) {
			n++
		}
	}
	return n
}

// hangRedis makes Redis hang.
func (f *fleet) hangRedis(ctx context.Context) error {
	if err := f.until(ctx, f.length*2/5); err != nil {
		return err
	}
	if err := f.redis.Stop(); err != nil {
		return err
	}
	start := time.Now()
	pause(ctx, f.hang)
	f.hung = time.Since(start)
	return f.redis.Continue()
}

// finishFirst ends the first part, and begins the second one.
func (f *fleet) finishFirst(ctx context.Context) error {
	if err := f.until(ctx, f.length); err != nil {
		return err
	}
	f.admitted, f.first = len(f.provider.Requests()), time.Since(f.began)
	for _, w := range f.workers {
		w.tell(dearCommand)
	}
	return nil
}

// finishSecond waits until the budget has refused all workers, and ends them.
func (f *fleet) finishSecond(ctx context.Context) error {
	for deadline := time.Now().Add(f.length + time.Minute); ; pause(ctx, 20*time.Millisecond) {
		spent, err := f.spent()
		switch {
		case err != nil:
			return err
		case spent:
			f.all = time.Since(f.began)
			return f.endWorkers()
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case time.Now().After(deadline):
			return errors.New("the budget has not refused all workers")
		}
	}
}

// spent reports whether the budget has refused all workers.
func (f *fleet) spent() (bool, error) {
	spent := true
	for _, w := range f.workers {
		if w.killed {
			continue
		}
		c := w.counts()
		if w.hasEnded(0) {
			return false, fmt.Errorf("worker %d has ended by itself: %s", w.number, c.Error)
		}
		spent = spent && c.Spent
	}
	return spent, nil
}

// endWorkers has all workers end.
func (f *fleet) endWorkers() (err error) {
	for _, w := range f.workers {
		w.stdin.Close()
	}
	for _, w := range f.workers {
		err = errors.Join(err, w.end())
	}
	return err
}

// settle waits until what the killed worker held has become exposure, and does the same in the ledger.
func (f *fleet) settle(ctx context.Context) error {
	for deadline := time.Now().Add(5 * lease); time.Now().Before(deadline); pause(ctx, 50*time.Millisecond) {
		if s, err := f.watch.sample(ctx); err == nil && s.Held == 0 || ctx.Err() != nil {
			break // summary.broken reports a hold that is left
		}
	}
	f.watch.stop()
	if _, err := f.rows.Recover(ctx, time.Now()); err != nil {
		return fmt.Errorf("the ledger: %w", err)
	}
	return nil
}

// A lockedWriter is written to by several goroutines: one for the logs of each worker.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
