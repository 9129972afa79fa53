package transport

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// rewound is a body that is given again by rewinding it, as some SDKs do.
type rewound struct {
	*bytes.Reader
	closed atomic.Int32
}

func (r *rewound) Close() error { r.closed.Add(1); return nil }

func (r *rewound) request(t *testing.T) *http.Request {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://llm.invalid", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Body, req.ContentLength = r, r.Size()
	req.GetBody = func() (io.ReadCloser, error) {
		_, err := r.Seek(0, io.SeekStart)
		return r, err
	}
	return req
}

// A body that GetBody rewinds is not opened while the reader before is still open.
func TestRewoundBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := []byte(`{"model":"m","messages":"` + strings.Repeat("x", 100<<10) + `"}`)
		for _, edits := range [][]Edit{nil, {{Path: "service_tier", Value: `"flex"`}}} {
			checkRewound(t, data, edits...)
		}
	})
}

func checkRewound(t *testing.T, data []byte, edits ...Edit) {
	t.Helper()
	r := &rewound{Reader: bytes.NewReader(data)}
	req := r.request(t)
	var body Body
	if err := body.Load(req, MustPaths("model", "service_tier")); err != nil {
		t.Fatal(err)
	}
	first, second := req.WithContext(t.Context()), req.WithContext(t.Context())
	if err := body.Attach(first, false, edits...); err != nil {
		t.Fatal(err)
	}
	io.CopyN(io.Discard, first.Body, 1000)
	start := time.Now()
	if err := body.Attach(second, false, edits...); err == nil || time.Since(start) != time.Second {
		t.Errorf("given after %v: %v", time.Since(start), err)
	}
	if !body.Contains([]byte("no such thing")) || body.copyTo(io.Discard) == nil {
		t.Error("read while it is sent")
	}
	time.AfterFunc(300*time.Millisecond, func() { first.Body.Close() })
	start = time.Now()
	if err := body.Attach(second, false, edits...); err != nil || time.Since(start) != 300*time.Millisecond {
		t.Errorf("given after %v: %v", time.Since(start), err)
	}
	got, err := io.ReadAll(second.Body)
	if err != nil || int64(len(got)) != second.ContentLength || !bytes.HasSuffix(got, data[1:]) {
		t.Errorf("%d bytes of %d, %v", len(got), second.ContentLength, err)
	}
	second.Body.Close()
	var again bytes.Buffer
	if body.Contains([]byte("no such thing")) || body.copyTo(&again) != nil || !bytes.Equal(again.Bytes(), data) {
		t.Error("not read")
	}
}

// A short body that GetBody rewinds is edited in memory, so that another attempt need not wait for the reader before.
func TestShortRewoundBodyIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, apart := range []bool{false, true} {
			r := &rewound{Reader: bytes.NewReader([]byte(`{"model":"m","stream":true}`))}
			req := r.request(t)
			var body Body
			if err := body.Load(req, MustPaths("model", "service_tier")); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for range 2 {
				out := req.WithContext(t.Context())
				if err := body.Attach(out, apart, Edit{Path: "service_tier", Value: `"flex"`}); err != nil || time.Since(start) != 0 {
					t.Fatalf("apart %v: given after %v: %v", apart, time.Since(start), err)
				}
				again, err := out.GetBody()
				if err != nil || time.Since(start) != 0 {
					t.Fatalf("apart %v: given again after %v: %v", apart, time.Since(start), err)
				}
				for _, body := range []io.ReadCloser{out.Body, again} { // neither is closed
					if got, err := io.ReadAll(body); string(got) != `{"service_tier":"flex","model":"m","stream":true}` || err != nil {
						t.Errorf("apart %v: %s, %v", apart, got, err)
					}
				}
			}
		}
	})
}

// A body with a new reader for each attempt is opened at once.
func TestFreshBodyIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := []byte(`{"model":"` + strings.Repeat("x", 100<<10) + `"}`)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://llm.invalid", bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		var body Body
		if err := body.Load(req, MustPaths("model")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 3 {
			out := req.WithContext(t.Context())
			if err := body.Attach(out, false); err != nil || time.Since(start) != 0 {
				t.Errorf("given after %v: %v", time.Since(start), err)
			}
			io.CopyN(io.Discard, out.Body, 10)
		}
	})
}
