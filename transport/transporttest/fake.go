package transporttest

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

var errNetwork = errors.New("transporttest: connection reset by peer")

// A fake is a base that stands for the network. Like http.Transport it reads and closes each request's body, returns the
// error of a context that is done, and sets Response.Request.
type fake struct {
	// look, if not nil, is called with each request before its body is read. n counts from 0.
	look func(n int, req *http.Request)

	// respond returns the response to a request, whose body has been read.
	respond func(n int, req *http.Request, body []byte) (*http.Response, error)

	idle atomic.Int32 // calls of CloseIdleConnections

	mu        sync.Mutex
	calls     int
	bodies    [][]byte // of the requests, in order
	responses []*download
}

// fake returns a base that responds with these statuses in turn, with the last one for ever. 0 is a failed connection.
func (c *check) fake(statuses ...int) *fake {
	f := &fake{}
	f.respond = func(n int, req *http.Request, _ []byte) (*http.Response, error) {
		status := statuses[min(n, len(statuses)-1)]
		if status == 0 {
			return nil, errNetwork
		}
		return f.status(req, status), nil
	}
	return f
}

func (f *fake) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	n := f.calls
	f.calls++
	f.mu.Unlock()
	if f.look != nil {
		f.look(n, req)
	}
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	f.bodies = append(f.bodies, body)
	f.mu.Unlock()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return f.respond(n, req, body)
}

// CloseIdleConnections counts its calls.
func (f *fake) CloseIdleConnections() { f.idle.Add(1) }

// attempts returns the bodies of all requests so far.
func (f *fake) attempts() [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.bodies)
}

// open returns how many of the responses' bodies have not been closed.
func (f *fake) open() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.responses {
		if d.closed.Load() == 0 {
			n++
		}
	}
	return n
}

// status returns a provider's response with the status.
func (f *fake) status(req *http.Request, status int) *http.Response {
	header, text := responseOf(status)
	return f.text(req, status, header, text)
}

// text returns a response with a body of known length.
func (f *fake) text(req *http.Request, status int, header http.Header, text string) *http.Response {
	resp := f.reader(req, status, header, strings.NewReader(text))
	resp.ContentLength = int64(len(text))
	resp.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return resp
}

// stream returns a response with a stream of events.
func (f *fake) stream(req *http.Request, r io.Reader) *http.Response {
	return f.reader(req, http.StatusOK, http.Header{"Content-Type": {"text/event-stream"}}, r)
}

// reader returns a response with a body of unknown length.
func (f *fake) reader(req *http.Request, status int, header http.Header, r io.Reader) *http.Response {
	d := &download{r: r}
	f.mu.Lock()
	f.responses = append(f.responses, d)
	f.mu.Unlock()
	return &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: d, ContentLength: -1, Request: req,
	}
}

// A download is a response's body that counts reads and closes.
type download struct {
	r       io.Reader
	onClose func()
	reads   atomic.Int64
	closed  atomic.Int64
}

func (d *download) Read(p []byte) (int, error) {
	if d.closed.Load() > 0 {
		return 0, http.ErrBodyReadAfterClose
	}
	d.reads.Add(1)
	return d.r.Read(p)
}

func (d *download) Close() error {
	if d.closed.Add(1) == 1 && d.onClose != nil {
		d.onClose()
	}
	return nil
}
