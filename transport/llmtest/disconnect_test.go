package llmtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// resetCases are the ways in which a stream ends, and how net/http reacts.
var resetCases = []struct {
	fault  llmtest.Fault
	words  string
	resent bool // by net/http's transport, if it has the body
	billed int  // of the requests with the fault
}{
	{fault: llmtest.ResetBeforeAccept, words: "stream ID 3; INTERNAL_ERROR; received from peer"},
	{fault: llmtest.ResetAfterAccept, words: "stream ID 3; INTERNAL_ERROR; received from peer", billed: 1},
	{fault: llmtest.RefusedStream, words: "cannot retry err [stream error: stream ID 3; REFUSED_STREAM; received from peer]", resent: true},
	{fault: llmtest.GoAway, words: "cannot retry err [http2: Transport received Server's graceful shutdown GOAWAY]", resent: true},
	{fault: llmtest.ProtocolError, words: "cannot retry err [stream error: stream ID 3; PROTOCOL_ERROR; received from peer]", resent: true},
	{fault: llmtest.ProtocolErrorAfterWork, words: "cannot retry err [stream error: stream ID 3; PROTOCOL_ERROR; received from peer]", resent: true, billed: 1},
}

func TestStreamEnds(t *testing.T) {
	for _, tt := range resetCases {
		cfg := llmtest.Config{HTTP2: true, Faults: llmtest.Sequence(llmtest.NoFault, tt.fault, tt.fault)}
		everywhere(t, tt.fault.String()+"/once", cfg, func(t *testing.T, srv *llmtest.Server) {
			mustSend(t, srv, body("first"), http.StatusOK)
			if got := sendOnce(t.Context(), srv, strings.NewReader(body("hi"))); !says(got.err, tt.words) {
				t.Errorf("got %v", got.err)
			}
			if n, m := len(srv.Requests()), len(srv.Meter()); n != 2 || m != 1+tt.billed {
				t.Errorf("%d requests arrived, %d billed", n, m)
			}
		})
		// In a bubble, because net/http waits before the third attempt.
		t.Run(tt.fault.String()+"/again", func(t *testing.T) {
			inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
				mustSend(t, srv, body("first"), http.StatusOK)
				got := send(t.Context(), srv, body("hi"))
				if !tt.resent {
					if !says(got.err, tt.words) || len(srv.Requests()) != 2 {
						t.Errorf("got %v after %d requests", got.err, len(srv.Requests()))
					}
					return
				}
				if got.status != http.StatusOK {
					t.Errorf("got status %d, error %v", got.status, got.err)
				}
				checkResent(t, srv, tt.fault, tt.billed)
			})
		})
	}
}

// checkResent checks that there were two requests with the fault and a third without it, all
// with the same content.
func checkResent(t *testing.T, srv *llmtest.Server, fault llmtest.Fault, billed int) {
	t.Helper()
	all := srv.Requests()
	if len(all) != 4 || len(srv.Meter()) != 2+2*billed {
		t.Fatalf("%d requests arrived, %d billed", len(all), len(srv.Meter()))
	}
	for _, r := range all[1:3] {
		if r.Fault != fault || r.Status != 0 || r.Call != all[3].Call {
			t.Errorf("recorded %+v", r)
		}
	}
}

// net/http gives up after too many REFUSED_STREAMs. After a GOAWAY or a PROTOCOL_ERROR it
// takes a new connection, and starts to count again.
func TestStreamEndsForGood(t *testing.T) {
	for fault, tries := range map[llmtest.Fault]int{
		llmtest.RefusedStream: 8, llmtest.GoAway: 100, llmtest.ProtocolError: 100,
	} {
		t.Run(fault.String(), func(t *testing.T) {
			inBubble(t, llmtest.Config{HTTP2: true, Faults: llmtest.ScriptFunc(func(n int) llmtest.Fault {
				if n >= 100 {
					return llmtest.BadRequest
				}
				return fault
			})}, func(t *testing.T, srv *llmtest.Server) {
				began := time.Now()
				got := send(t.Context(), srv, body("hi"))
				if refused := says(got.err, "REFUSED_STREAM"); refused != (tries == 8) || !refused && got.status != 400 {
					t.Errorf("got status %d, error %v", got.status, got.err)
				}
				n := len(srv.Requests())
				if tries == 100 {
					n--
				}
				if took := time.Since(began); n != tries || (took > time.Minute) != (tries == 8) {
					t.Errorf("%d tries in %v", n, took)
				}
			})
		})
	}
}

// A stream that was open before the GOAWAY is completed.
func TestGoAwayLeavesOthers(t *testing.T) {
	var dials atomic.Int32
	inBubble(t, llmtest.Config{
		HTTP2: true, ChunkDelay: time.Minute,
		Faults:      llmtest.Sequence(llmtest.NoFault, llmtest.GoAway),
		RefuseDials: func(int) bool { dials.Add(1); return false },
	}, func(t *testing.T, srv *llmtest.Server) {
		res, err := srv.Client().Post(srv.URL+chatPath, "application/json", strings.NewReader(body("long", `"stream":true`)))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		mustSend(t, srv, body("hi"), http.StatusOK)
		if rest, err := io.ReadAll(res.Body); err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
			t.Errorf("the stream ended with %q, %v", rest, err)
		}
		mustSend(t, srv, body("after"), http.StatusOK)
		if n, m := len(srv.Requests()), len(srv.Meter()); n != 4 || m != 3 || dials.Load() != 2 {
			t.Errorf("%d requests arrived, %d billed, on %d connections", n, m, dials.Load())
		}
	})
}

// A GOAWAY does not exclude later streams, for which work may have been done.
func TestGoAwayWithLaterStream(t *testing.T) {
	inBubble(t, llmtest.Config{
		HTTP2: true, ChunkDelay: time.Minute, Faults: llmtest.Sequence(llmtest.GoAway),
	}, func(t *testing.T, srv *llmtest.Server) {
		slow, write := io.Pipe()
		first := make(chan answer)
		go func() { first <- sendOnce(t.Context(), srv, slow) }()
		synctest.Wait()
		res, err := srv.Client().Post(srv.URL+chatPath, "application/json", strings.NewReader(body("later", `"stream":true`)))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		in := bufio.NewReader(res.Body)
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(write, body("hi"))
		write.Close()
		if got := <-first; !says(got.err, "REFUSED_STREAM") {
			t.Errorf("got %v", got.err)
		}
		if rest, err := io.ReadAll(in); err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
			t.Errorf("the stream ended with %q, %v", rest, err)
		}
		if n, m := len(srv.Requests()), len(srv.Meter()); n != 2 || m != 1 {
			t.Errorf("%d requests arrived, %d billed", n, m)
		}
	})
}

// Only the calls with ProtocolErrorAfterWork are billed twice, whatever else happens to the
// connection.
func TestStreamEndsBillOnce(t *testing.T) {
	ends := []llmtest.Fault{
		llmtest.NoFault, llmtest.GoAway, llmtest.RefusedStream, llmtest.NoFault, llmtest.ProtocolError,
		llmtest.ProtocolErrorAfterWork, llmtest.NoFault,
	}
	crowd := func(t *testing.T, srv *llmtest.Server, size int) {
		var wg sync.WaitGroup
		for i := range size {
			wg.Go(func() {
				if got := send(t.Context(), srv, body(fmt.Sprint(i))); got.status != http.StatusOK {
					t.Errorf("got status %d, error %v", got.status, got.err)
				}
			})
		}
		wg.Wait()
		want := map[string]int{}
		for _, r := range srv.Requests() {
			if r.Fault == llmtest.ProtocolErrorAfterWork || r.Fault == llmtest.NoFault {
				want[r.Call]++
			}
		}
		for _, g := range srv.Meter() {
			want[g.Call]--
		}
		for call, n := range want {
			if n != 0 {
				t.Errorf("call %.8s: %d generations are missing", call, n)
			}
		}
		if n := len(srv.Requests()); len(want) != size || n <= size {
			t.Errorf("%d calls in %d requests", len(want), n)
		}
		checkOnce(t, srv)
	}
	script := func(every int) llmtest.Script {
		return llmtest.ScriptFunc(func(n int) llmtest.Fault {
			if n%every != 0 || n >= 200 {
				return llmtest.NoFault
			}
			return ends[n/every%len(ends)]
		})
	}
	t.Run("pipe", func(t *testing.T) {
		inBubble(t, llmtest.Config{HTTP2: true, Faults: script(1)}, func(t *testing.T, srv *llmtest.Server) {
			crowd(t, srv, 200)
		})
	})
	// In real time there are few, because net/http waits before the third attempt.
	t.Run("loopback", func(t *testing.T) {
		srv := llmtest.NewServer(llmtest.Config{HTTP2: true, Faults: script(3)})
		defer srv.Close()
		crowd(t, srv, 20)
	})
}

// checkOnce fails the test if a call was served more than once without a fault.
func checkOnce(t *testing.T, srv *llmtest.Server) {
	t.Helper()
	served := map[string]int{}
	for _, r := range srv.Requests() {
		if r.Fault == llmtest.NoFault {
			served[r.Call]++
		}
	}
	for call, n := range served {
		if n != 1 {
			t.Errorf("call %.8s was served %d times", call, n)
		}
	}
}

// A client that leaves before the fault strikes does not harm others on the connection.
func TestStreamEndWithoutClient(t *testing.T) {
	for _, fault := range []llmtest.Fault{llmtest.RefusedStream, llmtest.ProtocolErrorAfterWork, llmtest.ResetAfterAccept} {
		t.Run(fault.String(), func(t *testing.T) {
			inBubble(t, llmtest.Config{
				HTTP2: true, Latency: time.Minute, Faults: llmtest.Sequence(llmtest.Slow, fault),
			}, func(t *testing.T, srv *llmtest.Server) {
				slow := make(chan answer)
				go func() { slow <- send(t.Context(), srv, body("slow")) }()
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if got := send(ctx, srv, body("hi")); !errors.Is(got.err, context.DeadlineExceeded) {
					t.Errorf("got %v", got.err)
				}
				if got := <-slow; got.status != http.StatusOK {
					t.Errorf("got status %d, error %v", got.status, got.err)
				}
			})
		})
	}
}

// A client that changes the size of the header table gets the confirmation even if the
// server's first response is a fault.
func TestStreamEndKeepsHeaderTable(t *testing.T) {
	for _, size := range []int{1, 100, 8000} {
		cfg := llmtest.Config{HTTP2: true, Faults: llmtest.Sequence(llmtest.RefusedStream)}
		everywhere(t, fmt.Sprint(size), cfg, func(t *testing.T, srv *llmtest.Server) {
			srv.Transport().HTTP2 = &http.HTTP2Config{MaxDecoderHeaderTableSize: size}
			for i := range 3 {
				got := mustSend(t, srv, body("hi"), http.StatusOK)
				if got.header.Get("Content-Type") != "application/json" || got.header.Get("X-Request-Id") == "" {
					t.Errorf("the header of answer %d is %v", i, got.header)
				}
			}
			if n := len(srv.Requests()); n != 4 {
				t.Errorf("%d requests arrived", n)
			}
		})
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
