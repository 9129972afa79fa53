package llmtest_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// faultCases are the rows of the table at Fault.
var faultCases = []struct {
	fault        llmtest.Fault
	status       int // 0: the connection breaks before a response
	streamStatus int
	code         string
	retryAfter   string
	billed       int
	breaks       bool // in the middle of a 200
}{
	{fault: llmtest.NoFault, status: 200, streamStatus: 200, billed: 1},
	{fault: llmtest.ResetBeforeAccept},
	{fault: llmtest.ResetAfterAccept, billed: 1},
	{fault: llmtest.CutStream, status: 200, streamStatus: 200, billed: 1, breaks: true},
	{fault: llmtest.ErrorInStream, status: 500, streamStatus: 200, code: "null", billed: 1},
	{fault: llmtest.ServerError, status: 500, streamStatus: 500, code: "null"},
	{fault: llmtest.ServerErrorAfterWork, status: 500, streamStatus: 500, code: "null", billed: 1},
	{fault: llmtest.Overloaded, status: 503, streamStatus: 503, code: "server_is_overloaded"},
	{fault: llmtest.RateLimited, status: 429, streamStatus: 429, code: "rate_limit_exceeded", retryAfter: "1"},
	{fault: llmtest.QuotaExceeded, status: 429, streamStatus: 429, code: "insufficient_quota"},
	{fault: llmtest.FlexUnavailable, status: 429, streamStatus: 429, code: "flex_unavailable", retryAfter: "300"},
	{fault: llmtest.BadRequest, status: 400, streamStatus: 400, code: "null"},
	{fault: llmtest.RefusedStream},
	{fault: llmtest.GoAway},
	{fault: llmtest.ProtocolError},
	{fault: llmtest.ProtocolErrorAfterWork, billed: 1},
	{fault: llmtest.EarlyRateLimited, status: 429, streamStatus: 429, code: "rate_limit_exceeded", retryAfter: "1"},
	{fault: llmtest.ShouldRetryFalse, status: 429, streamStatus: 429, code: "rate_limit_exceeded", retryAfter: "1"},
}

func TestFaults(t *testing.T) {
	for _, tt := range faultCases {
		for name, request := range map[string]string{
			"unary": body("hi"), "stream": body("hi", `"stream":true`),
		} {
			// A first request leaves a kept-alive connection for the fault to strike.
			cfg := llmtest.Config{Faults: llmtest.Sequence(llmtest.NoFault, tt.fault)}
			everywhere(t, tt.fault.String()+"/"+name, cfg, func(t *testing.T, srv *llmtest.Server) {
				mustSend(t, srv, body("first"), http.StatusOK)
				got := send(t.Context(), srv, request)
				want := tt.status
				if name == "stream" {
					want = tt.streamStatus
				}
				if got.status != want || (got.err != nil) != (want == 0) {
					t.Fatalf("status %d, error %v; want status %d", got.status, got.err, want)
				}
				if (got.bodyErr != nil) != tt.breaks || tt.breaks && !errors.Is(got.bodyErr, io.ErrUnexpectedEOF) {
					t.Errorf("reading the body: %v", got.bodyErr)
				}
				if want >= 400 {
					checkFailure(t, got, tt.code, tt.retryAfter)
				}
				if n := len(srv.Meter()) - 1; n != tt.billed {
					t.Errorf("billed %d, want %d", n, tt.billed)
				}
				checkRecord(t, srv, tt.fault, want)
				mustSend(t, srv, body("after"), http.StatusOK)
			})
		}
	}
}

func checkFailure(t *testing.T, got answer, code, retryAfter string) {
	t.Helper()
	if e := decode[failure](t, got.body).Error; deref(e.Code) != code || e.Message == "" || e.Type == "" {
		t.Errorf("body %s, want code %s", got.body, code)
	}
	if h := got.header.Get("Retry-After"); h != retryAfter {
		t.Errorf("Retry-After %q, want %q", h, retryAfter)
	}
}

func checkRecord(t *testing.T, srv *llmtest.Server, fault llmtest.Fault, status int) {
	t.Helper()
	all := srv.Requests()
	if len(all) != 2 {
		t.Fatalf("%d requests arrived, want 2", len(all))
	}
	if r := all[1]; r.N != 1 || r.Fault != fault || r.Status != status || (len(r.Body) == 0) != (fault == llmtest.EarlyRateLimited) {
		t.Errorf("recorded %+v, want fault %v and status %d", r, fault, status)
	}
}

func TestFaultString(t *testing.T) {
	for f, want := range map[llmtest.Fault]string{
		llmtest.NoFault: "NoFault", llmtest.Stall: "Stall", llmtest.CutStream: "CutStream",
		llmtest.ShouldRetryFalse: "ShouldRetryFalse", llmtest.ShouldRetryFalse + 1: "Fault(24)", 99: "Fault(99)",
	} {
		if f.String() != want {
			t.Errorf("got %s, want %s", f, want)
		}
	}
}

func TestScriptMayLook(t *testing.T) {
	var srv *llmtest.Server
	script := llmtest.ScriptFunc(func(n int) llmtest.Fault {
		if len(srv.Requests()) != n || len(srv.Meter()) != n {
			return llmtest.BadRequest
		}
		return llmtest.NoFault
	})
	srv = llmtest.NewPipe(llmtest.Config{Faults: script})
	defer srv.Close()
	for range 3 {
		mustSend(t, srv, body("hi"), http.StatusOK)
	}
}

// On HTTP/2 the statuses are the same, and streams break instead of connections.
func TestFaultsOverHTTP2(t *testing.T) {
	for _, tt := range faultCases {
		for name, request := range map[string]string{
			"unary": body("hi"), "stream": body("hi", `"stream":true`),
		} {
			cfg := llmtest.Config{HTTP2: true, Faults: llmtest.Sequence(llmtest.NoFault, tt.fault)}
			everywhere(t, tt.fault.String()+"/"+name, cfg, func(t *testing.T, srv *llmtest.Server) {
				mustSend(t, srv, body("first"), http.StatusOK)
				got := sendOnce(t.Context(), srv, strings.NewReader(request))
				want := tt.status
				if name == "stream" {
					want = tt.streamStatus
				}
				if got.status != want || (got.err != nil) != (want == 0) {
					t.Fatalf("status %d, error %v; want status %d", got.status, got.err, want)
				}
				if (got.bodyErr != nil) != tt.breaks || tt.breaks && !says(got.bodyErr, "INTERNAL_ERROR") {
					t.Errorf("reading the body: %v", got.bodyErr)
				}
				if want >= 400 {
					checkFailure(t, got, tt.code, tt.retryAfter)
				}
				if n := len(srv.Meter()) - 1; n != tt.billed {
					t.Errorf("billed %d, want %d", n, tt.billed)
				}
				checkRecord(t, srv, tt.fault, want)
				mustSend(t, srv, body("after"), http.StatusOK)
			})
		}
	}
}
