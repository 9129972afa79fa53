package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport"
)

// traced returns a request whose bodies are noticed, and its trace.
func traced(t *testing.T) (*http.Request, *transport.Trace) {
	t.Helper()
	trace := &transport.Trace{Foreign: true}
	req, err := http.NewRequestWithContext(transport.WithTrace(context.Background(), trace), http.MethodPost, "http://h.invalid", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Body, req.GetBody = trace.Body(req.Body), trace.Guard(req.GetBody)
	return req, trace
}

// As long as nothing is reported, a body that was read may have been sent, and GetBody gives no other one to read.
func TestReadsOfASilentBase(t *testing.T) {
	req, trace := traced(t)
	first, err := req.GetBody()
	if err != nil || trace.Writes() != 0 {
		t.Fatalf("%d writes, %v", trace.Writes(), err)
	}
	second, _ := req.GetBody()
	if got, err := io.ReadAll(first); string(got) != "body" || err != nil || trace.Writes() != 1 {
		t.Errorf("read %q, %v, %d writes", got, err, trace.Writes())
	}
	if n, err := second.Read(make([]byte, 4)); n != 0 || !errors.Is(err, transport.ErrReplay) {
		t.Errorf("read %d, %v", n, err)
	}
	if n, err := second.(io.WriterTo).WriteTo(io.Discard); n != 0 || !errors.Is(err, transport.ErrReplay) {
		t.Errorf("written %d, %v", n, err)
	}
	if body, err := req.GetBody(); body != nil || !errors.Is(err, transport.ErrReplay) {
		t.Errorf("%v, %v", body, err)
	}
	if trace.Unread() || trace.Reported() {
		t.Error("unread, or reported")
	}
}

// What the server did not process may be sent again.
func TestForgive(t *testing.T) {
	req, trace := traced(t)
	io.Copy(io.Discard, req.Body)
	trace.Forgive()
	again, err := req.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if n, err := again.(io.WriterTo).WriteTo(&b); n != 4 || err != nil || b.String() != "body" || trace.Sends() != 2 || trace.Writes() != 2 {
		t.Errorf("written %d, %v, %d writes", n, err, trace.Writes())
	}
	if _, err := req.GetBody(); !errors.Is(err, transport.ErrReplay) {
		t.Error(err)
	}
}

func ExampleTrace_Body() {
	trace := transport.Trace{Foreign: true}
	ctx := transport.WithTrace(context.Background(), &trace)
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.openai.com/v1/responses", strings.NewReader(`{"model":"gpt-5"}`))
	req.Body, req.GetBody = trace.Body(req.Body), trace.Guard(req.GetBody)

	io.Copy(io.Discard, req.Body) // something beneath sends it, and does not report that
	_, err := req.GetBody()
	fmt.Println(trace.Writes(), trace.Unread(), errors.Is(err, transport.ErrReplay))
	// Output: 1 false true
}

// A body that is never read is opened again as often as connections can be dead, but not without end.
func TestOpenedWithoutEnd(t *testing.T) {
	req, trace := traced(t)
	opened := 0
	for range 1000 {
		if _, err := req.GetBody(); err == nil {
			opened++
		}
	}
	if opened < 10 || opened > 200 || trace.Writes() != 0 {
		t.Errorf("opened %d times, %d writes", opened, trace.Writes())
	}
}

// The request's own body is given without conditions: a base may have opened another one to sign it.
func TestReadsOfTheOwnBody(t *testing.T) {
	req, trace := traced(t)
	signed, _ := req.GetBody()
	io.Copy(io.Discard, signed)
	if got, err := io.ReadAll(req.Body); string(got) != "body" || err != nil || trace.Writes() != 2 {
		t.Errorf("%q, %v, %d writes", got, err, trace.Writes())
	}
}

// What is known to be unread stays so.
func TestUnread(t *testing.T) {
	req, trace := traced(t)
	opened, _ := req.GetBody()
	if n, err := req.Body.Read(nil); n != 0 || err != nil || !trace.Unread() {
		t.Errorf("%d, %v, unread %v", n, err, trace.Unread())
	}
	for _, body := range []io.Reader{req.Body, opened} {
		if n, err := body.Read(make([]byte, 4)); n != 0 || !errors.Is(err, transport.ErrReplay) {
			t.Errorf("%d, %v", n, err)
		}
	}
	if req.Body.Close() != nil || !trace.Unread() || trace.Writes() != 0 {
		t.Errorf("%d writes", trace.Writes())
	}
}

// Without Foreign, a body stays what it is.
func TestBodyOfABareTransport(t *testing.T) {
	var trace transport.Trace
	body := io.NopCloser(strings.NewReader("x"))
	if trace.Body(body) != body || !trace.Unread() {
		t.Error("it was wrapped")
	}
}
