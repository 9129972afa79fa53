package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// Seen is what an [Observer] says of the bytes it saw. Its values can be combined.
type Seen uint8

const (
	// SeenEnd says that an event, or something else that is passed on as one, ended with these bytes.
	SeenEnd Seen = 1 << iota
	// SeenHide says that the caller is not to get the event that ended with these bytes.
	SeenHide
	// SeenComplete says that the answer is complete, whatever may follow.
	SeenComplete
)

// An Observer sees a response's body as its caller reads it. [Watcher.Watch] calls its methods one at a time.
type Observer interface {
	// Observe sees the next bytes, takes all of them or those up to the end of an event, and says how many, at least
	// one. A nil p is the end of the body.
	Observe(p []byte) (n int, seen Seen)

	// End is called once, when the answer is over for the program: for how, see [End]. It runs under a lock, so it must
	// not use the body. Where events may be hidden, Observe may still be called after it, for what follows.
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
	EndIdle                // nobody read it for the idle time
)

var endNames = [...]string{"complete", "eof", "error", "closed", "context", "idle"}

// String returns the name of e in lower case.
func (e End) String() string {
	if int(e) < len(endNames) {
		return endNames[e]
	}
	return "unknown"
}

// MaxHeld is how much of an event [Watcher.Watch] holds back at most, while it waits to learn whether to hide it.
const MaxHeld = 64 << 10

// A Watcher says how to watch a body: see [Watcher.Watch].
type Watcher struct {
	Observer Observer

	// Idle, if not nil, gives the body up if it goes unread for the given time: it is then closed, and further reads
	// fail with [ErrIdle].
	Idle     *Idle
	IdleTime time.Duration

	// Hide lets the Observer hide events. At most the event being received is then held back, and no more than
	// [MaxHeld] bytes of it; the rest is passed on as it comes.
	Hide bool
}

// ErrIdle is what a read of a body returns that was given up because nobody had read it for too long.
var ErrIdle = errors.New("transport: response body was left unread for too long and has been closed")

// Watch replaces resp.Body by one that shows the Observer every byte the caller reads, without delay and without a
// goroutine. The Observer's End comes once, at the first of: a complete answer, EOF, a failed read, Close, a done
// context, and Idle without a read. The new body may be closed while it is read.
//
// An upgraded connection (101) is not wrapped, nor is a response without a body; the Observer's End then comes at
// once.
func (w Watcher) Watch(ctx context.Context, resp *http.Response) {
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == nil || resp.Body == http.NoBody {
		w.Observer.Observe(nil)
		w.Observer.End(EndEOF, nil)
		return
	}
	b := &watched{rc: resp.Body, w: w}
	resp.Body = b
	if w.Hide && resp.ContentLength >= 0 {
		resp.ContentLength = -1
		resp.Header.Del("Content-Length")
	}
	// Both may fire at once, so they must find b ready.
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Done() != nil {
		b.stop = context.AfterFunc(ctx, func() { b.end(EndContext, context.Cause(ctx)) })
	}
	if w.Idle != nil && w.IdleTime > 0 && !b.ended {
		b.last = time.Now()
		b.listed = true
		w.Idle.add(b)
	}
}

type watched struct {
	rc io.ReadCloser
	w  Watcher

	mu      sync.Mutex
	ended   bool
	idle    bool
	reading int
	last    time.Time // when it was last read
	stop    func() bool

	listed     bool // in w.Idle's list, whose lock guards what follows
	prev, next *watched

	// Where events may be hidden:
	held    []byte // what came of the event being received
	passing bool   // that event is too long to hold back
	ready   []byte // to be given to the caller next,
	given   int    // from here on,
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
		// What is held back goes before what comes, if it goes to the caller at all, so it is left room.
		room := len(b.held)
		if room >= len(p) {
			room = 0
		}
		n, err := b.rc.Read(p[room:])
		if n, err, ok := b.took(p[:room+n], room, err); ok {
			return n, err
		}
	}
}

// begin notes that a read is under way, and reports false if the body was given up.
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
	if b.listed {
		b.last = time.Now()
	}
}

// pending serves a read from what is ready.
func (b *watched) pending(p []byte) (n int, err error, ok bool) {
	if !b.w.Hide {
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

// took deals with p, of which what came from the body beneath begins at from, and its error. It reports false if nothing
// is for the caller.
func (b *watched) took(p []byte, from int, err error) (int, error, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.w.Hide {
		b.show(p, err)
		b.finishLocked()
		return len(p), err, true
	}
	n := b.sift(p, from)
	if err != nil {
		b.err = err
		if seen := b.finalRead(err); seen&SeenHide == 0 || b.passing {
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

// sift shows the Observer p from the given index on, moves what is for the caller to the front of p, and returns how long
// that is. What has to wait for, or come after, bytes that were held back and have no room in front goes to b.ready.
func (b *watched) sift(p []byte, from int) (kept int) {
	pass := func(unit []byte) {
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
		case b.passing:
			pass(unit)
			b.passing = seen&SeenEnd == 0
		case seen&SeenEnd == 0 && len(b.held)+n <= MaxHeld:
			b.held = append(b.held, unit...)
		case seen&(SeenEnd|SeenHide) == SeenEnd|SeenHide && len(b.held)+n <= MaxHeld:
			b.held = b.held[:0]
		default:
			b.passing = seen&SeenEnd == 0
			switch held := b.held; {
			case len(held) == 0:
			case kept+len(held) <= at-n && len(b.ready) == 0:
				kept += copy(p[kept:], held)
			default:
				b.ready = append(b.ready, held...)
			}
			b.held = b.held[:0]
			pass(unit)
		}
	}
	return kept
}

// observe shows the Observer p, which is not empty, and ends the body if the answer is complete.
func (b *watched) observe(p []byte) (n int, seen Seen) {
	n, seen = b.w.Observer.Observe(p)
	if n <= 0 || n > len(p) {
		n = len(p)
	}
	if seen&SeenComplete != 0 {
		b.endLocked(EndComplete, nil)
	}
	return n, seen
}

// finalRead ends the body with the error of its last read.
func (b *watched) finalRead(err error) (seen Seen) {
	if b.ended && !b.w.Hide {
		return 0
	}
	_, seen = b.w.Observer.Observe(nil)
	switch {
	case seen&SeenComplete != 0:
		b.endLocked(EndComplete, nil)
	case errors.Is(err, io.EOF):
		b.endLocked(EndEOF, nil)
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
	if b.listed {
		b.listed = false
		b.w.Idle.remove(b)
	}
	b.w.Observer.End(how, err)
}

// idleFor returns how long the body has been left unread, and gives it up if that is too long.
func (b *watched) idleFor(now time.Time) (left time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch left = b.w.IdleTime - now.Sub(b.last); {
	case b.ended:
		return 0
	case b.reading > 0:
		return b.w.IdleTime
	case left > 0:
		return left
	}
	b.idle = true
	b.endLocked(EndIdle, ErrIdle)
	// Not under the lock, nor in the way of other bodies: it may block.
	go b.rc.Close()
	return 0
}

// Close closes the body. The Observer hears of it first, as closing may block.
func (b *watched) Close() error {
	b.end(EndClosed, nil)
	return b.rc.Close()
}
