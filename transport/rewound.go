package transport

import (
	"errors"
	"io"
	"reflect"
	"sync"
	"time"
)

// sameBody reports whether two bodies are the same one. Bodies of types that cannot be compared never are.
func sameBody(a, b io.ReadCloser) bool {
	t := reflect.TypeOf(a)
	return t == reflect.TypeOf(b) && t != nil && t.Comparable() && a == b
}

// A reopener opens a request's body again, by its GetBody. Some GetBody functions return no new reader, but rewind the one
// that there is:
//
//	req.GetBody = func() (io.ReadCloser, error) { _, err := body.Seek(0, io.SeekStart); return body, err }
//
// azcore does this, and so do openai-go and anthropic-sdk-go for a bytes.Reader. Such a body must not be read by two
// attempts at once: net/http may still send the body of the first attempt when its answer, an early 429 for example, has
// arrived. Two readers of one rewound body would each send a part of it. So the reopener waits until the reader opened
// before has been closed, for up to reopenTime.
type reopener struct {
	getBody func() (io.ReadCloser, error)

	mu   sync.Mutex
	own  io.ReadCloser // the request's own body; nil once GetBody has returned another reader
	open chan struct{} // closed when the reader opened last is closed; nil if that was a new reader
}

// reopenTime is how long to wait for the reader opened before. net/http closes a body as soon as the connection, or the
// stream, is closed.
const reopenTime = time.Second

var errInUse = errors.New("transport: the request gives its body again by rewinding it, and net/http still reads it")

// await returns when the reader opened last has been closed, or an error after the wait.
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
		r.own = nil // GetBody returns new readers, so none has to be waited for from now on
		return body, nil
	}
	r.open = make(chan struct{})
	return &rewoundBody{ReadCloser: body, closed: r.open}, nil
}

// isRewound reports whether reopen has rewound the body that it returned.
func isRewound(body io.ReadCloser) bool {
	_, ok := body.(*rewoundBody)
	return ok
}

// A rewoundBody closes a channel when it is closed.
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
