package transport

import (
	"io"
	"sync"
)

// reads is what a Trace knows about a request's bodies: the request's own, and those that its GetBody gave. A base that
// reports writes headers, and then reads a body. A base that does not report only reads: then every body that is read may
// have been sent.
type reads struct {
	mu        sync.Mutex
	early     int32 // bodies read before anything was reported: by a base that does not report, or one that logs them
	claimed   int32 // bodies read for headers that were reported as written
	unclaimed int32 // bodies read after a report, but not for headers that were reported
	opened    int32 // bodies that GetBody gave before anything was reported
	forgiven  int32 // sends that the server did not process
	ended     bool  // no body may be read any more
	own       sentBody
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
	if r.early+r.claimed+r.unclaimed > 0 {
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

// reopen notes a call of GetBody, and reports whether it may return a body.
func (t *Trace) reopen() bool {
	r := &t.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.watched.Load() {
		// net/http does not send again what it has begun to read. Something else would.
		return r.claimed+r.unclaimed <= r.forgiven+t.answered()
	}
	r.opened++
	return r.early <= r.forgiven && r.opened < maxOpened
}

// maxOpened is how often GetBody returns a body if nothing is reported or read. On HTTP/1, net/http needs it for each
// connection that turns out to be dead.
const maxOpened = 100

// read notes that a body is read for the first time. again says that GetBody gave it. The error is ErrReplay if that body
// must not be sent, because one was sent before and nothing reported what became of it. The request's own body may be read
// after one that was read before anything was reported: that can have been a look at the body, to sign it.
func (t *Trace) read(again bool) error {
	r := &t.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	reported, free := t.watched.Load(), r.forgiven+t.answered()
	claims := t.headers.Load() > r.claimed
	switch {
	case r.ended, r.claimed+r.unclaimed > free, again && !claims && r.early+r.claimed+r.unclaimed > free:
		return ErrReplay
	case claims:
		r.claimed++
	case reported:
		r.unclaimed++
	default:
		r.early++
	}
	return nil
}

// answered returns how many answers were reported.
func (t *Trace) answered() int32 { return max(0, t.answers.Load()-t.announce.Load()) }

// Writes returns how often the request was written: its headers, as reported, or its body, read by something Foreign that
// did not report. It is more than 1 if something beneath sent the request again.
func (t *Trace) Writes() int {
	t.reads.mu.Lock()
	defer t.reads.mu.Unlock()
	return int(t.headers.Load()) + t.unreported()
}

// Sends returns how many of the Writes a server may have processed: not those whose body was never read, as on a connection
// that turned out to be dead.
func (t *Trace) Sends() int {
	r := &t.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int(t.headers.Load())
	if r.own.trace != nil && r.early == 0 {
		n = int(r.claimed)
	}
	return n + t.unreported()
}

// unreported returns how many bodies may have been sent by something that does not report.
func (t *Trace) unreported() int {
	if t.watched.Load() {
		return int(t.reads.unclaimed) // the early reads were only looks at the body
	}
	return int(t.reads.unclaimed + t.reads.early)
}

// Looks returns how many bodies were read before anything was reported, beyond those that were kept and sent for headers that
// were reported. Writes and Sends take them for looks at the body, to log or to sign it; but something Foreign may have sent
// them under a context of its own. It is 0 if nothing was reported at all: Writes and Sends then count them.
func (t *Trace) Looks() int {
	r := &t.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.watched.Load() {
		return 0
	}
	return int(max(0, r.early-max(0, t.headers.Load()-r.claimed)))
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
