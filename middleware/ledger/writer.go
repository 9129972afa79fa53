package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// WriterConfig configures a [Writer]. The zero value is valid.
type WriterConfig struct {
	// Queue is how many rows may wait to be written. When the queue is full, further rows are lost to the sink: [WriterStats]
	// counts them, and the log reports the first one. Memory still has them. Default: 32768.
	Queue int

	// Batch is how many rows are written at once, at most. Default: 1024.
	Batch int

	// OpenWait is how long a call waits, at most, until the sink has its open row. When the sink took longer or failed, calls
	// do not wait until it works again. Default: 100 ms. If negative, calls never wait.
	OpenWait time.Duration

	// WriteTimeout limits the time of one Write or Sync of the sink, by its context. Default: 30 seconds.
	WriteTimeout time.Duration

	// Memory keeps the totals and the latest rows. Default: a new Memory.
	Memory *Memory

	// Logger reports when the sink begins to fail, when rows are lost, and when the sink works again. Default:
	// [slog.Default].
	Logger *slog.Logger
}

// A Writer is a [Store] that keeps totals and the latest rows in a [Memory], and also writes all rows to a [Sink]. It writes
// them in batches, in a goroutine of its own: while one batch is written, the next one is collected. If the sink fails, the
// rows wait, and the Writer tries again until it succeeds.
//
// A Writer is also an [Opener]: the sink has the open row of an attempt before the attempt is sent. It is a [Resolver], a
// [Flusher], and, if its sink is one, a [Scanner]. Create it with [NewWriter], and Close it at the end of the program. It is
// safe for concurrent use.
type Writer struct {
	c      WriterConfig
	sink   Sink
	syncer Syncer // the sink, if it is one
	mem    *Memory

	mu sync.Mutex
	// Rows are numbered from 0 in the order in which they are put into the queue. The numbers below safe are done with, the
	// next ones are in rows: first those that are written but not synced, then the others.
	rows    queue
	written int // how many of rows are written
	most    int // how many rows have ever been written: the largest safe+written
	safe    int // how many rows are safe or given up

	wake    chan struct{} // has a buffer of one; a value says that run has something to do
	turn    chan struct{} // closed and replaced at every progress
	stalled bool          // calls do not wait for their open rows
	syncing bool          // the goroutine of sync runs
	stop    bool          // Close was called
	hasty   bool          // Close must end: nothing is tried again
	ended   chan struct{} // closed when run has ended
	ctx     context.Context
	cancel  context.CancelFunc // ends all calls of the sink

	fails     int // failures of the sink since its last success
	kept      int64
	lost      int64
	cost      price.Sum // of the lost rows
	failure   error     // the latest failure; nil when the sink works
	reported  bool      // the log has reported that rows are lost
	rewind    bool      // a sync has failed: all of rows have to be written again
	slow      bool      // the latest Write took longer than OpenWait
	abandoned bool      // Close has given up: rows that the sink still writes no longer count
}

// WriterStats says how a [Writer] works.
type WriterStats struct {
	Queued   int       // rows that are not safe yet, open rows included
	Written  int64     // rows that are safe
	Lost     int64     // rows that the sink never got, because the queue was full or the Writer was closed
	LostCost price.Sum // the known cost of the lost rows
	Err      error     // why the sink fails; nil if it works
}

// NewWriter returns a Writer that writes to the sink. Closing the Writer closes the sink. With a nil sink every write fails.
func NewWriter(sink Sink, c WriterConfig) *Writer {
	c.Queue = cmp.Or(max(c.Queue, 0), 32768)
	c.Batch = cmp.Or(max(c.Batch, 0), 1024)
	c.OpenWait = cmp.Or(c.OpenWait, 100*time.Millisecond)
	c.WriteTimeout = cmp.Or(max(c.WriteTimeout, 0), 30*time.Second)
	if sink == nil {
		sink = noSink{}
	}
	if c.Memory == nil {
		c.Memory = new(Memory)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	w := &Writer{c: c, sink: sink, mem: c.Memory, wake: make(chan struct{}, 1), turn: make(chan struct{}), ended: make(chan struct{})}
	w.syncer, _ = sink.(Syncer)
	w.rows.size = c.Batch
	w.ctx, w.cancel = context.WithCancel(context.Background())
	go w.run()
	return w
}

// noSink is the Sink of a Writer that was given none.
type noSink struct{}

var errNoSink = errors.New("ledger: NewWriter: the sink is nil")

func (noSink) Write(context.Context, []Row) error { return errNoSink }
func (noSink) Close() error                       { return errNoSink }

// Add implements [Store].
func (w *Writer) Add(r Row) {
	w.mem.Add(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(&r)
}

// put puts a row at the end of the queue. It returns false, and counts the row as lost, if there is no room.
func (w *Writer) put(r *Row) bool {
	room := w.c.Queue
	if r.Outcome == policy.Open {
		room -= room / 4 // a quarter is reserved for the rows of attempts that were sent
	}
	if w.stop || w.rows.n >= room && r.PriceID != BillPriceID { // rows of bills are few, and come only once
		w.lose(r)
		return false
	}
	w.rows.push(r)
	w.poke()
	return true
}

// lose counts a row that the sink does not get. An open row does not count: its attempt has another row.
func (w *Writer) lose(r *Row) {
	if r.Outcome == policy.Open {
		return
	}
	w.lost++
	w.cost.Add(r.Cost.Pico)
	if !w.reported {
		w.reported = true
		w.say(slog.LevelError, "skinflint: the ledger loses rows, which WriterStats counts: the queue is full, or closed", "queue", w.c.Queue, "err", w.failure)
	}
}

// say logs in a goroutine of its own, because a logger may block or panic.
func (w *Writer) say(level slog.Level, message string, args ...any) {
	log := w.c.Logger
	go func() {
		defer func() { recover() }()
		log.Log(context.Background(), level, message, args...)
	}()
}

// Open implements [Opener]. It waits for at most OpenWait.
func (w *Writer) Open(r Row) {
	w.mu.Lock()
	if !w.put(&r) || w.stalled || w.c.OpenWait < 0 {
		w.mu.Unlock()
		return
	}
	mine := w.safe + w.rows.n
	var expired <-chan time.Time
	for w.most < mine && !w.stalled {
		turn := w.turn
		w.mu.Unlock()
		if expired == nil {
			timer := time.NewTimer(w.c.OpenWait)
			defer timer.Stop()
			expired = timer.C
		}
		select {
		case <-turn:
			w.mu.Lock()
		case <-expired:
			w.mu.Lock()
			w.stalled = w.stalled || w.most < mine
		}
	}
	w.mu.Unlock()
}

// run writes batches until the Writer is closed and nothing is left to write.
func (w *Writer) run() {
	defer close(w.ended)
	for {
		w.pause()
		batch, end := w.next()
		if end {
			return
		}
		if len(batch) == 0 {
			<-w.wake
			continue
		}
		ctx, cancel := context.WithTimeout(w.ctx, w.c.WriteTimeout)
		start := time.Now()
		err := w.sink.Write(ctx, batch)
		cancel()
		w.wrote(len(batch), time.Since(start), err)
	}
}

// next returns the next rows to write, and whether run has to end.
func (w *Writer) next() (batch []Row, end bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rewind && !w.syncing {
		w.rewind, w.written = false, 0
	}
	if w.rewind {
		return nil, false
	}
	batch = w.rows.batch(w.written)
	return batch, w.stop && (w.rows.n == 0 || w.hasty) && !w.syncing
}

// wrote records the result of writing a batch of n rows.
func (w *Writer) wrote(n int, took time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.abandoned {
		return
	}
	w.slow = took >= w.c.OpenWait
	if err != nil {
		w.failed(err)
		return
	}
	w.written += n
	w.most = max(w.most, w.safe+w.written)
	switch {
	case w.syncer == nil:
		w.works()
		w.keep(w.written)
	case w.failure == nil:
		w.stalled = w.slow
		fallthrough
	default:
		if !w.syncing {
			w.syncing = true
			go w.sync()
		}
	}
	w.progress()
}

// sync syncs until all rows that are written are safe.
func (w *Writer) sync() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.written > 0 && !w.rewind {
		n := w.written
		w.mu.Unlock()
		ctx, cancel := context.WithTimeout(w.ctx, w.c.WriteTimeout)
		err := w.syncer.Sync(ctx)
		cancel()
		w.mu.Lock()
		if w.abandoned {
			break
		}
		if err != nil {
			w.failed(err)
			w.rewind = true
		} else {
			w.works()
			w.keep(n)
		}
		w.progress()
	}
	w.syncing = false
	w.poke()
}

// keep removes the first n rows from the queue, because they are safe.
func (w *Writer) keep(n int) {
	for i := 0; i < n; {
		batch := w.rows.batch(i)
		batch = batch[:min(len(batch), n-i)]
		for j := range batch {
			if batch[j].Outcome != policy.Open {
				w.kept++
			}
		}
		i += len(batch)
	}
	w.rows.drop(n)
	w.written -= n
	w.safe += n
}

// poke wakes run.
func (w *Writer) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// progress wakes all goroutines that wait in Open and Flush.
func (w *Writer) progress() {
	close(w.turn)
	w.turn = make(chan struct{})
}

// failed records a failure of the sink.
func (w *Writer) failed(err error) {
	if w.failure == nil {
		w.say(slog.LevelWarn, "skinflint: the ledger cannot be written, and its rows wait", "err", err, "waiting", w.rows.n)
	}
	w.failure, w.stalled = err, true
	w.fails++
	w.progress()
}

// works records a success of the sink.
func (w *Writer) works() {
	w.stalled, w.fails = w.slow, 0
	if w.failure != nil {
		w.say(slog.LevelInfo, "skinflint: the ledger is written again", "waiting", w.rows.n, "lost", w.lost)
		w.failure, w.reported = nil, false
	}
}

// pause waits before a retry: for a random time of at most 50 ms after the first failure, and at most 10 s after many.
func (w *Writer) pause() {
	w.mu.Lock()
	fails := w.fails
	w.mu.Unlock()
	if fails == 0 {
		return
	}
	most := min(50*time.Millisecond<<min(fails-1, 10), 10*time.Second)
	select {
	case <-time.After(time.Millisecond + rand.N(most)):
	case <-w.ctx.Done():
	}
}

// Flush implements [Flusher]. Its error has the latest failure of the sink, if there is one.
func (w *Writer) Flush(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for until := w.safe + w.rows.n; w.safe < until; {
		turn := w.turn
		w.mu.Unlock()
		select {
		case <-turn:
			w.mu.Lock()
		case <-ctx.Done():
			w.mu.Lock()
			return fmt.Errorf("ledger: %d rows are not written yet: %w", w.rows.n, cmp.Or(w.failure, context.Cause(ctx)))
		}
	}
	return nil
}

// Close writes the rows that are left, until ctx is done, and closes the sink. Rows that could not be written are lost; the
// error says how many, and their cost. Rows that are added later are lost as well. A second Close does nothing.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	again := w.stop
	w.stop = true
	w.mu.Unlock()
	if again {
		return nil
	}
	w.poke()
	select {
	case <-w.ended:
	case <-ctx.Done():
		w.mu.Lock()
		w.hasty = true
		w.mu.Unlock()
		w.cancel()
		w.poke()
		select {
		case <-w.ended:
		case <-time.After(time.Second):
			go func() {
				<-w.ended
				w.sink.Close()
			}()
			return w.abandon(errors.New("the sink hangs"))
		}
	}
	w.cancel()
	return errors.Join(w.abandon(context.Cause(ctx)), w.sink.Close())
}

// abandon gives up the rows that are left. It returns an error if there are any.
func (w *Writer) abandon(why error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.progress()
	w.abandoned = true
	n := w.rows.n
	for i := 0; i < n; {
		for batch := w.rows.batch(i); len(batch) > 0; batch = batch[1:] {
			w.lose(&batch[0])
			i++
		}
	}
	w.rows, w.written, w.safe = queue{size: w.c.Batch}, 0, w.safe+n // a new queue: the sink may still read the old one
	if n == 0 {
		return nil
	}
	return fmt.Errorf("ledger: %d rows could not be written, and $%s of cost is lost with them and others: %w", n, w.cost, cmp.Or(w.failure, why))
}

// Resolve implements [Resolver] as [Memory.Resolve] does, and writes the row to the sink, where it replaces the earlier one.
func (w *Writer) Resolve(call string, attempt int, cost price.Pico) error {
	row, err := w.mem.resolve(call, attempt, cost)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.put(&row) {
		return fmt.Errorf("ledger: attempt %d of call %q is resolved in memory only: the queue is full, or closed", attempt, call)
	}
	return nil
}

// Load adds the rows that are in the sink, and that the filter selects, to Memory. Call it when the program starts, before
// the first row is added, or rows may count twice. If a part of the files cannot be read, Load returns an error after it has
// loaded all the rest: see [CorruptError].
func (w *Writer) Load(ctx context.Context, f Filter) error {
	for row, err := range w.Scan(ctx, f) {
		if err != nil {
			return err
		}
		w.mem.Add(row)
	}
	return nil
}

// Scan implements [Scanner] for the rows in the sink. It does not return rows that are not written yet: see
// [Writer.Flush].
func (w *Writer) Scan(ctx context.Context, f Filter) iter.Seq2[Row, error] {
	if source, ok := w.sink.(Scanner); ok {
		return source.Scan(ctx, f)
	}
	return func(yield func(Row, error) bool) {
		yield(Row{}, fmt.Errorf("ledger: the sink, a %T, cannot be read", w.sink))
	}
}

// Totals returns the totals of all rows that Memory has seen.
func (w *Writer) Totals() Totals { return w.mem.Totals() }

// Rows returns the latest rows, the oldest first.
func (w *Writer) Rows() []Row { return w.mem.Rows() }

// Stats returns how the Writer works now.
func (w *Writer) Stats() WriterStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return WriterStats{Queued: w.rows.n, Written: w.kept, Lost: w.lost, LostCost: w.cost, Err: w.failure}
}
