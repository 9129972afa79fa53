package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// These are the errors of net/http for a stream that failed, if the request has no GetBody.
func TestUnprocessed(t *testing.T) {
	for fault, want := range map[llmtest.Fault]bool{
		llmtest.RefusedStream: true, llmtest.GoAway: true, llmtest.ProtocolError: false, llmtest.ProtocolErrorAfterWork: false,
		llmtest.ResetBeforeAccept: false, llmtest.ResetAfterAccept: false,
	} {
		server := llmtest.NewServer(llmtest.Config{HTTP2: true, Faults: llmtest.Sequence(fault)})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		req.GetBody = nil
		_, err = server.Transport().RoundTrip(req)
		if err == nil || transport.Unprocessed(err) != want || transport.Unprocessed(fmt.Errorf("wrapped: %w", err)) != want {
			t.Errorf("%v: %v", fault, err)
		}
		server.Close()
	}
	for _, err := range []error{
		nil, errors.New("EOF"), errors.New("stream error: stream ID 1; REFUSED_STREAM; received from peer"),
		errors.New("cannot retry err [stream error: stream ID 1; PROTOCOL_ERROR; received from peer] after Request.Body was written; REFUSED_STREAM"),
		errors.New("cannot retry err [stream error: stream ID 1; REFUSED_STREAM"),
	} {
		if transport.Unprocessed(err) {
			t.Errorf("%v", err)
		}
	}
}

// With Guard, net/http sends no request again whose headers were written over HTTP/2, because GetBody cannot distinguish the
// cases.
func TestGuard(t *testing.T) {
	for _, fault := range []llmtest.Fault{llmtest.RefusedStream, llmtest.GoAway, llmtest.ProtocolError, llmtest.ProtocolErrorAfterWork} {
		for _, used := range []bool{false, true} {
			server := llmtest.NewServer(llmtest.Config{HTTP2: true, Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
				if used && n == 0 {
					return llmtest.NoFault
				}
				return fault
			})})
			for n := range 2 {
				trace := transport.Trace{Foreign: true}
				body := func() (io.ReadCloser, error) {
					return io.NopCloser(strings.NewReader(`{"model":"gpt-5","messages":[]}`)), nil
				}
				req, err := http.NewRequestWithContext(transport.WithTrace(context.Background(), &trace), http.MethodPost, server.URL+"/v1/chat/completions", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Body, _ = body()
				req.GetBody = trace.Guard(body)
				resp, err := server.Transport().RoundTrip(req)
				if err == nil {
					resp.Body.Close()
				} else if !errors.Is(err, transport.ErrReplay) {
					t.Errorf("%v: %v", fault, err)
				}
				if (err == nil) != (used && n == 0) || trace.Writes() != 1 {
					t.Errorf("%v: written %d times, %v", fault, trace.Writes(), err)
				}
			}
			server.Close()
		}
	}
}

func ExampleUnprocessed() {
	server := llmtest.NewServer(llmtest.Config{HTTP2: true, Faults: llmtest.Sequence(llmtest.RefusedStream)})
	defer server.Close()
	for range 2 {
		req, _ := http.NewRequest(http.MethodPost, server.URL+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[{"role":"user","content":"Hm?"}]}`))
		req.GetBody = nil // so that net/http says what has happened, instead of sending it again on its own
		resp, err := server.Transport().RoundTrip(req)
		if transport.Unprocessed(err) {
			fmt.Println("the server did not process it: it may be sent again")
			continue
		}
		fmt.Println(resp.Status)
		resp.Body.Close()
	}
	fmt.Println("billed:", len(server.Meter()))
	// Output:
	// the server did not process it: it may be sent again
	// 200 OK
	// billed: 1
}

// Of all texts of errors, only the two that say so count as not processed.
func FuzzUnprocessed(f *testing.F) {
	for _, text := range []string{
		"http2: Transport: cannot retry err [stream error: stream ID 1; REFUSED_STREAM; received from peer] after Request.Body was written; define Request.GetBody to avoid this error",
		"http2: Transport: cannot retry err [http2: Transport received Server's graceful shutdown GOAWAY] after Request.Body was written; define Request.GetBody to avoid this error",
		"http2: Transport: cannot retry err [stream error: stream ID 1; PROTOCOL_ERROR; received from peer] after Request.Body was written; define Request.GetBody to avoid this error",
		"http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=\"\"", "EOF", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := transport.Unprocessed(errors.New(text))
		if got && (!strings.Contains(text, "cannot retry err [") || !strings.Contains(text, "REFUSED_STREAM") && !strings.Contains(text, "GOAWAY")) {
			t.Errorf("%q", text)
		}
		if wrapped := fmt.Errorf("Post %q: %w", "https://llm.invalid", errors.New(text)); transport.Unprocessed(wrapped) != got {
			t.Errorf("wrapped %q: not %v", text, got)
		}
	})
}

func ExampleWithTrace() {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	var trace transport.Trace
	req, _ := http.NewRequestWithContext(transport.WithTrace(context.Background(), &trace), http.MethodGet, server.URL, nil)
	resp, err := server.Client().Do(req)
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	fmt.Println("reported:", trace.Reported(), "written:", trace.Writes(), "HTTP/2:", trace.HTTP2())
	// Output: reported: true written: 1 HTTP/2: false
}

func TestTrace(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	nowhere := "http://" + unusedAddress(t)
	seen := 0
	own := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteHeaders: func() { seen++ }})
	for _, test := range []struct {
		name, url string
		base      http.RoundTripper
		unwritten bool
		writes    int
	}{
		{"served", server.URL, transport.Base(), false, 1},
		{"nothing listens", nowhere, transport.Base(), true, 0},
		{"a base that does not report", server.URL, transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("lost")
		}), false, 0},
	} {
		var trace transport.Trace
		req, err := http.NewRequestWithContext(transport.WithTrace(own, &trace), http.MethodPost, test.url, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := test.base.RoundTrip(req); err == nil {
			resp.Body.Close()
		}
		transport.CloseIdleConnections(test.base)
		if unwritten := trace.Reported() && trace.Writes() == 0; unwritten != test.unwritten || trace.Writes() != test.writes {
			t.Errorf("%s: unwritten %v, writes %d", test.name, unwritten, trace.Writes())
		}
	}
	if seen != 1 {
		t.Errorf("the caller's own trace saw %d writes, want 1", seen)
	}
}

// A RoundTripper beneath that has hooks of its own takes over those of the Trace, and of the program above.
func TestTraceBeneathAnother(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	var above, beneath atomic.Int32
	count := func(n *atomic.Int32) *httptrace.ClientTrace {
		return &httptrace.ClientTrace{WroteHeaders: func() { n.Add(1) }}
	}
	for _, foreign := range []bool{false, true} {
		trace := transport.Trace{Foreign: foreign}
		ctx := transport.WithTrace(httptrace.WithClientTrace(t.Context(), count(&above)), &trace)
		ctx = httptrace.WithClientTrace(context.WithValue(ctx, "other", 1), count(&beneath)) //lint:ignore SA1029 any key will do
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if !trace.Reported() || trace.Writes() != 1 || trace.Answered() != foreign {
			t.Errorf("foreign %v: reported %v, %d writes, answered %v", foreign, trace.Reported(), trace.Writes(), trace.Answered())
		}
	}
	if above.Load() != 2 || beneath.Load() != 2 {
		t.Errorf("above saw %d writes, beneath %d, want 2 each", above.Load(), beneath.Load())
	}
}

func unusedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
