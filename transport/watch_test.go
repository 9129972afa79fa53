package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// A witness observes a stream of events, and hides those whose data begins with "hide".
type witness struct {
	events
	recorder
	mu    sync.Mutex
	ended []string
}

func newWitness() *witness {
	w := &witness{}
	w.hide = func(data string) bool { return strings.HasPrefix(data, "hide") }
	w.handler = &w.recorder
	return w
}

func (w *witness) End(how End, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = append(w.ended, fmt.Sprint(how, " ", err))
}

func (w *witness) ends() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

func response(body io.Reader) *http.Response {
	rc, ok := body.(io.ReadCloser)
	if !ok {
		rc = io.NopCloser(body)
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: rc, ContentLength: -1}
}

// watch reads the stream through Watch, with the given kind of reader and buffer, and returns what reached the caller.
func watch(t *testing.T, stream string, size int, hide bool, wrap func(io.Reader) io.Reader) (string, *witness) {
	t.Helper()
	w := newWitness()
	resp := response(wrap(strings.NewReader(stream)))
	new(Watcher).Watch(context.Background(), resp, w, WatchOptions{Hide: hide})
	var got bytes.Buffer
	buf := make([]byte, size)
	for {
		n, err := resp.Body.Read(buf)
		got.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			t.Fatal("a read returned nothing and no error")
		}
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if ends := w.ends(); len(ends) != 1 {
		t.Fatalf("ended %d times: %v", len(ends), ends)
	}
	return got.String(), w
}

var readers = map[string]func(io.Reader) io.Reader{
	"whole":         func(r io.Reader) io.Reader { return r },
	"byte by byte":  iotest.OneByteReader,
	"half":          iotest.HalfReader,
	"data with EOF": iotest.DataErrReader,
}

func TestWatchGivesEverything(t *testing.T) {
	for _, test := range eventTests {
		for name, wrap := range readers {
			for _, size := range []int{1, 3, 4096} {
				if got, _ := watch(t, test.stream, size, false, wrap); got != test.stream {
					t.Errorf("%s, %s, %d: got %q, want %q", test.name, name, size, got, test.stream)
				}
				if got, _ := watch(t, test.stream, size, true, wrap); got != test.stream {
					t.Errorf("%s, %s, %d, hiding: got %q, want %q", test.name, name, size, got, test.stream)
				}
			}
		}
	}
}

func TestWatchHides(t *testing.T) {
	long := strings.Repeat("x", maxHeld)
	for _, test := range []struct{ name, stream, want string }{
		{"middle", "data: a\n\ndata: hide\n\ndata: b\n\n", "data: a\n\ndata: b\n\n"},
		{"first", "data: hide\n\ndata: b\n\n", "data: b\n\n"},
		{"last", "data: a\n\ndata: hide\n\n", "data: a\n\n"},
		{"only", "data: hide\n\n", ""},
		{"several", "data: hide\n\ndata: hide\n\ndata: b\n\ndata: hide\n\n", "data: b\n\n"},
		{"without its blank line", "data: a\n\ndata: hide", "data: a\n\n"},
		{"with its comments", "data: a\n\n: c\ndata: hide\n\ndata: b\n\n", "data: a\n\ndata: b\n\n"},
		{"CRLF", "data: a\r\n\r\ndata: hide\r\n\r\ndata: b\r\n\r\n", "data: a\r\n\r\ndata: b\r\n\r\n"},
		{"too long to hide", "data: a\n\ndata: hide" + long + "\n\ndata: b\n\n", "data: a\n\ndata: hide" + long + "\n\ndata: b\n\n"},
		{"too long, and not to be hidden", "data: a" + long + "\n\ndata: hide\n\ndata: b\n\n", "data: a" + long + "\n\ndata: b\n\n"},
	} {
		for name, wrap := range readers {
			for _, size := range []int{1, 3, 9, 4096, 1 << 20} {
				if len(test.stream) > maxHeld && (size < 4096 || name == "byte by byte") {
					continue // slow, and nothing new
				}
				got, w := watch(t, test.stream, size, true, wrap)
				if got != test.want {
					t.Errorf("%s, %s, %d: got %.60q, want %.60q", test.name, name, size, got, test.want)
				}
				if len(w.got) != strings.Count(test.stream, "data: ") {
					t.Errorf("%s, %s, %d: %d events observed", test.name, name, size, len(w.got))
				}
			}
		}
	}
}

// The caller gets exactly the events that are not hidden, byte for byte, for reads of any size.
func FuzzWatch(f *testing.F) {
	f.Add("data: a\n\ndata: hide\n\ndata: b\n\n", 3, 5)
	f.Add("data: hide\r\n\r\n\r\ndata: b\r\rdata: hide", 1, 1)
	f.Fuzz(func(t *testing.T, stream string, piece, size int) {
		piece, size = piece&255+1, size&255+1
		w := newWitness()
		resp := response(&pieces{[]byte(stream), piece})
		new(Watcher).Watch(context.Background(), resp, w, WatchOptions{Hide: true})
		var got bytes.Buffer
		if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{resp.Body}, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, event := range w.got {
			if _, data, _ := strings.Cut(event, ":"); !strings.HasPrefix(data, "hide") {
				want = append(want, event)
			}
		}
		if after := readEvents(got.String(), 4096); fmt.Sprint(after) != fmt.Sprint(want) {
			t.Fatalf("the caller reads %q, want %q, of %q", after, want, w.got)
		}
		if len(w.ends()) != 1 {
			t.Fatalf("ended: %v", w.ends())
		}
	})
}

type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

func TestWatchEnds(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name string
		body io.Reader
		use  func(*http.Response)
		want string
	}{
		{"EOF", strings.NewReader("data: a\n\n"), readAllOf, "eof <nil>"},
		{"complete, and then EOF", strings.NewReader("data: [DONE]\n\nmore"), readAllOf, "complete <nil>"},
		{"complete with the last line", strings.NewReader("data: [DONE]"), readAllOf, "complete <nil>"},
		{"error", io.MultiReader(strings.NewReader("data"), iotest.ErrReader(broken)), readAllOf, "error broken"},
		{"closed unread", strings.NewReader("data: a\n\n"), func(r *http.Response) { r.Body.Close() }, "closed <nil>"},
		{"closed twice", strings.NewReader("data: a\n\n"), func(r *http.Response) { r.Body.Close(); r.Body.Close() }, "closed <nil>"},
		{"read and closed", strings.NewReader("data: a\n\n"), func(r *http.Response) { readAllOf(r); r.Body.Close() }, "eof <nil>"},
	} {
		for _, hide := range []bool{false, true} {
			w := newWitness()
			resp := response(test.body)
			if s, ok := test.body.(*strings.Reader); ok {
				s.Seek(0, io.SeekStart)
			}
			new(Watcher).Watch(context.Background(), resp, w, WatchOptions{Hide: hide})
			test.use(resp)
			if got := fmt.Sprint(w.ends()); got != "["+test.want+"]" && !(test.name == "error" && hide) {
				t.Errorf("%s, hide %v: %v, want %s", test.name, hide, got, test.want)
			}
		}
	}
}

func readAllOf(r *http.Response) { io.Copy(io.Discard, r.Body) }

func TestWatchContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		w := newWitness()
		r, wr := io.Pipe()
		resp := response(r)
		new(Watcher).Watch(ctx, resp, w, WatchOptions{})
		cancel(errors.New("the user pressed stop"))
		synctest.Wait()
		if got := fmt.Sprint(w.ends()); got != "[context the user pressed stop]" {
			t.Error(got)
		}
		wr.Close()
		resp.Body.Close()
	})
}

// A read and a close at the same time: one end, and no race.
func TestWatchReadAndClose(t *testing.T) {
	var watcher Watcher
	for range 200 {
		w := newWitness()
		resp := response(strings.NewReader(strings.Repeat("data: a\n\n", 50)))
		watcher.Watch(t.Context(), resp, w, WatchOptions{Hide: true, IdleTime: time.Minute})
		var both sync.WaitGroup
		both.Add(2)
		go func() { defer both.Done(); readAllOf(resp) }()
		go func() { defer both.Done(); resp.Body.Close() }()
		both.Wait()
		if len(w.ends()) != 1 {
			t.Fatalf("ended: %v", w.ends())
		}
	}
}

func TestWatchLeavesAlone(t *testing.T) {
	body := struct {
		io.Reader
		io.WriteCloser
	}{}
	for name, resp := range map[string]*http.Response{
		"upgraded": {StatusCode: http.StatusSwitchingProtocols, Body: body},
		"no body":  {StatusCode: 204, Body: http.NoBody},
		"nil body": {StatusCode: 200},
	} {
		before := resp.Body
		w := newWitness()
		new(Watcher).Watch(context.Background(), resp, w, WatchOptions{})
		if resp.Body != before || len(w.ends()) != 1 {
			t.Errorf("%s: body replaced %v, ended %v", name, resp.Body != before, w.ends())
		}
	}
}

// A body of a stated length that may shrink has no stated length any more.
func TestWatchForgetsTheLength(t *testing.T) {
	resp := response(strings.NewReader("data: hide\n\n"))
	resp.ContentLength = 12
	resp.Header.Set("Content-Length", "12")
	new(Watcher).Watch(context.Background(), resp, newWitness(), WatchOptions{Hide: true})
	if resp.ContentLength != -1 || resp.Header.Get("Content-Length") != "" {
		t.Errorf("%d, %v", resp.ContentLength, resp.Header)
	}
}

// A comment that keeps the connection alive reaches the caller at once, although events may be hidden.
func TestWatchDoesNotHoldComments(t *testing.T) {
	r, wr := io.Pipe()
	resp := response(r)
	new(Watcher).Watch(context.Background(), resp, newWitness(), WatchOptions{Hide: true})
	go wr.Write([]byte(": PROCESSING\n\n"))
	buf := make([]byte, 100)
	if n, err := resp.Body.Read(buf); string(buf[:n]) != ": PROCESSING\n\n" || err != nil {
		t.Errorf("%q, %v", buf[:n], err)
	}
}
