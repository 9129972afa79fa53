package llmtest_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestDelays(t *testing.T) {
	cfg := llmtest.Config{Latency: 10 * time.Minute, ChunkDelay: time.Second, Faults: llmtest.Sequence(llmtest.NoFault, llmtest.NoFault, llmtest.Overloaded)}
	inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		for _, tt := range []struct {
			request string
			status  int
			want    time.Duration
		}{
			{body("hi"), 200, 10 * time.Minute},
			{body("hi", `"stream":true`), 200, 10*time.Minute + 10*time.Second}, // 11 events, 10 gaps
			{body("hi"), 503, 10 * time.Minute},
		} {
			began := time.Now()
			a := mustSend(t, srv, tt.request, tt.status)
			if got := time.Since(began); got != tt.want {
				t.Errorf("took %v, want %v", got, tt.want)
			}
			if ms := a.header.Get("openai-processing-ms"); ms != "600000" {
				t.Errorf("openai-processing-ms %s", ms)
			}
		}
		if g := srv.Meter()[0]; time.Since(g.At) < 30*time.Minute {
			t.Errorf("billed at %v, which is after the wait", g.At)
		}
	})
}

func TestHangUpIsBilled(t *testing.T) {
	inBubble(t, llmtest.Config{Latency: time.Hour}, func(t *testing.T, srv *llmtest.Server) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if got := send(ctx, srv, body("hi")); !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("got %v", got.err)
		}
		if r := srv.Requests(); len(srv.Meter()) != 1 || len(r) != 1 || r[0].Status != 0 {
			t.Errorf("billed %d, recorded %+v", len(srv.Meter()), r)
		}
	})
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

// stalled reports whether a handler is still running in this process.
func stalled() bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "responder).deliver")
}
