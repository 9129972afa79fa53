package transport

import (
	"io"
	"net/http"
	"sync"
	"testing"
)

func TestBodyAttach(t *testing.T) {
	req := post(t, `{"model":"m"}`)
	const lower = "content-length" // as some SDKs write it
	header := map[string][]string(req.Header)
	header[lower] = []string{"13"}
	counted := &closeCounter{Reader: req.Body}
	req.Body = counted
	var b Body
	if err := b.Load(req, testPaths); err != nil {
		t.Fatal(err)
	}
	if counted.closed != 1 {
		t.Errorf("the caller's body was closed %d times", counted.closed)
	}
	if b.Skipped() != "" || !b.Replayable() || b.Size() != 13 || b.Fields().Text(PathOf("model")) != "m" {
		t.Errorf("skipped %q, replayable %v, size %d", b.Skipped(), b.Replayable(), b.Size())
	}
	for range 2 {
		attachFlex(t, &b, req, lower)
	}
	if header[lower][0] != "13" || req.ContentLength != 13 {
		t.Error("the caller's request was changed")
	}
	plain := req.WithContext(t.Context())
	if err := b.Attach(plain, false); err != nil || bodyOf(t, plain) != `{"model":"m"}` || plain.ContentLength != 13 {
		t.Errorf("without edits: %v, %d", err, plain.ContentLength)
	}
}

// attachFlex attaches the body {"model":"m"} with a tier, and checks that the request agrees with it, the header of the
// given key, too.
func attachFlex(t *testing.T, b *Body, req *http.Request, lengthKey string) {
	t.Helper()
	out := req.WithContext(t.Context())
	out.TransferEncoding = []string{"chunked"}
	if err := b.Attach(out, false, tierEdit); err != nil {
		t.Fatal(err)
	}
	const want = `{"service_tier":"flex","model":"m"}`
	if got := bodyOf(t, out); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if out.ContentLength != int64(len(want)) || out.TransferEncoding != nil || map[string][]string(out.Header)[lengthKey][0] != "35" {
		t.Errorf("length %d, header %v, encoding %v", out.ContentLength, out.Header, out.TransferEncoding)
	}
}

// A Body may be attached to many requests at once.
func TestBodyConcurrent(t *testing.T) {
	req := post(t, `{"model":"m"}`)
	var b Body
	if err := b.Load(req, testPaths); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			out := req.WithContext(t.Context())
			if err := b.Attach(out, false, tierEdit); err != nil {
				t.Error(err)
			}
			io.Copy(io.Discard, out.Body)
		})
	}
	all.Wait()
}

// A short body that can be opened again is edited while it is read if that saves a copy, and is the same either way.
func TestBodyAttachOverHTTP2(t *testing.T) {
	for _, again := range []bool{true, false} {
		req := post(t, `{"model":"m"}`)
		if !again {
			req.GetBody = nil
		}
		var b Body
		if err := b.Load(req, testPaths); err != nil {
			t.Fatal(err)
		}
		for _, http2 := range []bool{true, false} {
			out := req.WithContext(t.Context())
			if err := b.Attach(out, http2, tierEdit); err != nil {
				t.Fatal(err)
			}
			const want = `{"service_tier":"flex","model":"m"}`
			if _, streams := out.Body.(*spliced); streams != (again && http2) || out.ContentLength != int64(len(want)) {
				t.Errorf("again %v, HTTP/2 %v: edited while it is read: %v, length %d", again, http2, streams, out.ContentLength)
			}
			if got := bodyOf(t, out); got != want {
				t.Errorf("again %v, HTTP/2 %v: %s", again, http2, got)
			}
		}
	}
}
