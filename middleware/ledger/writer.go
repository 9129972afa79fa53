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

// WriterConfig configures a [Writer]. The zero value is good.
type WriterConfig struct {
	// Queue is how many rows may wait to be written. When it is full, further ones are not kept by the sink, which
	// [WriterStats] counts, and the log says once; Memory has them all the same. Default: 32768.
	Queue int

	// Batch is how many rows are written at once at most. Default: 1024.
	Batch int

	// OpenWait is how long a call waits at most, before it is sent, until the sink has noted that it will be. When a
	// sink once took longer, or failed, calls do not wait for it until it works again. Default: 100 ms; negative: never.
	OpenWait time.Duration

	// WriteTimeout ends a Write or Sync that hangs, if the sink heeds its context. Default: 30 seconds.
	WriteTimeout time.Duration

	// Memory keeps the totals and the latest rows. Default: a new one.
	Memory *Memory

	// Logger is told when the sink begins to fail, when rows are lost, and when it works again. Default: [slog.Default].
	Logger *slog.Logger
}

// A Writer is a [Store] that keeps totals and the latest rows in a [Memory], and writes all rows to a [Sink] apart from
// the calls, in batches: while one is written, the next gathers. Rows that cannot be written wait, and are tried again
// for as long as it takes.
//
// It is an [Opener]: before an attempt is sent, its sink has noted it. It is a [Resolver], a [Flusher], and a [Source] if
// its sink is one. Make it with [NewWriter], and Close it. It is safe for concurrent use.
type Writer struct {
	c      WriterConfig
	sink   Sink
	syncer Syncer // the sink, if it is one
	mem    *Memory

	mu      sync.Mutex
	rows    queue         // not yet safe
	written int           // of them: the first have been written, and wait to be safe
	most    int           // written ever
	safe    int           // safe or given up ever; rows begin after these
	wake    chan struct{} // has room for one: there is something to do
	turn    chan struct{} // closed, and replaced, at every progress
	stalled bool          // calls do not wait
	syncing bool
	stop    bool
	hasty   bool // nothing is tried again any more
	ended   chan struct{}
	ctx     context.Context // of what the sink is asked to do
	cancel  context.CancelFunc
	fails   int // in a row
	kept    int64
	lost    int64
	cost    price.Sum // of the lost ones
	failure error     // the latest, until the sink works
	told    bool      // of rows that were lost
	rewind  bool      // a sync has failed: what was written has to be again
	slow    bool      // the latest Write took longer than calls wait
	gone    bool      // Close has given up on the sink, which hangs
}

// WriterStats say how a [Writer] fares.
type WriterStats struct {
	Queued   int       // rows that are not safe yet, open ones too
	Written  int64     // rows that are
	Lost     int64     // rows that the sink never got, as the queue was full or the Writer closed
	LostCost price.Sum // of these, as far as it was known
	Err      error     // why the sink fails; nil if it works
}

// NewWriter returns a Writer that writes to the sink, and closes it when it is closed itself.
func NewWriter(sink Sink, c WriterConfig) *Writer {
	c.Queue = cmp.Or(max(c.Queue, 0), 32768)
	c.Batch = cmp.Or(max(c.Batch, 0), 1024)
	c.OpenWait = cmp.Or(c.OpenWait, 100*time.Millisecond)
	c.WriteTimeout = cmp.Or(max(c.WriteTimeout, 0), 30*time.Second)
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

// Add implements [Store].
func (w *Writer) Add(r Row) {
	w.mem.Add(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(&r)
}

// put puts a row at the end of the queue; false if there is no room.
func (w *Writer) put(r *Row) bool {
	room := w.c.Queue
	if r.Outcome == policy.Open {
		room -= room / 4 // which is for the rows of what has been sent
	}
	if w.stop || w.rows.n >= room && r.PriceID != Bill { // of these there are few, and they are told only once
		w.lose(r)
		return false
	}
	w.rows.push(r)
	w.poke()
	return true
}

// lose counts a row that is not kept.
func (w *Writer) lose(r *Row) {
	if r.Outcome == policy.Open {
		return
	}
	w.lost++
	w.cost.Add(r.Cost.Pico)
	if !w.told {
		w.told = true
		w.say(slog.LevelError, "skinflint: the ledger loses rows, which WriterStats counts: the queue is full, or closed", "queue", w.c.Queue, "err", w.failure)
	}
}

// say logs, apart from everything else: a logger may block, or panic.
func (w *Writer) say(level slog.Level, message string, args ...any) {
	log := w.c.Logger
	go func() {
		defer func() { recover() }()
		log.Log(context.Background(), level, message, args...)
	}()
}

// Open implements [Opener].
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

// run writes until the Writer is closed and nothing is left.
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

// next returns the next rows to write. The end is when the Writer was closed and nothing is left to do.
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

// wrote notes what became of a batch.
func (w *Writer) wrote(n int, took time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone {
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

// sync makes safe what has been written, until nothing is left of that.
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
		if w.gone {
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

// keep forgets the first n rows: they are safe, or given up.
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

// poke has run look for something to do.
func (w *Writer) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// progress wakes all who wait for some.
func (w *Writer) progress() {
	close(w.turn)
	w.turn = make(chan struct{})
}

func (w *Writer) failed(err error) {
	if w.failure == nil {
		w.say(slog.LevelWarn, "skinflint: the ledger cannot be written, and its rows wait", "err", err, "waiting", w.rows.n)
	}
	w.failure, w.stalled = err, true
	w.fails++
	w.progress()
}

func (w *Writer) works() {
	w.stalled, w.fails = w.slow, 0
	if w.failure != nil {
		w.say(slog.LevelInfo, "skinflint: the ledger is written again", "waiting", w.rows.n, "lost", w.lost)
		w.failure, w.told = nil, false
	}
}

// pause waits before what has failed is tried again: with full jitter, and 10 seconds at most.
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

// Flush implements [Flusher].
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

// Close writes what is left, as long as ctx lasts, and closes the sink. What could not be written is lost, and the error
// says how much. Rows that come later are lost, too.
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

// abandon loses the rows that are left.
func (w *Writer) abandon(why error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.progress()
	w.gone = true
	n := w.rows.n
	for i := 0; i < n; {
		for batch := w.rows.batch(i); len(batch) > 0; batch = batch[1:] {
			w.lose(&batch[0])
			i++
		}
	}
	w.rows, w.written, w.safe = queue{size: w.c.Batch}, 0, w.safe+n // the sink may still have them in hand
	if n == 0 {
		return nil
	}
	return fmt.Errorf("ledger: %d rows could not be written, and $%s of cost is lost with them and others: %w", n, w.cost, cmp.Or(w.failure, why))
}

// Resolve implements [Resolver], for the latest rows of which Memory knows: see [Memory.Resolve]. The sink is told.
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

// Load adds the rows that the sink holds and the filter selects to Memory, for a program that starts. Rows that the
// Writer was given before are not among them if Load is called first. Files that cannot be read in part are an error
// after all else has been loaded: see [CorruptError].
func (w *Writer) Load(ctx context.Context, f Filter) error {
	for row, err := range w.Scan(ctx, f) {
		if err != nil {
			return err
		}
		w.mem.Add(row)
	}
	return nil
}

// Scan implements [Source], with what the sink has: rows that are not written yet are not among them.
func (w *Writer) Scan(ctx context.Context, f Filter) iter.Seq2[Row, error] {
	if source, ok := w.sink.(Source); ok {
		return source.Scan(ctx, f)
	}
	return func(yield func(Row, error) bool) {
		yield(Row{}, fmt.Errorf("ledger: the sink, a %T, cannot be read", w.sink))
	}
}

// Totals returns the totals of all rows that Memory has seen.
func (w *Writer) Totals() Totals { return w.mem.Totals() }

// Rows returns the latest rows, oldest first.
func (w *Writer) Rows() []Row { return w.mem.Rows() }

// Stats says how the Writer fares.
func (w *Writer) Stats() WriterStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return WriterStats{Queued: w.rows.n, Written: w.kept, Lost: w.lost, LostCost: w.cost, Err: w.failure}
}
