package transporttest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

var (
	errBody    = errors.New("transporttest: the body cannot be read")
	errGetBody = errors.New("transporttest: GetBody fails")
)

// An upload is a request's body that records how it is used. net/http does not know its type.
type upload struct {
	data     []byte
	breaks   bool // reading fails after half of it
	failFrom int  // GetBody fails from this call on, counted from 1; 0: never

	mu     sync.Mutex
	opened []*source
	asked  int
}

// attach makes it req's body. withGetBody says whether the request has a GetBody.
func (u *upload) attach(req *http.Request, withGetBody bool) {
	req.Body = u.open()
	req.ContentLength = int64(len(u.data))
	req.GetBody = nil
	if withGetBody {
		req.GetBody = u.getBody
	}
}

func (u *upload) getBody() (io.ReadCloser, error) {
	u.mu.Lock()
	u.asked++
	fail := u.failFrom > 0 && u.asked >= u.failFrom
	u.mu.Unlock()
	if fail {
		return nil, errGetBody
	}
	return u.open(), nil
}

func (u *upload) open() *source {
	s := &source{r: bytes.NewReader(u.data)}
	if u.breaks {
		s.r = io.MultiReader(bytes.NewReader(u.data[:len(u.data)/2]), failing{errBody})
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.opened = append(u.opened, s)
	return s
}

// unclosed returns how many of its readers have not been closed.
func (u *upload) unclosed() (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.opened {
		if s.closed.Load() == 0 {
			n++
		}
	}
	return n
}

// A source is a body that counts bytes and closes.
type source struct {
	r      io.Reader
	read   atomic.Int64
	closed atomic.Int64
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.read.Add(int64(n))
	return n, err
}

func (s *source) Close() error {
	s.closed.Add(1)
	return nil
}

// failing is a reader that only fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func newSource() io.ReadCloser { return &source{r: strings.NewReader(chatBody)} }
