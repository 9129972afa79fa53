package main

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/postgres"
	"github.com/skinflint-go/skinflint/adapters/postgres/pgtest"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// TestOutage stops the database for a while. No call fails because of it, and no call waits for it except those that were
// under way when it stopped. The queue stays within its bound. Afterwards all rows are there, except those that had no room,
// which are counted.
func TestOutage(t *testing.T) {
	server := pgtest.Run(t)
	for _, c := range []struct {
		name, schema string
		queue        int // 0: as it comes
		lost         bool
	}{
		{"all rows have room", "roomy", 0, false},
		{"few rows have room", "narrow", 200, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, err := postgres.Open(t.Context(), server.DSN(), postgres.Config{Schema: c.schema})
			if err != nil {
				t.Fatal(err)
			}
			memory := ledger.NewMemory(everyRow)
			w := ledger.NewWriter(store, ledger.WriterConfig{Queue: c.queue, Memory: memory, Logger: slog.New(slog.DiscardHandler)})
			defer w.Close(context.Background())
			o := outage(t, server, w)

			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := w.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			stats := w.Stats()
			kept, err := ledger.TotalsOf(store.Scan(t.Context(), ledger.Filter{}))
			if err != nil {
				t.Fatal(err)
			}
			all := memory.Totals()
			if (stats.Lost > 0) != c.lost || stats.Queued > 0 || stats.Err != nil {
				t.Errorf("%+v", stats)
			}
			if kept.Attempts+stats.Lost != all.Attempts {
				t.Errorf("%d attempts are kept and %d lost, want %d", kept.Attempts, stats.Lost, all.Attempts)
			}
			if kept.Cost.AddSum(stats.LostCost); kept.Cost != all.Cost {
				t.Errorf("$%s is kept and lost, want $%s", kept.Cost, all.Cost)
			}
			if open, err := countRows(store.Scan(t.Context(), ledger.Filter{Outcome: policy.Open})); err != nil || !c.lost && open > 0 {
				t.Errorf("%d rows are open: %v", open, err)
			}
			if c.queue > 0 && o.queued > c.queue {
				t.Errorf("%d rows waited, %d may", o.queued, c.queue)
			}
			t.Logf("%d calls while the server was stopped; longest %v, median %v; %d rows waited, %d were lost", len(o.took), o.took[len(o.took)-1], o.took[len(o.took)/2], o.queued, stats.Lost)
			// A second is for a machine that is busy: a Write, or a connection, may take 30.
			if longest := o.took[len(o.took)-1]; longest > openWait+time.Second {
				t.Errorf("a call took %v", longest)
			}
			if median := o.took[len(o.took)/2]; median > openWait/2 {
				t.Errorf("half of the calls took %v or longer", median)
			}
		})
	}
}

// An observation is what happened to calls while the server was stopped.
type observation struct {
	took   []time.Duration // sorted
	queued int             // at most
}

// outage makes calls without a pause while it stops the server and starts it again.
func outage(t *testing.T, server *pgtest.Server, w *ledger.Writer) (o observation) {
	t.Helper()
	provider := llmtest.NewPipe(llmtest.Config{Chunks: 2})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()), middleware.WithStore(w), middleware.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	client := stack.Client()
	made := make(chan time.Duration)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for n := worker; ctx.Err() == nil; n += 8 {
				began := time.Now()
				if !ask(t.Context(), client, provider.URL, n) {
					t.Errorf("call %d failed", n)
				}
				took := time.Since(began)
				select {
				case made <- took:
				case <-ctx.Done():
				}
			}
		})
	}
	watch := func(calls int) {
		for range calls {
			o.took = append(o.took, <-made)
			o.queued = max(o.queued, w.Stats().Queued)
		}
	}
	// aside does something while the calls go on.
	aside := func(do func() error) {
		done := make(chan error, 1)
		go func() { done <- do() }()
		for {
			select {
			case took := <-made:
				o.took = append(o.took, took)
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
				return
			}
		}
	}
	watch(200)
	o.took = nil
	aside(server.Stop)
	watch(1000)
	aside(server.Start)
	slices.Sort(o.took)
	for range 200 {
		<-made
	}
	cancel()
	all.Wait()
	return o
}
