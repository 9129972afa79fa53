package llmtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// faultCases are the promises of the table at Fault.
var faultCases = []struct {
	fault        llmtest.Fault
	status       int // 0: the connection breaks before an answer
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

func TestCutStreamKeepsWholeEvents(t *testing.T) {
	everywhere(t, "sse", llmtest.Config{Faults: llmtest.Sequence(llmtest.CutStream)},
		func(t *testing.T, srv *llmtest.Server) {
			got := send(t.Context(), srv, body("hi", `"stream":true`))
			if n := len(sse(t, got.body, "\n")); n != 5 {
				t.Errorf("%d events of 11 arrived, want 5", n)
			}
		})
	everywhere(t, "json", llmtest.Config{Faults: llmtest.Sequence(llmtest.CutStream)},
		func(t *testing.T, srv *llmtest.Server) {
			got := send(t.Context(), srv, body("hi"))
			if !strings.HasPrefix(got.body, `{"id":"chatcmpl-`) || strings.Contains(got.body, "total_tokens") {
				t.Errorf("got %s, want half an answer", got.body)
			}
		})
}

func TestErrorInStream(t *testing.T) {
	inBubble(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ErrorInStream)},
		func(t *testing.T, srv *llmtest.Server) {
			events := sse(t, mustSend(t, srv, body("hi", `"stream":true`), 200).body, "\n")
			last := decode[failure](t, events[len(events)-1])
			if len(events) != 6 || last.Error.Type != "server_error" {
				t.Errorf("%d events, the last %s", len(events), events[len(events)-1])
			}
		})
}

// The refusal of a request that the fault would have let through is what happened.
func TestFaultAfterRefusal(t *testing.T) {
	inBubble(t, llmtest.Config{
		Flex:   llmtest.Refuse(1),
		Faults: llmtest.Sequence(llmtest.ResetAfterAccept, llmtest.ServerError),
	}, func(t *testing.T, srv *llmtest.Server) {
		mustSend(t, srv, body("hi", `"service_tier":"flex"`), http.StatusTooManyRequests)
		mustSend(t, srv, `{`, http.StatusInternalServerError)
		if r := srv.Requests(); r[0].Fault != llmtest.NoFault || r[1].Fault != llmtest.ServerError {
			t.Errorf("recorded faults %v and %v", r[0].Fault, r[1].Fault)
		}
		if n := len(srv.Meter()); n != 0 {
			t.Errorf("billed %d", n)
		}
	})
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

func TestResetIsARealReset(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems word it differently")
	}
	srv := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetBeforeAccept, llmtest.ResetAfterAccept)})
	defer srv.Close()
	for range 2 {
		if got := send(t.Context(), srv, body("hi")); !errors.Is(got.err, syscall.ECONNRESET) {
			t.Errorf("got %v, want ECONNRESET", got.err)
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

func TestStallEndsWithClient(t *testing.T) {
	bothBubbles(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.Stall)},
		func(t *testing.T, srv *llmtest.Server) {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
			defer cancel()
			got := send(ctx, srv, body("hi"))
			if !errors.Is(got.err, context.DeadlineExceeded) || time.Since(began) != 15*time.Minute {
				t.Errorf("got %v after %v", got.err, time.Since(began))
			}
			synctest.Wait()
			if r := srv.Requests()[0]; len(srv.Meter()) != 1 || r.Status != 0 || r.Fault != llmtest.Stall {
				t.Errorf("billed %d, recorded %+v", len(srv.Meter()), r)
			}
			mustSend(t, srv, body("after"), http.StatusOK)
		})
}

func TestStallEndsWithServer(t *testing.T) {
	bothVersions(t, "stall", llmtest.Config{Faults: llmtest.Sequence(llmtest.Stall)},
		func(t *testing.T, srv *llmtest.Server) {
			result := make(chan answer)
			go func() { result <- send(t.Context(), srv, body("hi")) }()
			for len(srv.Meter()) == 0 {
				runtime.Gosched()
			}
			srv.Close()
			if got := <-result; got.err == nil {
				t.Errorf("got status %d from a closed server", got.status)
			}
		})
}

func TestStallSeesLoopbackClientGo(t *testing.T) {
	srv := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.Stall)})
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan answer)
	go func() { result <- send(ctx, srv, body("hi")) }()
	for len(srv.Meter()) == 0 {
		runtime.Gosched()
	}
	cancel()
	if got := <-result; !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %v", got.err)
	}
	for stalled() {
		runtime.Gosched()
	}
}

// stalled says whether a handler is still busy in this process.
func stalled() bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "responder).deliver")
}
