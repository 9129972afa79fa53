package transport

import (
	"errors"
	"io"
	"reflect"
	"sync"
	"time"
)

// sameBody reports whether two bodies are one; of types that cannot be compared, none is another.
func sameBody(a, b io.ReadCloser) bool {
	t := reflect.TypeOf(a)
	return t == reflect.TypeOf(b) && t != nil && t.Comparable() && a == b
}

// A reopener opens a request's body again, by its GetBody, and looks after requests whose GetBody returns no new reader
// but rewinds the one that there is:
//
//	req.GetBody = func() (io.ReadCloser, error) { _, err := body.Seek(0, io.SeekStart); return body, err }
//
// So do azcore, and openai-go and anthropic-sdk-go for a bytes.Reader. net/http may go on reading a request's body when it
// has been answered already, and would then read the bytes of the next attempt. So such a body is opened again only when
// the reader opened before has been closed.
type reopener struct {
	getBody func() (io.ReadCloser, error)

	mu   sync.Mutex
	own  io.ReadCloser // the request's own body; nil if GetBody has returned another reader since
	open chan struct{} // closed when the reader opened last is; nil if that was a new reader
}

// reopenTime is how long to wait for the reader opened before. net/http closes a body as soon as the connection, or the
// stream, is closed.
const reopenTime = time.Second

var errInUse = errors.New("transport: the request gives its body again by rewinding it, and net/http still reads it")

// await returns when nothing reads what was opened last, or after the wait with an error.
func (r *reopener) await(wait time.Duration) error {
	r.mu.Lock()
	open := r.open
	r.mu.Unlock()
	if open == nil {
		return nil
	}
	select {
	case <-open:
		return nil
	default:
	}
	if wait <= 0 {
		return errInUse
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-open:
		return nil
	case <-timer.C:
		return errInUse
	}
}

// reopen opens the body, for net/http or for us to read.
func (r *reopener) reopen() (io.ReadCloser, error) {
	if err := r.await(reopenTime); err != nil {
		return nil, err
	}
	body, err := r.getBody()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.own == nil || !sameBody(r.own, body) {
		r.own = nil
		return body, nil
	}
	r.open = make(chan struct{})
	return &rewoundBody{ReadCloser: body, closed: r.open}, nil
}

// A rewoundBody says when it is closed.
type rewoundBody struct {
	io.ReadCloser
	once   sync.Once
	closed chan struct{}
}

func (b *rewoundBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(func() { close(b.closed) })
	return err
}
