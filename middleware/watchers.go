package middleware

import (
	"context"
	"log/slog"
	"sync"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// maxWatched is how many rows wait for slow watchers. Further rows are not shown to them, but counted.
const maxWatched = 1024

// watchers show rows to the program's own funcs, outside of the calls: a slow func delays no call, and a panic is caught.
// The goroutine that calls them lives while there are rows to show.
type watchers struct {
	funcs []func(ledger.Row)
	log   *slog.Logger

	mu      sync.Mutex
	rows    []ledger.Row
	running bool
	added   int64         // rows taken
	shown   int64         // and of them shown
	missed  int64         // rows that were not taken
	turn    chan struct{} // closed, and replaced, when some were shown
}

func (w *watchers) add(row *ledger.Row) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rows) >= maxWatched {
		w.missed++
		return
	}
	w.rows = append(w.rows, *row)
	w.added++
	if !w.running {
		w.running = true
		go w.run()
	}
}

func (w *watchers) run() {
	// A watcher may end this goroutine, as testing's FailNow does. Then another one shows the remaining rows.
	ended := false
	defer func() {
		if !ended {
			go w.run()
		}
	}()
	for {
		row, ok := w.next()
		if !ok {
			ended = true
			return
		}
		w.showAll(row)
	}
}

// next takes the next row to show. Without one, running is over.
func (w *watchers) next() (row ledger.Row, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running = len(w.rows) > 0; !w.running {
		return row, false
	}
	row, w.rows[0] = w.rows[0], row
	w.rows = w.rows[1:]
	return row, true
}

func (w *watchers) showAll(row ledger.Row) {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.shown++
		if w.turn != nil {
			close(w.turn)
			w.turn = nil
		}
	}()
	for _, f := range w.funcs {
		w.show(f, row)
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
	defer w.mu.Unlock()
	for until := w.added; w.shown < until; {
		if w.turn == nil {
			w.turn = make(chan struct{})
		}
		turn := w.turn
		w.mu.Unlock()
		select {
		case <-turn:
			w.mu.Lock()
		case <-ctx.Done():
			w.mu.Lock()
			return context.Cause(ctx)
		}
	}
	if w.missed > 0 && w.log != nil {
		w.log.Warn("skinflint: watchers were too slow, and missed rows", "missed", w.missed)
		w.missed = 0
	}
	return nil
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
		log.LogAttrs(context.Background(), level, "llm attempt", row.LogValue().Group()...)
	}
}
