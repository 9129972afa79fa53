package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// TestLongBodies sends prompts that are longer than what the stack buffers. They still get a tier and fall back.
func TestLongBodies(t *testing.T) {
	policy := policyFile(t, flexFirst)
	for _, size := range []int{10, 60 << 10, 70 << 10, 3 << 20} {
		sim := provider(t, llmtest.Config{Flex: llmtest.Refuse(1)})
		p := start(t, sim.URL, "-policy", policy)
		if a := p.chat(strings.Repeat("long ", size/5)); a.status != 200 {
			t.Errorf("%d bytes: %d %s", size, a.status, a.body)
		}
		if r := sim.Requests(); len(r) != 2 || r[0].Tier != "flex" || r[1].Tier != "default" {
			t.Errorf("%d bytes: %d requests", size, len(r))
		}
		if got, want := spent(p.rows()).String(), metered(t, sim.Meter()); got != want {
			t.Errorf("%d bytes: the rows say %s, the meter %s", size, got, want)
		}
	}
}

// TestTooLongBodies sends bodies that are longer than what the proxy buffers. They are forwarded unchanged.
func TestTooLongBodies(t *testing.T) {
	upstream, got := recorder(t)
	p := start(t, upstream, "-policy", policyFile(t, flexFirst))
	prompt := strings.Repeat("x", maxHeld)
	body := chatBody("gpt-5-mini", prompt, "")
	for _, length := range []int64{int64(len(body)), -1} {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", p.url+"/v1/chat/completions", io.NopCloser(strings.NewReader(body)))
		req.ContentLength = length
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if s := <-got; s.body != body {
			t.Errorf("length %d: %d bytes arrive of %d", length, len(s.body), len(body))
		}
	}
}

// TestLongerThanTheRoom sends a call that is longer than all the memory for bodies. It is forwarded unchanged, and its row says so.
func TestLongerThanTheRoom(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	p := start(t, sim.URL, "-policy", policyFile(t, flexFirst), "-body-memory", "1")
	for _, size := range []int{1 << 20, 1000} {
		if a := p.chat(strings.Repeat("x", size)); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if rows := p.rows(); len(rows) != 2 || rows[0].Skipped == "" || rows[1].Skipped != "" || rows[1].ServedTier != policy.Flex {
		t.Errorf("%+v", rows)
	}
}

// TestManyBodies makes many calls with long bodies at once. Their bodies take no more memory than -body-memory says: those for
// which there is no room wait.
func TestManyBodies(t *testing.T) {
	const calls, size, most = 16, 2 << 20, 10 << 20
	release := make(chan bool)
	var running atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		running.Add(1)
		<-release
		running.Add(-1)
		fmt.Fprintf(w, `{"read":%d,"error":"%v"}`, n, err)
	}))
	defer upstream.Close()
	p := start(t, upstream.URL, "-body-memory", "10")
	done := make(chan string, calls)
	for n := range calls {
		go func() {
			body := chatBody("gpt-5-mini", strings.Repeat("x", size)+strconv.Itoa(n), "")
			req, _ := http.NewRequest("POST", p.url+"/v1/chat/completions", strings.NewReader(body))
			if n%2 == 0 {
				req.ContentLength = -1
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				done <- err.Error()
				return
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			if want := fmt.Sprintf(`{"read":%d,"error":"<nil>"}`, len(body)); string(text) != want {
				done <- fmt.Sprintf("%d %s", resp.StatusCode, text)
				return
			}
			done <- ""
		}()
	}
	for n := 0; n < calls; {
		if held := p.metric("skinflint_body_bytes"); held > most || running.Load()*size > most {
			t.Fatalf("%d bytes are held, and %d calls run", held, running.Load())
		}
		select {
		case release <- true:
		case text := <-done:
			n++
			if text != "" {
				t.Error(text)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the calls do not go on")
		}
	}
	for began := time.Now(); p.metric("skinflint_body_bytes") != 0; { // a client has its answer before the call has ended
		if time.Since(began) > 10*time.Second {
			t.Fatal("bytes are held in the end")
		}
	}
	if refused := p.metric("skinflint_body_refused_total"); refused != 0 {
		t.Errorf("%d calls were refused", refused)
	}
}

// metric returns a figure of /metrics.
func (p *instance) metric(name string) int64 {
	p.t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + ` (\d+)$`).FindStringSubmatch(do(p.t, "GET", p.url+"/metrics", "").body)
	if m == nil {
		p.t.Fatalf("there is no %s", name)
	}
	n, _ := strconv.ParseInt(m[1], 10, 64)
	return n
}

// TestNoRoom has calls that take all the memory and do not end. The next one waits, and then gets a 503 with Retry-After. A short one
// is not held up by a long one.
func TestNoRoom(t *testing.T) {
	var seen []*http.Request
	stop := make(chan bool)
	inPipes(t, "", func(req *http.Request) (*http.Response, error) {
		seen = append(seen, req)
		<-stop
		return swallow(req)
	}, func(t *testing.T, l *pipes) {
		stop = make(chan bool)
		send := func(size int) <-chan string {
			answered := make(chan string, 1)
			go func() {
				conn := l.dial()
				defer conn.Close()
				go fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
				text, _ := io.ReadAll(conn)
				answered <- string(text)
			}()
			synctest.Wait()
			return answered
		}
		first := send(1<<20 - 1000)
		began := time.Now()
		long, short := send(1001), send(1000)
		if len(seen) != 2 {
			t.Errorf("%d calls are sent", len(seen))
		}
		if text := <-long; !strings.HasPrefix(text, "HTTP/1.1 503 ") || !strings.Contains(text, "Retry-After: 5\r\n") || !strings.Contains(text, "-body-memory") || time.Since(began) != roomTime {
			t.Errorf("after %v: %q", time.Since(began), text)
		}
		again := send(1001)
		time.Sleep(roomTime / 2)
		close(stop)
		for name, answered := range map[string]<-chan string{"first": first, "short": short, "again": again} {
			if text := <-answered; !strings.HasPrefix(text, "HTTP/1.1 200 ") {
				t.Errorf("%s: %q", name, text)
			}
		}
	})
}

// TestHold reads bodies of many lengths into memory, and more than once from there.
func TestHold(t *testing.T) {
	for _, size := range []int{0, 1, firstPart - 1, firstPart, firstPart + 1, 3 * firstPart, maxPart, 3*maxPart + 5, 4 << 20, 4<<20 + 1, 5 << 20} {
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(i * 31 >> 3)
		}
		for name, src := range map[string]io.Reader{
			"at once": bytes.NewReader(body), "in halves": iotest.HalfReader(bytes.NewReader(body)), "with its end": iotest.DataErrReader(bytes.NewReader(body)),
		} {
			for _, known := range []bool{true, false} {
				t.Run(fmt.Sprintf("%d bytes, %s, known %v", size, name, known), func(t *testing.T) {
					if s, ok := src.(io.Seeker); ok {
						s.Seek(0, io.SeekStart)
					} else if known {
						return // it can be read once
					}
					req, _ := http.NewRequest("POST", "http://x", io.NopCloser(src))
					if req.ContentLength = -1; known && size > 0 {
						req.ContentLength = int64(size)
					}
					checkHeld(t, req, body)
				})
			}
		}
	}
}

// checkHeld holds a body in a room of 4 MB, and reads it.
func checkHeld(t *testing.T, req *http.Request, body []byte) {
	t.Helper()
	r := newRoom(4 << 20)
	h := &holding{room: r}
	if err := h.hold(req); err != nil {
		t.Fatal(err)
	}
	held := req.GetBody != nil
	if held != (int64(len(body)) <= r.size) {
		t.Errorf("held: %v", held)
	}
	if got, err := io.ReadAll(req.Body); err != nil || !bytes.Equal(got, body) {
		t.Errorf("read %d, %v", len(got), err)
	}
	if held {
		again, _ := req.GetBody()
		if got, err := io.ReadAll(again); err != nil || !bytes.Equal(got, body) {
			t.Errorf("read again %d, %v", len(got), err)
		}
		if taken, _ := r.stats(); taken != int64(len(body)) {
			t.Errorf("%d taken", taken)
		}
	}
	h.release()
	if taken, _ := r.stats(); taken != 0 {
		t.Errorf("%d still taken", taken)
	}
}

// TestHoldFails has bodies that end early or cannot be read.
func TestHoldFails(t *testing.T) {
	for _, length := range []int64{-1, 100} {
		for _, want := range []error{io.ErrUnexpectedEOF, io.ErrClosedPipe} {
			req, _ := http.NewRequest("POST", "http://x", io.NopCloser(io.MultiReader(strings.NewReader("{}"), iotest.ErrReader(want))))
			req.ContentLength = length
			h := &holding{room: newRoom(1 << 20)}
			if err := h.hold(req); !errors.Is(err, want) {
				t.Errorf("%d: %v, want %v", length, err, want)
			}
		}
	}
	req, _ := http.NewRequest("POST", "http://x", io.NopCloser(strings.NewReader("{}")))
	req.ContentLength = 3
	if err := (&holding{room: newRoom(1 << 20)}).hold(req); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a short body: %v", err)
	}
}
