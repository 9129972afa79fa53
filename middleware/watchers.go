package middleware

import (
	"context"
	"log/slog"
	"sync"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// maxWatched is how many rows wait for slow watchers. Further ones are not shown to them, and are counted.
const maxWatched = 1024

// watchers show rows to the program's own funcs, apart from the calls: a slow one delays nobody, and a panic is caught.
// The goroutine that calls them lives while there are rows to show.
type watchers struct {
	funcs []func(ledger.Row)
	log   *slog.Logger

	mu      sync.Mutex
	rows    []ledger.Row
	running bool
	idle    chan struct{} // closed when running ends
	missed  int64
}

func (w *watchers) add(row *ledger.Row) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rows) >= maxWatched {
		w.missed++
		return
	}
	w.rows = append(w.rows, *row)
	if !w.running {
		w.running, w.idle = true, make(chan struct{})
		go w.run()
	}
}

func (w *watchers) run() {
	for {
		w.mu.Lock()
		rows := w.rows
		w.rows = nil
		if len(rows) == 0 {
			w.running = false
			close(w.idle)
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		for i := range rows {
			for _, f := range w.funcs {
				w.show(f, rows[i])
			}
		}
	}
}

func (w *watchers) show(f func(ledger.Row), row ledger.Row) {
	defer func() {
		if p := recover(); p != nil && w.log != nil {
			w.log.Error("skinflint: a watcher of rows panicked", "panic", p)
		}
	}()
	f(row)
}

// flush returns when the watchers have seen every row so far, or ctx is done.
func (w *watchers) flush(ctx context.Context) error {
	w.mu.Lock()
	running, idle := w.running, w.idle
	w.mu.Unlock()
	if !running {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// logRow is the watcher behind [WithLogger].
func logRow(log *slog.Logger) func(ledger.Row) {
	return func(row ledger.Row) {
		level := slog.LevelDebug
		switch {
		case row.Unpriced != "" || row.Outcome == policy.Ambiguous || row.Outcome == policy.Partial:
			level = slog.LevelWarn
		case row.Outcome != policy.Billed:
			level = slog.LevelInfo
		}
		attrs := []slog.Attr{
			slog.String("call", row.Call), slog.Int("attempt", row.Attempt),
			slog.String("provider", row.Provider), slog.String("model", row.Model),
			slog.String("outcome", string(row.Outcome)), slog.Int("status", row.Status),
			slog.String("asked_tier", string(row.AskedTier)), slog.String("served_tier", string(row.ServedTier)),
			slog.String("cost_usd", row.Cost.String()), slog.Int64("latency_ms", row.LatencyMS),
		}
		for name, value := range map[string]string{
			"reason": string(row.Reason), "error_code": row.ErrorCode, "unpriced": row.Unpriced,
		} {
			if value != "" {
				attrs = append(attrs, slog.String(name, value))
			}
		}
		log.LogAttrs(context.Background(), level, "llm attempt", attrs...)
	}
}
