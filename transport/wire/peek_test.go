package wire

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func answerOf(body io.Reader) *http.Response {
	rc, ok := body.(io.ReadCloser)
	if !ok {
		rc = io.NopCloser(body)
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: rc, ContentLength: -1}
}

func TestPeek(t *testing.T) {
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole":         func(r io.Reader) io.Reader { return r },
		"byte by byte":  iotest.OneByteReader,
		"half":          iotest.HalfReader,
		"data with EOF": iotest.DataErrReader,
	} {
		for _, size := range []int{0, 1, 5, 10, 11, 100} {
			resp := answerOf(wrap(strings.NewReader("0123456789")))
			head, err := peek(resp, size, time.Minute)
			if want := "0123456789"[:min(size, 10)]; string(head) != want {
				t.Errorf("%s, %d: peeked %q, want %q", name, size, head, want)
			}
			if size > 10 && !errors.Is(err, io.EOF) {
				t.Errorf("%s, %d: %v, want EOF", name, size, err)
			}
			all, err := io.ReadAll(resp.Body)
			if string(all) != "0123456789" || err != nil {
				t.Errorf("%s, %d: then read %q, %v", name, size, all, err)
			}
		}
	}
}

// A body that trickles, or never ends, costs no more time than was allowed, and still reaches the caller as it comes.
func TestPeekTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		resp := answerOf(r)
		go func() {
			defer w.Close()
			for i := range 5 {
				time.Sleep(time.Second)
				fmt.Fprint(w, i)
			}
		}()
		start := time.Now()
		head, err := peek(resp, 100, 2500*time.Millisecond)
		if string(head) != "01" || err != nil || time.Since(start) != 2500*time.Millisecond {
			t.Errorf("peeked %q, %v after %v", head, err, time.Since(start))
		}
		buf := make([]byte, 1)
		for i, want := range []time.Duration{2500 * time.Millisecond, 2500 * time.Millisecond, 3 * time.Second, 4 * time.Second, 5 * time.Second} {
			if _, err := io.ReadFull(resp.Body, buf); err != nil || buf[0] != byte('0'+i) {
				t.Fatalf("byte %d: %q, %v", i, buf, err)
			}
			if got := time.Since(start); got != want {
				t.Errorf("byte %d came after %v, want %v", i, got, want)
			}
		}
		if _, err := resp.Body.Read(buf); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v", err)
		}
	})
}

func TestPeekClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := io.Pipe()
		resp := answerOf(r)
		peek(resp, 100, time.Second)
		resp.Body.Close() // ends the goroutine that still reads, or the bubble would complain
		if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
			t.Error("a read after Close succeeded")
		}
	})
}
