package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// A restBody is a body of a base, which counts what is read of it.
type restBody struct {
	io.Reader
	mu     sync.Mutex
	read   int
	closed chan struct{}
}

func newRestBody(r io.Reader) *restBody { return &restBody{Reader: r, closed: make(chan struct{})} }

func (b *restBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read += n
	return n, err
}

func (b *restBody) Close() error {
	close(b.closed)
	return nil
}

// stalled is a reader that waits, for ever or until the channel is closed.
type stalled struct{ until <-chan struct{} }

func (s stalled) Read([]byte) (int, error) {
	<-s.until
	return 0, errors.New("closed")
}

// Close reads the rest of a body for the Observer, as far as it is short and arrives in time.
func TestCloseReadsTheRest(t *testing.T) {
	text := strings.Repeat("x", 600)
	for name, test := range map[string]struct {
		body   io.Reader
		length int64
		first  int // how much the caller reads before
		end    string
		read   int
		took   time.Duration
	}{
		"unread":                     {strings.NewReader(text), 600, 0, "eof <nil>", 600, 0},
		"of unknown length":          {strings.NewReader(text), -1, 0, "eof <nil>", 600, 0},
		"read in part":               {strings.NewReader(text), 600, 100, "eof <nil>", 600, 0},
		"read but for EOF":           {strings.NewReader(text), 600, 600, "eof <nil>", 600, 0},
		"byte by byte":               {iotest.OneByteReader(strings.NewReader(text)), 600, 1, "eof <nil>", 600, 0},
		"with EOF":                   {iotest.DataErrReader(strings.NewReader(text)), 600, 0, "eof <nil>", 600, 0},
		"as much as is read":         {strings.NewReader(strings.Repeat("x", maxRest)), maxRest, 0, "closed <nil>", maxRest, 0},
		"too long":                   {strings.NewReader(strings.Repeat("x", 2*maxRest)), 2 * maxRest, 0, "closed <nil>", 0, 0},
		"long, and its end is short": {strings.NewReader(strings.Repeat("x", 2*maxRest)), 2 * maxRest, maxRest + 1, "eof <nil>", 2 * maxRest, 0},
		"too long, as it turns out":  {strings.NewReader(strings.Repeat("x", 2*maxRest)), -1, 0, "closed <nil>", maxRest, 0},
		"failing":                    {io.MultiReader(strings.NewReader(text[:100]), iotest.ErrReader(errors.New("reset"))), 600, 0, "closed <nil>", 100, 0},
		"late":                       {nil, 600, 0, "closed <nil>", 100, restTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body, w := newRestBody(test.body), newWitness()
				if test.took > 0 { // until it is closed
					body.Reader = io.MultiReader(strings.NewReader(text[:100]), stalled{body.closed})
				}
				resp := response(body)
				resp.ContentLength = test.length
				new(Watcher).Watch(t.Context(), resp, w, WatchOptions{Rest: true})
				if _, err := io.ReadFull(resp.Body, make([]byte, test.first)); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took != test.took {
					t.Errorf("it took %v, want %v", took, test.took)
				}
				synctest.Wait()
				body.mu.Lock()
				defer body.mu.Unlock()
				if ends := w.ends(); len(ends) != 1 || ends[0] != test.end || body.read != test.read {
					t.Errorf("ended %q after %d bytes, want %q after %d", ends, body.read, test.end, test.read)
				}
				select {
				case <-body.closed:
				default:
					t.Error("the body beneath is not closed")
				}
			})
		})
	}
}

// A body whose reads do not end even when it is closed does not hang Close.
func TestCloseOfAStalledBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := make(chan struct{})
		body, w := newRestBody(stalled{released}), newWitness()
		resp := response(body)
		new(Watcher).Watch(t.Context(), resp, w, WatchOptions{Rest: true})
		start := time.Now()
		if err := resp.Body.Close(); err != nil || time.Since(start) != restTime || len(w.ends()) != 1 {
			t.Errorf("%v after %v, ended %q", err, time.Since(start), w.ends())
		}
		close(released)
	})
}

// When the context is done before the body is closed, its rest is read as well. A body that nobody closes ends all the same.
func TestRestAfterTheContext(t *testing.T) {
	gone := errors.New("gone")
	for name, test := range map[string]struct {
		then func(resp *http.Response)
		rest bool
		end  string
		took time.Duration
	}{
		"closed":       {func(resp *http.Response) { resp.Body.Close() }, true, "eof <nil>", 0},
		"read":         {func(resp *http.Response) { io.ReadAll(resp.Body) }, true, "eof <nil>", 0},
		"forgotten":    {func(*http.Response) {}, true, "context gone", restTime},
		"without Rest": {func(*http.Response) {}, false, "context gone", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				w := newWitness()
				resp := response(strings.NewReader("rest"))
				new(Watcher).Watch(ctx, resp, w, WatchOptions{Rest: test.rest})
				start := time.Now()
				cancel(gone)
				synctest.Wait()
				test.then(resp)
				if test.took > 0 {
					time.Sleep(time.Until(start.Add(test.took - time.Millisecond)))
					if len(w.ends()) > 0 {
						t.Error("it has ended too early")
					}
					time.Sleep(time.Millisecond)
				}
				synctest.Wait()
				time.Sleep(time.Minute)
				if ends := w.ends(); len(ends) != 1 || ends[0] != test.end {
					t.Errorf("ended %q, want %q", ends, test.end)
				}
			})
		})
	}
}

// A read that fails because the context is done says so, and so does a rest that fails.
func TestFailedRestAfterTheContext(t *testing.T) {
	for name, then := range map[string]func(*http.Response){
		"read":   func(resp *http.Response) { io.ReadAll(resp.Body) },
		"closed": func(resp *http.Response) { resp.Body.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			w := newWitness()
			resp := response(iotest.ErrReader(errors.New("cancelled beneath")))
			new(Watcher).Watch(ctx, resp, w, WatchOptions{Rest: true})
			cancel()
			synctest.Wait()
			then(resp)
			if ends := w.ends(); len(ends) != 1 || ends[0] != "context context canceled" {
				t.Errorf("%s: ended %q", name, ends)
			}
		})
	}
}

// Without Rest, and while a read is under way, Close reads nothing.
func TestCloseReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body, w := newRestBody(strings.NewReader("rest")), newWitness()
		resp := response(body)
		new(Watcher).Watch(t.Context(), resp, w, WatchOptions{})
		resp.Body.Close()
		if ends := w.ends(); body.read != 0 || len(ends) != 1 || ends[0] != "closed <nil>" {
			t.Errorf("%d bytes, ended %q", body.read, ends)
		}
		w, body = newWitness(), newRestBody(nil)
		body.Reader = stalled{body.closed}
		resp = response(body)
		new(Watcher).Watch(t.Context(), resp, w, WatchOptions{Rest: true})
		go io.ReadAll(resp.Body)
		synctest.Wait()
		start := time.Now()
		if resp.Body.Close(); time.Since(start) != 0 || len(w.ends()) != 1 {
			t.Errorf("it took %v, ended %q", time.Since(start), w.ends())
		}
	})
}

// A connection whose answer was closed unread is used again.
func TestRestLeavesTheConnection(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("x", 20_000))
	}))
	defer s.Close()
	client := s.Client()
	for i := range 5 {
		var reused bool
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		w := newWitness()
		new(Watcher).Watch(ctx, resp, w, WatchOptions{Rest: true})
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if ends := w.ends(); ends[0] != "eof <nil>" || i > 0 && !reused {
			t.Errorf("request %d: reused %v, ended %q", i, reused, ends)
		}
	}
}
