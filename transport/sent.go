package transport

import (
	"io"
	"sync"
)

// reads is what a Trace knows about a request's bodies: the request's own, and those that its GetBody gave. A base that
// reports writes headers, and then reads a body. A base that does not report only reads: then every body that is read may
// have been sent.
type reads struct {
	mu       sync.Mutex
	early    int  // bodies read before anything was reported: by a base that does not report, or one that logs them
	claimed  int  // bodies read for headers that were reported as written
	stray    int  // bodies read after a report, but not for headers that were reported
	again    bool // GetBody was called after an early read
	forgiven int  // sends that the server did not process
	ended    bool // no body may be read any more
	own      sentBody
}

// Body returns a body for a request that reports to t, and takes note when it is read. It is body itself if t is not
// Foreign: net/http's own transport reports what it does.
func (t *Trace) Body(body io.ReadCloser) io.ReadCloser {
	if !t.Foreign {
		return body
	}
	b := &t.reads.own
	if b.trace != nil {
		b = new(sentBody)
	}
	*b = sentBody{ReadCloser: body, trace: t}
	return b
}

// Unread reports whether nothing has read any of the request's bodies. If so, nothing can read one from now on. It is true
// for a request without a body, and if t is not Foreign.
func (t *Trace) Unread() bool {
	r := &t.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.early+r.claimed+r.stray > 0 {
		return false
	}
	r.ended = true
	return true
}

// Forgive says that the server did not process what was sent last, so that it may be sent again.
func (t *Trace) Forgive() {
	t.reads.mu.Lock()
	t.reads.forgiven++
	t.reads.mu.Unlock()
}

// unreported returns how many bodies may have been sent by something that does not report.
func (t *Trace) unreported() int {
	r := &t.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.again || !t.watched.Load() {
		return r.stray + r.early
	}
	return r.stray
}

// reopen notes a call of GetBody, and reports whether it may return a body.
func (t *Trace) reopen() bool {
	r := &t.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	r.again = r.again || r.early > r.forgiven
	return !t.Silent || t.watched.Load() || r.early <= r.forgiven
}

// read notes that a body is read for the first time. again says that GetBody gave it. The error is ErrReplay if that body
// must not be sent, because one was sent before by something that did not report what became of it.
func (t *Trace) read(again bool) error {
	r := &t.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.ended:
		return ErrReplay
	case int(t.headers.Load()) > r.claimed:
		r.claimed++
	case again && t.unanswered() > 0:
		return ErrReplay
	case t.watched.Load():
		r.stray++
	default:
		r.early++
	}
	return nil
}

// unanswered returns how many of the bodies that were read got no answer that was reported.
func (t *Trace) unanswered() int {
	r := &t.reads
	return r.early + r.claimed + r.stray - r.forgiven - max(0, int(t.answers.Load()-t.announce.Load()))
}

// A sentBody is a body whose first read is noted.
type sentBody struct {
	io.ReadCloser
	trace *Trace
	again bool // GetBody gave it
	noted bool
}

func (b *sentBody) note() error {
	if b.noted {
		return nil
	}
	if err := b.trace.read(b.again); err != nil {
		return err
	}
	b.noted = true
	return nil
}

func (b *sentBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := b.note(); err != nil {
		return 0, err
	}
	return b.ReadCloser.Read(p)
}

// WriteTo spares the copy of a body that implements io.WriterTo.
func (b *sentBody) WriteTo(w io.Writer) (int64, error) {
	if err := b.note(); err != nil {
		return 0, err
	}
	return copyThrough(w, b.ReadCloser)
}
