package middleware_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// What the http.Client beneath the func would follow without a body, 301 to 303, it does not follow either: the key would go with it.
func TestClientBeneathIsNotLedAway(t *testing.T) {
	var key atomic.Value
	b := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { key.Store(r.Method + " " + r.Header.Get("X-Api-Key")) }))
	defer b.Close()
	for _, code := range []int{301, 302, 303} {
		a := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(b.URL, "127.0.0.1", "localhost", 1)+"/evil", code)
		}))
		stack := stackOver(t, nil, policy.Policy{})
		req, _ := http.NewRequest("POST", a.URL+"/v1/messages", strings.NewReader(`{"model":"claude-sonnet-4-5","max_tokens":10,"messages":[]}`))
		req.Header.Set("X-Api-Key", "sk-secret")
		req.Header.Set("X-Stainless-Retry-Count", "0")
		resp, err := stack.Middleware(req, a.Client().Do)
		if k := key.Load(); k != nil {
			t.Errorf("%d: another host got %q; resp %v %v", code, k, resp.StatusCode, err)
		}
		if resp != nil {
			resp.Body.Close()
		}
		a.Close()
	}
}

// Nor after an answer that only announced one, on a connection that was used.
func TestClientBeneathIsNotLedAwayAfter1xx(t *testing.T) {
	var got atomic.Value
	b := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := io.ReadAll(r.Body)
		got.Store(r.Header.Get("X-Api-Key") + " " + string(p))
	}))
	defer b.Close()
	n := 0
	a := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if n++; n == 1 {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, served)
			return
		}
		w.WriteHeader(103)
		w.Header().Set("Location", strings.Replace(b.URL, "127.0.0.1", "localhost", 1)+"/v1/messages")
		w.WriteHeader(307)
	}))
	defer a.Close()
	stack := stackOver(t, nil, policy.Policy{})
	hc := a.Client()
	for range 2 {
		req, _ := http.NewRequest("POST", a.URL+"/v1/messages", strings.NewReader(`{"model":"claude-sonnet-4-5","max_tokens":10,"messages":["PROMPT"]}`))
		req.Header.Set("X-Api-Key", "sk-secret")
		req.Header.Set("X-Stainless-Retry-Count", "0")
		resp, err := stack.Middleware(req, hc.Do)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if got.Load() != nil {
		t.Errorf("another host got %q", got.Load())
	}
}

// h2cServer speaks just enough HTTP/2: the first streams are answered, and later ones processed and reset with PROTOCOL_ERROR.
func h2cServer(t *testing.T, l net.Listener, processed *atomic.Int32, warm int32) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			r := bufio.NewReader(c)
			io.ReadFull(r, make([]byte, 24))
			frame := func(kind, flags byte, id uint32, p []byte) {
				h := []byte{byte(len(p) >> 16), byte(len(p) >> 8), byte(len(p)), kind, flags, 0, 0, 0, 0}
				binary.BigEndian.PutUint32(h[5:], id)
				c.Write(append(h, p...))
			}
			frame(4, 0, 0, nil)
			for {
				var h [9]byte
				if _, err := io.ReadFull(r, h[:]); err != nil {
					return
				}
				p := make([]byte, int(h[0])<<16|int(h[1])<<8|int(h[2]))
				io.ReadFull(r, p)
				id := binary.BigEndian.Uint32(h[5:])
				switch {
				case h[3] == 4 && h[4]&1 == 0:
					frame(4, 1, 0, nil)
				case h[3] == 6 && h[4]&1 == 0:
					frame(6, 1, 0, p)
				case (h[3] == 0 || h[3] == 1) && h[4]&1 != 0: // END_STREAM
					if processed.Add(1) <= warm {
						frame(1, 4, id, []byte{0x88})
						frame(0, 1, id, []byte(served))
					} else {
						frame(3, 0, id, []byte{0, 0, 0, 1})
					}
				}
			}
		}()
	}
}

func h2cBase() *http.Transport {
	base := &http.Transport{Protocols: new(http.Protocols)}
	base.Protocols.SetUnencryptedHTTP2(true)
	return base
}

// HTTP/2 is known without TLS, on the first call of a chain over a connection that another has used.
func TestProtocolErrorWithoutTLS(t *testing.T) {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	defer l.Close()
	var processed atomic.Int32
	go h2cServer(t, l, &processed, 1)
	base := h2cBase()
	defer base.CloseIdleConnections()
	stack := stackOver(t, transport.RoundTripperFunc(base.RoundTrip), policy.Policy{})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, s := range []*middleware.Stack{stack, stack.ErrorsAs(middleware.AsError)} {
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://"+l.Addr().String()+"/v1/chat/completions", strings.NewReader(chatBody))
		resp, err := s.RoundTrip(req)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
	if n := processed.Load(); n != 2 {
		t.Errorf("processed %d times for 2 calls", n)
	}
}

// And where another client speaks HTTP/1 to a host of the same name.
func TestProtocolErrorOfOneClientOfTwo(t *testing.T) {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	defer l.Close()
	var processed atomic.Int32
	go h2cServer(t, l, &processed, 1)
	host := "http://llm.internal/v1/chat/completions"
	dial := func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
	h2 := h2cBase()
	h2.DialContext = dial
	one := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, served)
	}))
	defer one.Close()
	h1 := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("tcp", one.Listener.Addr().String())
	}}
	defer h1.CloseIdleConnections()
	defer h2.CloseIdleConnections()
	stack := stackOver(t, nil, policy.Policy{})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, rt := range []http.RoundTripper{h2, h1, h2} {
		req, _ := http.NewRequestWithContext(ctx, "POST", host, strings.NewReader(chatBody))
		resp, err := stack.Middleware(req, (&http.Client{Transport: rt}).Do)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
	if n := processed.Load(); n != 2 {
		t.Errorf("the h2c server processed %d times for 2 calls", n)
	}
}

// deadOn2 is a connection that takes nothing more when it is dead.
type deadOn2 struct {
	net.Conn
	dead *atomic.Bool
}

func (d deadOn2) Write(p []byte) (int, error) {
	if d.dead.Load() {
		return 0, errors.New("broken pipe")
	}
	return d.Conn.Write(p)
}

// net/http sends a POST without a body again, without end.
func TestPostWithoutABody(t *testing.T) {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	defer l.Close()
	var processed atomic.Int32
	go h2cServer(t, l, &processed, 0)
	base := h2cBase()
	defer base.CloseIdleConnections()
	stack := stackOver(t, base, policy.Policy{})
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "POST", "http://"+l.Addr().String()+"/v1/chat/completions", nil)
	_, err := stack.RoundTrip(req)
	if n := processed.Load(); n != 1 {
		t.Errorf("processed %d times: %v", n, err)
	}
}

// On a used connection of HTTP/1 that turns out to be dead before anything was written, net/http sends the request again: below any chain of those that share the transport.
func TestNothingWritten(t *testing.T) {
	for _, mode := range []string{"same chain", "ErrorsAs chain"} {
		var accepted atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			accepted.Add(1)
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, served)
		}))
		var dead atomic.Bool
		dials := 0
		base := &http.Transport{DialContext: func(ctx context.Context, n, a string) (net.Conn, error) {
			c, err := net.Dial(n, a)
			if dials++; dials == 1 {
				return deadOn2{c, &dead}, err
			}
			return c, err
		}}
		stack := stackOver(t, base, policy.Policy{})
		second := stack
		if mode != "same chain" {
			second = stack.ErrorsAs(middleware.AsError)
		}
		for i, st := range []*middleware.Stack{stack, second} {
			resp, err := st.Client().Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(chatBody))
			if err != nil {
				t.Errorf("%s, call %d: %v", mode, i, err)
				continue
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			dead.Store(true)
		}
		base.CloseIdleConnections()
		s.Close()
	}
}

// What is only watched is sent again like anything else, if the server says that it did not process it.
func TestPassiveCallsNotProcessed(t *testing.T) {
	for _, fault := range []llmtest.Fault{llmtest.GoAway, llmtest.RefusedStream} {
		for _, url := range []string{"/v1beta/models/gemini-2.5-flash:countTokens", "https://api.openai.com/v1/videos"} {
			for _, chained := range []bool{false, true} {
				t.Run(fmt.Sprint(fault, url, chained), func(t *testing.T) {
					inWorld(t, llmtest.Config{HTTP2: true, Faults: llmtest.Sequence(llmtest.NoFault, fault)}, policy.Policy{}, func(w *world) {
						w.call(w.Context(), chatBody)
						u := url
						if strings.HasPrefix(u, "/") {
							u = w.provider.URL + u
						}
						hc := w.provider.Client()
						if chained {
							hc = w.client
						}
						resp, err := hc.Post(u, "application/json", strings.NewReader(`{"contents":[{"parts":[{"text":"x"}]}]}`))
						if err != nil {
							w.Errorf("%v", err)
							return
						}
						io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					})
				})
			}
		}
	}
}

// What something beneath sends again of itself is exposed.
func TestRetryBeneathIsExposed(t *testing.T) {
	var processed atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if processed.Add(1) == 2 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, served)
	}))
	defer s.Close()
	again := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil {
			return resp, nil
		}
		out := req.Clone(req.Context())
		if out.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
		return next.RoundTrip(out)
	})
	stack := stackOver(t, again(http.DefaultTransport), policy.Policy{})
	for range 2 {
		resp, err := stack.Client().Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(bounded))
		if err != nil {
			continue
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	r := stack.Rows()[1]
	if processed.Load() > 2 && !r.Exposure.Known {
		t.Errorf("processed %d for 2 calls: row %s wire %d cost %v exposure %v", processed.Load(), r.Outcome, r.WireTries, r.Cost, r.Exposure)
	}
}

// A base may give the same header with every answer.
func TestHeaderOfTheBaseIsLeftAlone(t *testing.T) {
	header := http.Header{"Content-Type": {"application/json"}}
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		return &http.Response{StatusCode: 200, Header: header, Body: io.NopCloser(strings.NewReader(served))}, nil
	})
	stack := stackOver(t, base, policy.Policy{})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			resp, err := stack.Client().Post("https://api.openai.com/v1/chat/completions", "application/json", strings.NewReader(chatBody))
			if err == nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
	if header.Get("X-Should-Retry") != "" {
		t.Error("the base's own header has changed")
	}
}

// A retry that was cancelled while it waited has taken nothing out of the quota.
func TestRetryQuotaIsGivenBack(t *testing.T) {
	inWorld(t, llmtest.Config{RefuseDials: func(n int) bool { return n < 2 }}, policy.Policy{RetryQuota: 1, BackoffBase: time.Minute, BackoffMax: time.Minute, MaxWait: time.Hour}, func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		go func() { time.Sleep(time.Millisecond); cancel() }()
		if _, _, err := w.call(ctx, chatBody); !errors.Is(err, context.Canceled) {
			w.Errorf("the first call: %v", err)
		}
		status, _, err := w.call(w.Context(), chatBody)
		if status != 200 {
			w.Errorf("the second call: %v", err)
		}
	})
}

// A key in the URL is a key, too.
func TestRetryQuotaOfKeysInURLs(t *testing.T) {
	inWorld(t, llmtest.Config{RefuseDials: func(n int) bool { return n < 3 }}, policy.Policy{RetryQuota: 1, MaxAttempts: 2}, func(w *world) {
		for _, key := range []string{"bad", "good"} {
			resp, err := w.client.Post(w.provider.URL+"/v1beta/models/gemini-2.5-flash:generateContent?key="+key, "application/json", strings.NewReader(`{"contents":[{"parts":[{"text":"x"}]}]}`))
			if err == nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			} else if key == "good" {
				w.Errorf("%s: %v", key, err)
			}
		}
	})
}

// An attempt whose time ran out before anything was sent was not billed.
func TestTimeoutBeforeAnythingWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			time.Sleep(time.Minute)
			return nil, context.DeadlineExceeded
		}}
		stack := stackOver(t, base, policy.Policy{AttemptTimeout: time.Second})
		ctx, call := policy.Track(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://llm.invalid/v1/chat/completions", strings.NewReader(chatBody))
		_, err := stack.RoundTrip(req)
		if strings.Contains(err.Error(), "may have been billed") {
			t.Errorf("row %s; %v; tracked: %v", stack.Rows()[0].Outcome, err, call.Err())
		}
		time.Sleep(time.Hour)
	})
}

// Answers that only announce one do not go on for ever.
func TestEndless1xx(t *testing.T) {
	for _, chained := range []bool{false, true} {
		l, _ := net.Listen("tcp", "127.0.0.1:0")
		const most = 64 << 20
		var sent atomic.Int64
		done := make(chan bool)
		go func() {
			defer close(done)
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			bufio.NewReader(c).Peek(1)
			early := "HTTP/1.1 103 Early Hints\r\nLink: " + strings.Repeat("x", 60<<10) + "\r\n\r\n"
			for sent.Load() < most {
				n, err := io.WriteString(c, early)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		}()
		base := &http.Transport{}
		var rt http.RoundTripper = base
		if chained {
			rt = stackOver(t, transport.RoundTripperFunc(base.RoundTrip), policy.Policy{})
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://"+l.Addr().String()+"/v1/chat/completions", strings.NewReader(chatBody))
		if _, err := rt.RoundTrip(req); err == nil {
			t.Error("answered")
		}
		<-done
		if sent.Load() >= most {
			t.Error("without end")
		}
		cancel()
		l.Close()
	}
}

// What only hands in work has no Idempotency-Key on the wire either.
func TestIdempotencyKeyOfABatch(t *testing.T) {
	var created atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.URL.Path, "/batches") && created.Add(1) == 1 {
			panic(http.ErrAbortHandler) // created, and the connection dies
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, served)
	}))
	defer s.Close()
	base := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("tcp", s.Listener.Addr().String())
	}}
	stack := stackOver(t, base, policy.Policy{})
	defer base.CloseIdleConnections()
	for _, path := range []string{"/v1/chat/completions", "/v1/batches"} {
		req, _ := http.NewRequest("POST", "http://api.openai.com"+path, strings.NewReader(chatBody))
		req.Header.Set("Idempotency-Key", "stainless-go-1")
		resp, err := stack.Client().Do(req)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
	if created.Load() != 1 {
		t.Errorf("created %d times; rows %d", created.Load(), len(stack.Rows()))
	}
}
