package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

var quiet = slog.New(slog.DiscardHandler)

// A faultySink keeps rows or fails, as its fields say.
type faultySink struct {
	mu      sync.Mutex
	rows    []ledger.Row
	seen    map[string]bool
	unsafe  int // of rows, the last
	err     error
	syncErr error
	hold    chan struct{} // Write waits until it is closed
	took    time.Duration // how long a Write takes
	writes  int
	closed  bool
}

func (s *faultySink) Write(ctx context.Context, rows []ledger.Row) error {
	time.Sleep(s.took)
	s.mu.Lock()
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.err != nil {
		return s.err
	}
	if s.seen == nil {
		s.seen = make(map[string]bool)
	}
	for _, r := range rows {
		k, row := fmt.Sprint(r.Call, r.Attempt, r.Outcome, r.PriceID), fmt.Sprint(r.Call, r.Attempt, policy.Billed, r.PriceID)
		if !s.seen[k] && !s.seen[row] {
			s.seen[k] = true
			s.rows = append(s.rows, r)
			s.unsafe++
		}
	}
	return nil
}

func (s *faultySink) Close() error {
	s.closed = true
	return nil
}

func (s *faultySink) set(f func(s *faultySink)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *faultySink) calls() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []string
	for _, r := range s.rows {
		if r.Outcome == policy.Open {
			r.Call = "(" + r.Call + ")"
		}
		calls = append(calls, r.Call)
	}
	return strings.Join(calls, " ")
}

// A faultySyncer loses what a sync that failed was to make safe.
type faultySyncer struct{ faultySink }

func (s *faultySyncer) Sync(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.syncErr != nil {
		for _, r := range s.rows[len(s.rows)-s.unsafe:] {
			delete(s.seen, fmt.Sprint(r.Call, r.Attempt, r.Outcome, r.PriceID))
		}
		s.rows = s.rows[:len(s.rows)-s.unsafe]
		s.unsafe = 0
		return s.syncErr
	}
	s.unsafe = 0
	return nil
}

var errDown = errors.New("the disk is full")

func TestWriter(t *testing.T) {
	var s faultySink
	w := ledger.NewWriter(&s, ledger.WriterConfig{Logger: quiet})
	w.Open(open("a", 1, 1))
	if got := s.calls(); got != "(a)" {
		t.Errorf("when Open returns, the sink has %q", got)
	}
	w.Add(row("a", 1, policy.Billed, 1))
	w.Add(row("b", 1, policy.Billed, 2))
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.calls(); got != "(a) a b" {
		t.Errorf("when Flush returns, the sink has %q", got)
	}
	if got := w.Totals(); got.Attempts != 2 || got.Cost.String() != "0.000000000003" || len(w.Rows()) != 2 {
		t.Errorf("%+v", got)
	}
	if err := w.Close(t.Context()); err != nil || !s.closed {
		t.Errorf("closed %v: %v", s.closed, err)
	}
	if err := w.Close(t.Context()); err != nil {
		t.Error(err)
	}
	w.Add(row("c", 1, policy.Billed, 4))
	w.Open(open("d", 1, 1))
	if got := w.Stats(); got.Lost != 1 || got.LostCost.String() != "0.000000000004" || got.Queued != 0 || got.Written != 2 {
		t.Errorf("%+v", got)
	}
}

// While a sink fails, no row is lost as long as the queue has room, no call waits, and the log reports it once.
func TestWriterOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s faultySink
		var log strings.Builder
		w := ledger.NewWriter(&s, ledger.WriterConfig{Queue: 100, Batch: 7, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		s.set(func(s *faultySink) { s.err = errDown })
		start := time.Now()
		var want []string
		for i := range 90 {
			w.Open(open(fmt.Sprint(i), 1, 1))
			w.Add(row(fmt.Sprint(i), 1, policy.Billed, 2))
			time.Sleep(time.Second)
		}
		if waited := time.Since(start) - 90*time.Second; waited > 100*time.Millisecond {
			t.Errorf("calls waited %v", waited)
		}
		got := w.Stats()
		if got.Queued > 100 || got.Queued < 90 || !errors.Is(got.Err, errDown) {
			t.Errorf("%+v", got)
		}
		lost := got.Lost
		if sum := w.Totals().Cost.String(); sum != "0.00000000018" {
			t.Errorf("memory has %s", sum)
		}
		if int64(2*lost) != mustInt(got.LostCost.String()) {
			t.Errorf("lost %d rows of %s", lost, got.LostCost)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.Flush(ctx); !errors.Is(err, errDown) {
			t.Errorf("flushed: %v", err)
		}
		s.set(func(s *faultySink) { s.err = nil })
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.Stats(); got.Queued != 0 || got.Err != nil {
			t.Errorf("%+v", got)
		}
		for i := range 90 {
			want = append(want, fmt.Sprint(i))
		}
		kept := 0
		for call := range strings.FieldsSeq(s.calls()) {
			if !strings.HasPrefix(call, "(") {
				kept++
			}
		}
		if int64(kept)+lost != int64(len(want)) {
			t.Errorf("kept %d and lost %d of %d", kept, lost, len(want))
		}
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait() // for the log
		for text, times := range map[string]int{"cannot be written": 1, "loses rows": 1, "written again": 1} {
			if got := strings.Count(log.String(), text); got != times {
				t.Errorf("the log says %d times that it %s:\n%s", got, text, log.String())
			}
		}
	})
}

func mustInt(picodollars string) (n int64) {
	p := price.MustUSD(picodollars)
	return int64(p)
}

// A sink that hangs holds up the calls of its first 100 ms, and no others.
func TestWriterBlockedSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faultySink{hold: make(chan struct{})}
		w := ledger.NewWriter(s, ledger.WriterConfig{Queue: 1000, Logger: quiet})
		var calls sync.WaitGroup
		for i := range 50 {
			calls.Go(func() {
				start := time.Now()
				w.Open(open(fmt.Sprint("first", i), 1, 1))
				if took := time.Since(start); took > 100*time.Millisecond {
					t.Errorf("a first call waited %v", took)
				}
			})
		}
		calls.Wait()
		start := time.Now()
		for i := range 200 {
			w.Open(open(fmt.Sprint(i), 1, 1))
			w.Add(row(fmt.Sprint(i), 1, policy.Billed, 1))
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("later calls waited %v", took)
		}
		close(s.hold)
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		s.set(func(s *faultySink) { s.took = 20 * time.Millisecond })
		w.Open(open("last", 1, 1))
		if took := time.Since(start); took != 20*time.Millisecond || !strings.HasSuffix(s.calls(), "(last)") {
			t.Errorf("Open returned after %v, without waiting for the sink that works again", took)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A failed sync has what was written since the last one written again.
func TestWriterSyncFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s faultySyncer
		w := ledger.NewWriter(&s, ledger.WriterConfig{Batch: 3, Logger: quiet})
		for i := range 4 {
			w.Add(row(fmt.Sprint(i), 1, policy.Billed, 1))
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.set(func(s *faultySink) { s.syncErr = errDown })
		for i := range 20 {
			w.Add(row(fmt.Sprint(4+i), 1, policy.Billed, 1))
			if i%5 == 0 {
				time.Sleep(time.Second)
			}
		}
		if got := w.Stats(); got.Queued != 20 || !errors.Is(got.Err, errDown) {
			t.Errorf("%+v", got)
		}
		s.set(func(s *faultySink) { s.syncErr = nil })
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		calls := strings.Fields(s.calls())
		for i := range 24 {
			if !slices.Contains(calls, fmt.Sprint(i)) {
				t.Errorf("row %d is not there: %v", i, calls)
			}
		}
		if len(calls) != 24 || s.writes > 60 {
			t.Errorf("%d rows in %d writes", len(calls), s.writes)
		}
	})
}

// Close gives up when its context is done, and says what is lost. It does not wait for a sink that ignores its context.
func TestWriterCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s faultySink
		s.err = errDown
		w := ledger.NewWriter(&s, ledger.WriterConfig{Logger: quiet})
		w.Add(row("a", 1, policy.Billed, 3))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Close(ctx); !errors.Is(err, errDown) || !strings.Contains(err.Error(), "1 rows") || !s.closed {
			t.Errorf("%v, closed %v", err, s.closed)
		}
		if got := w.Stats(); got.Lost != 1 || got.LostCost.String() != "0.000000000003" {
			t.Errorf("%+v", got)
		}

		hung := &faultySink{took: 10 * time.Minute}
		w = ledger.NewWriter(hung, ledger.WriterConfig{Logger: quiet})
		w.Add(row("a", 1, policy.Billed, 3))
		start := time.Now()
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Close(ctx); err == nil || time.Since(start) > 62*time.Second {
			t.Errorf("closed after %v: %v", time.Since(start), err)
		}
		if got := w.Stats(); got.Lost != 1 || got.LostCost.String() != "0.000000000003" || got.Queued != 0 {
			t.Errorf("%+v", got)
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Errorf("flushed after that: %v", err)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if !hung.closed {
			t.Error("the sink was not closed when it no longer hung")
		}
	})
}

// A sink that is always slow delays the first call only, not one after the other.
func TestWriterSlowSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := ledger.NewWriter(&faultySink{took: 150 * time.Millisecond}, ledger.WriterConfig{Logger: quiet})
		start := time.Now()
		for i := range 30 {
			w.Open(open(fmt.Sprint(i), 1, 1))
			time.Sleep(time.Second)
		}
		if waited := time.Since(start) - 30*time.Second; waited > 100*time.Millisecond {
			t.Errorf("calls waited %v", waited)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A logger that blocks or panics does not affect the calls.
func TestWriterBadLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &faultySink{err: errDown}
		w := ledger.NewWriter(s, ledger.WriterConfig{Queue: 1, Logger: slog.New(badHandler{slog.DiscardHandler, release})})
		for i := range 5 {
			w.Add(row(fmt.Sprint(i), 1, policy.Billed, 1))
			time.Sleep(time.Second)
		}
		if got := w.Stats(); got.Lost != 4 {
			t.Errorf("%+v", got)
		}
		close(release)
		s.set(func(s *faultySink) { s.err = nil })
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

type badHandler struct {
	slog.Handler
	release chan struct{}
}

func (badHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h badHandler) Handle(context.Context, slog.Record) error {
	<-h.release
	panic("logger")
}

// A row of a bill reaches the sink even if the queue is full, because it comes only once.
func TestWriterResolveWithFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faultySink{err: errDown}
		w := ledger.NewWriter(s, ledger.WriterConfig{Queue: 1, Logger: quiet})
		w.Add(ledger.Row{Call: "a", Attempt: 1, Outcome: policy.Ambiguous, Exposure: ledger.Known(50), Unpriced: "?"})
		w.Add(row("b", 1, policy.Billed, 1))
		if err := w.Resolve("a", 1, 7); err != nil {
			t.Error(err)
		}
		s.set(func(s *faultySink) { s.err = nil })
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := s.calls(); got != "a a" {
			t.Errorf("the sink has %q", got)
		}
	})
}

// However the sink fails in between, every row ends up in it once. An open row comes before its own, or not at all, if that
// was written while a sync failed.
func TestWriterProperty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(10, 11))
		for range 100 {
			var s faultySyncer
			s.took = time.Duration(random.IntN(3)) * time.Millisecond
			w := ledger.NewWriter(&s, ledger.WriterConfig{Batch: 1 + random.IntN(5), Logger: quiet})
			var calls sync.WaitGroup
			for i := range 30 {
				pause := time.Duration(random.IntN(2000)) * time.Millisecond
				calls.Go(func() {
					time.Sleep(pause)
					w.Open(open(fmt.Sprint(i), 1, 1))
					time.Sleep(pause)
					w.Add(row(fmt.Sprint(i), 1, policy.Billed, 1))
				})
			}
			for range 10 {
				time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
				fail, failSync := random.IntN(3) == 0, random.IntN(3) == 0
				s.set(func(s *faultySink) {
					s.err, s.syncErr = nil, nil
					if fail {
						s.err = errDown
					}
					if failSync {
						s.syncErr = errDown
					}
				})
			}
			s.set(func(s *faultySink) { s.err, s.syncErr = nil, nil })
			calls.Wait()
			if err := w.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			seen := make(map[string]int)
			for at, call := range strings.Fields(s.calls()) {
				if seen[call]++; seen[call] > 1 {
					t.Fatalf("%s is there twice, again at %d", call, at)
				}
				if own, isOpen := strings.CutPrefix(call, "("); isOpen && seen[strings.TrimSuffix(own, ")")] > 0 {
					t.Fatalf("%s comes after its row", call)
				}
			}
			for i := range 30 {
				if seen[fmt.Sprint(i)] != 1 {
					t.Fatalf("row %d is not there: %s", i, s.calls())
				}
			}
		}
	})
}

func TestWriterResolve(t *testing.T) {
	dir := t.TempDir()
	w := ledger.NewWriter(openJSONL(t, dir, ledger.JSONLConfig{}), ledger.WriterConfig{Logger: quiet})
	lost := ledger.Row{Call: "a", Attempt: 1, At: noon, Outcome: policy.Ambiguous, Exposure: ledger.Known(50), Unpriced: "?"}
	w.Add(lost)
	w.Add(row("b", 1, policy.Billed, 1))
	if err := w.Resolve("a", 1, 7); err != nil {
		t.Fatal(err)
	}
	if w.Resolve("a", 1, 7) == nil || w.Resolve("x", 1, 7) == nil {
		t.Error("resolved what is not open")
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := ledger.NewWriter(openJSONL(t, dir, ledger.JSONLConfig{}), ledger.WriterConfig{Logger: quiet})
	defer again.Close(t.Context())
	wantRows(t, again, ledger.Filter{}, "a/1:ambiguous:0.000000000007 b/1:billed:0.000000000001")
	if err := again.Load(t.Context(), ledger.Filter{}); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(again.Totals()), fmt.Sprint(w.Totals()); got != want {
		t.Errorf("loaded\n%s\nwant\n%s", got, want)
	}
}
