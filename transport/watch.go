package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// Seen is what an [Observer] reports about the bytes that it saw: a set of flags. Zero reports nothing.
type Seen uint8

const (
	// SeenEnd says that an event ended with these bytes. The caller gets an event whole or not at all.
	SeenEnd Seen = 1 << iota
	// SeenHide says that the caller is not to get the event that ended with these bytes.
	SeenHide
	// SeenComplete says that the answer is complete, whatever may follow.
	SeenComplete
)

// An Observer sees a response's body as its caller reads it. [Watcher.Watch] calls its methods one at a time.
type Observer interface {
	// Observe takes the next bytes of the body: all of p, or those up to the end of an event. It returns how many it took,
	// at least one, and what it saw in them. The rest of p comes with the next call. A nil p is the end of the body.
	// Observe must neither change nor keep p.
	Observe(p []byte) (n int, seen Seen)

	// End is called once, when the answer is over for the program. How says why; err is the error of a failed read, the
	// cause of a done context, or [ErrIdle], and else nil. End runs under a lock, so it must not use the body. With
	// [WatchOptions.Hide], Observe may still be called after End, for what follows.
	End(how End, err error)
}

// End says how a body ended for the program that read it.
type End uint8

const (
	EndComplete End = iota // the Observer said that the answer is complete
	EndEOF                 // the body was read to its end
	EndError               // reading failed
	EndClosed              // the caller closed it before
	EndContext             // the request's context was done before
	EndIdle                // nothing read it for the idle time
)

var endNames = [...]string{"complete", "eof", "error", "closed", "context", "idle"}

// String returns the name of e in lower case.
func (e End) String() string {
	if int(e) < len(endNames) {
		return endNames[e]
	}
	return "unknown"
}

// maxHeld is how many bytes of an event are held back at most, while it is not known whether to hide it.
const maxHeld = 64 << 10

// WatchOptions configure [Watcher.Watch]. With the zero WatchOptions, the Observer sees the body and nothing else changes.
type WatchOptions struct {
	// IdleTime, if positive, is how long the body may be left unread. After that it is closed, and reads fail with
	// [ErrIdle].
	IdleTime time.Duration

	// Hide lets the Observer hide events. The event being received is then held back, up to 64 KB of it; a longer event
	// goes to the caller as it comes.
	Hide bool

	// Rest lets Close read what is left of the body, for the Observer, if that is at most 256 KB and arrives within a quarter
	// of a second. The connection can then also be used again. When the context is done, the body may be closed, and its rest
	// read, for as long; only then it has ended. Rest is for answers that are complete when they begin to arrive, not for
	// streams.
	Rest bool
}

// ErrIdle is the error of reading a body that was closed because it had been left unread for [WatchOptions].IdleTime.
var ErrIdle = errors.New("transport: response body was left unread for too long and has been closed")

// Watch replaces resp.Body by one that shows the Observer every byte the caller reads, without delay and without a
// goroutine. The Observer's End is called once, at the first of: a complete answer, EOF, a failed read, Close, a done
// context, and IdleTime without a read. The new body may be closed while it is read. Only if Close is to read a rest, it
// starts a goroutine, which ends when the body beneath is closed.
//
// An upgraded connection (101) is not wrapped, nor is a response without a body; the Observer's End is then called at
// once.
func (w *Watcher) Watch(ctx context.Context, resp *http.Response, o Observer, options WatchOptions) {
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == nil || resp.Body == http.NoBody {
		o.Observe(nil)
		o.End(EndEOF, nil)
		return
	}
	b := &watched{rc: resp.Body, observer: o, options: options, length: resp.ContentLength}
	resp.Body = b
	if options.Hide {
		b.sieve = new(sieve)
	}
	if options.Hide && resp.ContentLength >= 0 {
		resp.ContentLength = -1
		resp.Header.Del("Content-Length")
	}
	// The context and the timer may fire at once, and must then find b complete.
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Done() != nil {
		b.stop = context.AfterFunc(ctx, func() { b.giveUp(context.Cause(ctx)) })
	}
	if options.IdleTime > 0 && !b.ended {
		b.last = time.Now()
		b.watcher = w
		w.add(b)
	}
}

// A watched is a body that shows an Observer what its caller reads.
//
// Without WatchOptions.Hide every byte goes straight to the caller. With it, an event cannot go to the caller before it has
// ended. Of a stream that comes as
//
//	data: {"choices":[{"delta":{"content":"Hi"}}]}⏎⏎data: {"choices":[],"us     (end of a read)
//	age":{"prompt_tokens":5}}⏎⏎data: [DONE]⏎⏎
//
// the first event goes to the caller at once, and the beginning of the second is kept in held. When the second event ends,
// the Observer reports SeenHide, and held is dropped. Had it not, held and the rest of the event would go to the caller. An
// event longer than maxHeld goes to the caller even if the Observer hides it.
type watched struct {
	rc       io.ReadCloser
	observer Observer
	options  WatchOptions

	mu      sync.Mutex
	ended   bool
	idle    bool  // it was closed because it was left unread
	reading int   // how many reads are under way
	length  int64 // how much is left of the body; negative if that is not known
	closed  bool
	why     error // why the context is done, if it is, and its body has not ended
	last    time.Time
	stop    func() bool // ends the wait for the context

	watcher    *Watcher // in whose list it is; nil if it is in none
	prev, next *watched // in that list, whose lock guards them

	*sieve // nil unless events may be hidden
}

// A sieve holds back what may be hidden from the caller.
type sieve struct {
	held    []byte // what has arrived of the event being received
	tooLong bool   // that event is too long to hold back, and goes to the caller as it comes
	ready   []byte // what the caller is to get next,
	given   int    // from this index on,
	err     error  // and then this
}

// Read reads the body for the caller and shows the Observer what came.
func (b *watched) Read(p []byte) (int, error) {
	if !b.begin() {
		return 0, ErrIdle
	}
	for {
		if n, err, ok := b.pending(p); ok {
			b.finish()
			return n, err
		}
		// If held goes to the caller, it goes before what is read now. Reading behind it leaves room to copy it in front,
		// so that most events need no further buffer.
		room := 0
		if b.sieve != nil && len(b.held) < len(p) {
			room = len(b.held)
		}
		n, err := b.rc.Read(p[room:])
		if n, err, ok := b.took(p[:room+n], room, err); ok {
			return n, err
		}
	}
}

// begin notes that a read is under way, and reports false if the body was closed because it was left unread.
func (b *watched) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.idle {
		return false
	}
	b.reading++
	return true
}

func (b *watched) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finishLocked()
}

func (b *watched) finishLocked() {
	b.reading--
	if b.watcher != nil {
		b.last = time.Now()
	}
}

// pending serves a read from what is ready.
func (b *watched) pending(p []byte) (n int, err error, ok bool) {
	if !b.options.Hide {
		return 0, nil, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.given < len(b.ready) {
		n = copy(p, b.ready[b.given:])
		b.given += n
		return n, nil, true
	}
	b.ready, b.given = b.ready[:0], 0
	return 0, b.err, b.err != nil
}

// took shows the Observer the result of a read from the body beneath: p from the given index on, and err. It reports false
// if nothing of that can go to the caller yet.
func (b *watched) took(p []byte, from int, err error) (int, error, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.length -= int64(len(p) - from)
	if !b.options.Hide {
		b.show(p, err)
		b.finishLocked()
		return len(p), err, true
	}
	n := b.sift(p, from)
	if err != nil {
		b.err = err
		if seen := b.finalRead(err); seen&SeenHide == 0 || b.tooLong {
			b.ready = append(b.ready, b.held...)
		}
		b.held = nil
	}
	if n > 0 || len(p) == 0 && err == nil {
		b.finishLocked()
		return n, nil, true
	}
	return 0, nil, false
}

// show shows the Observer bytes that all go to the caller.
func (b *watched) show(p []byte, err error) {
	for len(p) > 0 && !b.ended {
		n, _ := b.observe(p)
		p = p[n:]
	}
	if err != nil {
		b.finalRead(err)
	}
}

// sift shows the Observer p from the given index on, moves what is for the caller to the front of p, and returns its
// length. Of p = "hide⏎⏎show⏎⏎", with the first event hidden, it makes "show⏎⏎", and returns 6.
//
// The beginning of an event in held must go before the rest of that event. If there is no room for it in p, it goes to
// b.ready, and so does everything after it, so that the order stays.
func (b *watched) sift(p []byte, from int) (kept int) {
	deliver := func(unit []byte) {
		switch {
		case len(b.ready) > 0:
			b.ready = append(b.ready, unit...)
		case &p[kept] == &unit[0]:
			kept += len(unit) // where it is already
		default:
			kept += copy(p[kept:], unit)
		}
	}
	for at := from; at < len(p); {
		n, seen := b.observe(p[at:])
		unit := p[at : at+n]
		at += n
		switch {
		case b.tooLong: // the beginning of the event is with the caller already, so the rest must follow
			deliver(unit)
			b.tooLong = seen&SeenEnd == 0
		case seen&SeenEnd == 0 && len(b.held)+n <= maxHeld:
			b.held = append(b.held, unit...)
		case seen&(SeenEnd|SeenHide) == SeenEnd|SeenHide && len(b.held)+n <= maxHeld:
			b.held = b.held[:0]
		default:
			b.tooLong = seen&SeenEnd == 0
			switch held := b.held; {
			case len(held) == 0:
			case kept+len(held) <= at-n && len(b.ready) == 0: // there is room before the unit
				kept += copy(p[kept:], held)
			default:
				b.ready = append(b.ready, held...)
			}
			b.held = b.held[:0]
			deliver(unit)
		}
	}
	return kept
}

// observe shows the Observer p, which is not empty, and ends the body if the answer is complete.
func (b *watched) observe(p []byte) (n int, seen Seen) {
	n, seen = b.observer.Observe(p)
	if n <= 0 || n > len(p) { // a broken Observer must neither stop the body nor make us panic
		n = len(p)
	}
	if seen&SeenComplete != 0 {
		b.endLocked(EndComplete, nil)
	}
	return n, seen
}

// finalRead ends the body with the error of its last read.
func (b *watched) finalRead(err error) (seen Seen) {
	if b.ended && !b.options.Hide {
		return 0
	}
	_, seen = b.observer.Observe(nil)
	switch {
	case seen&SeenComplete != 0:
		b.endLocked(EndComplete, nil)
	case errors.Is(err, io.EOF):
		b.endLocked(EndEOF, nil)
	case b.why != nil:
		b.endLocked(EndContext, b.why)
	default:
		b.endLocked(EndError, err)
	}
	return seen
}

func (b *watched) end(how End, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endLocked(how, err)
}

func (b *watched) endLocked(how End, err error) {
	if b.ended {
		return
	}
	b.ended = true
	if b.stop != nil {
		b.stop()
	}
	if b.watcher != nil {
		b.watcher.remove(b)
		b.watcher = nil
	}
	b.observer.End(how, err)
}

// idleFor returns how much longer the body may be left unread, and closes it if that time is over. It returns 0 for a body
// that has ended.
func (b *watched) idleFor(now time.Time) (left time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch left = b.options.IdleTime - now.Sub(b.last); {
	case b.ended:
		return 0
	case b.reading > 0:
		return b.options.IdleTime
	case left > 0:
		return left
	}
	b.idle = true
	b.endLocked(EndIdle, ErrIdle)
	// Close may block: it must not hold the lock, nor delay the other bodies of the Watcher.
	go b.rc.Close()
	return 0
}

// giveUp ends the body because its context is done. If its rest may be read, it waits a moment for Close.
func (b *watched) giveUp(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.options.Rest || b.ended {
		b.endLocked(EndContext, why)
		return
	}
	if b.why = why; b.closed { // Close is about to end it
		return
	}
	late := time.AfterFunc(restTime, func() { b.end(EndContext, why) })
	b.stop = late.Stop
}

// Close closes the body. The Observer's End comes first, as closing may block.
func (b *watched) Close() error {
	if b.mayHaveRest() {
		b.readRest()
	}
	b.mu.Lock()
	if b.why != nil {
		b.endLocked(EndContext, b.why)
	} else {
		b.endLocked(EndClosed, nil)
	}
	b.mu.Unlock()
	return b.rc.Close()
}
