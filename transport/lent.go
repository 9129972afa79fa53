package transport

import (
	"errors"
	"io"
	"reflect"
	"sync"
	"time"
)

// Same reports whether two bodies are one; of types that cannot be compared, none is another.
func Same(a, b io.ReadCloser) bool {
	t := reflect.TypeOf(a)
	return t == reflect.TypeOf(b) && t != nil && t.Comparable() && a == b
}

// lending looks after a request whose GetBody gives no new reader but rewinds the one that there is, as that of azcore
// does, and those of openai-go and anthropic-sdk-go for a bytes.Reader. Such a body is given again only when what was
// given before has been closed: net/http may go on reading a request's body when it has been answered already.
type lending struct {
	mu   sync.Mutex
	own  io.ReadCloser // the request's own body; nil if another was given since
	lent chan struct{} // closed when what was given last is; nil if that was a new reader
}

// lentTime is how long a body is waited for. net/http closes it as soon as the connection, or the stream, is gone.
const lentTime = time.Second

var errLent = errors.New("transport: the request gives its body again by rewinding it, and net/http still reads it")

// await returns when nothing reads what was given last, or after a time with an error.
func (l *lending) await(wait time.Duration) error {
	l.mu.Lock()
	lent := l.lent
	l.mu.Unlock()
	if lent == nil {
		return nil
	}
	select {
	case <-lent:
		return nil
	default:
	}
	if wait <= 0 {
		return errLent
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-lent:
		return nil
	case <-timer.C:
		return errLent
	}
}

// give has the request give its body, for net/http or for us to read.
func (l *lending) give(getBody func() (io.ReadCloser, error), wait time.Duration) (io.ReadCloser, error) {
	if err := l.await(wait); err != nil {
		return nil, err
	}
	body, err := getBody()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.own == nil || !Same(l.own, body) {
		l.own = nil
		return body, nil
	}
	l.lent = make(chan struct{})
	return &lent{ReadCloser: body, closed: l.lent}, nil
}

// lent is a body that says when it is closed.
type lent struct {
	io.ReadCloser
	once   sync.Once
	closed chan struct{}
}

func (l *lent) Close() error {
	err := l.ReadCloser.Close()
	l.once.Do(func() { close(l.closed) })
	return err
}
