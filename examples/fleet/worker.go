package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/adapters/postgres"
	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// The commands that a worker reads after the agreement. It ends when there are no more.
const (
	beginCommand = "begin" // making cheap calls
	dearCommand  = "dear"  // making dear calls, until the budget refuses them
)

// A worker is one of the processes.
type worker struct {
	agreement
	client *http.Client
	stack  *middleware.Stack
	writer *ledger.Writer
	store  *redis.Store
	redis  goredis.UniversalClient

	dear  atomic.Bool
	n     atomic.Int64
	mu    sync.Mutex
	count counts
}

// Counts are what a worker has done so far. It writes them as a line of JSON five times a second.
type counts struct {
	Ready         bool
	Calls         int // that have ended
	Answered      int
	RefusedBudget int // because the budget is spent
	RefusedLimit  int // by the limit
	RefusedDown   int // because Redis is away, and the worker's share of the budget is spent
	Failed        int
	Spent         bool  // all callers have ended because the budget is spent
	Admitted      int64 // attempts that Redis has admitted
	Shared        int64 // attempts that the worker's share of limit and budget has admitted while Redis was away
	Downs         int64 // times that Redis went away
	Error         string
}

// work is the program of a worker. It returns the exit code.
func work(stdin io.Reader, stdout io.Writer) int {
	out := json.NewEncoder(stdout)
	lines := bufio.NewScanner(stdin)
	w, err := newWorker(lines)
	if err != nil {
		out.Encode(counts{Error: err.Error()})
		return 1
	}
	w.serve(lines, out)
	if err := w.close(); err != nil {
		w.update(func(c *counts) { c.Error = err.Error() })
	}
	out.Encode(w.counts())
	return 0
}

// newWorker connects to the servers.
func newWorker(lines *bufio.Scanner) (*worker, error) {
	w := new(worker)
	if !lines.Scan() {
		return nil, errors.New("no agreement")
	}
	if err := json.Unmarshal(lines.Bytes(), &w.agreement); err != nil {
		return nil, fmt.Errorf("the agreement: %w", err)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	rows, err := postgres.Open(ctx, w.Postgres, postgres.Config{})
	if err != nil {
		return nil, err
	}
	// No request is sent before the ledger has its row: when the process is killed, that row says what it may have cost.
	w.writer = ledger.NewWriter(rows, ledger.WriterConfig{OpenWait: time.Minute})
	w.redis = goredis.NewUniversalClient(redis.Options(w.Redis))
	w.store, err = redis.New(w.redis, redis.Config{
		Group: group, Replicas: w.Workers, BudgetShare: budgetShare, Lease: lease, Ledger: rows,
	})
	if err != nil {
		return nil, err
	}
	w.stack, err = middleware.New(
		middleware.WithPolicy(w.policy()),
		middleware.WithLimiter(w.store.Limiter, salt),
		middleware.WithStore(w.writer),
	)
	if err != nil {
		return nil, err
	}
	w.client = &http.Client{Transport: w.stack}
	w.count.Ready = true
	return w, nil
}

// close ends what is under way. The stack comes first, because its last rows are to be written, and sent to Redis.
func (w *worker) close() error {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	return errors.Join(w.stack.Close(ctx), w.writer.Close(ctx), w.store.Close(ctx), w.redis.Close())
}

// serve obeys commands, and returns when there are no more and the calls have ended. So a worker whose parent is killed ends.
func (w *worker) serve(commands *bufio.Scanner, out *json.Encoder) {
	ended := make(chan struct{})
	var callers, reporter sync.WaitGroup
	reporter.Go(func() { w.report(out, ended) })
	calling, stop := context.WithCancel(context.Background())
	for commands.Scan() {
		switch commands.Text() {
		case beginCommand:
			for range w.Calls {
				callers.Go(func() { w.callAll(calling) })
			}
			go func() {
				callers.Wait()
				w.update(func(c *counts) { c.Spent = calling.Err() == nil })
			}()
		case dearCommand:
			w.dear.Store(true)
		}
	}
	stop()
	callers.Wait()
	close(ended)
	reporter.Wait()
}

// report writes counts until the calls have ended.
func (w *worker) report(out *json.Encoder, ended <-chan struct{}) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		out.Encode(w.counts())
		select {
		case <-tick.C:
		case <-ended:
			return
		}
	}
}

// update changes the counts.
func (w *worker) update(f func(*counts)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.count)
}

func (w *worker) counts() counts {
	stats := w.store.Stats()
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.count
	c.Admitted, c.Shared, c.Downs = stats.Reserves, stats.Local, stats.Downs
	return c
}

// callAll makes one call after the other, until the budget refuses a dear one or ctx is done.
func (w *worker) callAll(ctx context.Context) {
	for ctx.Err() == nil {
		k := cheap
		if w.dear.Load() {
			k = dear
		}
		err := w.call(ctx, k)
		if ctx.Err() != nil {
			return
		}
		var spent *budget.Error
		var unknown *redis.UnavailableError
		switch {
		case errors.As(err, &unknown), errors.As(err, &spent) && w.store.Stats().Down:
			w.update(func(c *counts) { c.Calls++; c.RefusedDown++ })
			pause(ctx, 100*time.Millisecond)
		case spent != nil:
			w.update(func(c *counts) { c.Calls++; c.RefusedBudget++ })
			if k == dear {
				return
			}
			pause(ctx, 100*time.Millisecond)
		case errors.Is(err, middleware.ErrLimit):
			w.update(func(c *counts) { c.Calls++; c.RefusedLimit++ })
		case err != nil:
			w.update(func(c *counts) { c.Calls++; c.Failed++; c.Error = err.Error() })
			pause(ctx, 100*time.Millisecond)
		default:
			w.update(func(c *counts) { c.Calls++; c.Answered++ })
		}
	}
}

// call makes a call and reads its answer.
func (w *worker) call(ctx context.Context, k kind) error {
	r, err := http.NewRequestWithContext(ctx, "POST", w.Provider+"/v1/chat/completions", strings.NewReader(k.body(w.Worker, int(w.n.Add(1)))))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer sk-not-needed")
	r.Header.Set(workerHeader, strconv.Itoa(w.Worker))
	resp, err := w.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the provider answered with status %d", resp.StatusCode)
	}
	return nil
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
