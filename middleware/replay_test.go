package middleware_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
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

// A server reads whole requests over HTTP/2 and resets their streams with PROTOCOL_ERROR. net/http would send each
// request again without end.
func TestHTTP2ProtocolErrorIsNotRepeated(t *testing.T) {
	certificates := httptest.NewUnstartedServer(nil)
	certificates.StartTLS()
	defer certificates.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificates.TLS.Certificates, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var processed atomic.Int32
	go http2Server(l, &processed, 0)
	base := transport.Base()
	base.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // a test's own server
	stack := stackOver(t, base, policy.Policy{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+l.Addr().String()+"/v1/chat/completions", strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stack.RoundTrip(req); err == nil || ctx.Err() != nil {
		t.Errorf("error %v, context %v", err, ctx.Err())
	}
	rows := stack.Rows()
	if n := processed.Load(); n != 1 || len(rows) != 1 || rows[0].Outcome != policy.Ambiguous {
		t.Errorf("processed %d times, rows %+v", n, rows)
	}
	stack.CloseIdleConnections()
}

// A POST without a body, which net/http would send again without end, is sent once.
func TestPostWithoutABody(t *testing.T) {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	defer l.Close()
	var processed atomic.Int32
	go http2Server(l, &processed, 0)
	base := unencryptedHTTP2()
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

// On a reused HTTP/1 connection that is dead before anything is written, net/http sends the request again. It may do so
// beneath every chain that uses the transport.
func TestDeadConnectionIsReplaced(t *testing.T) {
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
				return deadConn{c, &dead}, err
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
			drain(resp)
			dead.Store(true)
		}
		base.CloseIdleConnections()
		s.Close()
	}
}

// A deadConn is a connection that takes nothing more once it is dead.
type deadConn struct {
	net.Conn
	dead *atomic.Bool
}

func (d deadConn) Write(p []byte) (int, error) {
	if d.dead.Load() {
		return 0, errors.New("broken pipe")
	}
	return d.Conn.Write(p)
}

// Calls that are only observed are sent again, like any other, if the server says that it did not process them.
func TestObservedCallsNotProcessed(t *testing.T) {
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
						drain(resp)
					})
				})
			}
		}
	}
}

// A RoundTripper beneath may send a request again after it was answered, for instance to sign it anew, but not after a
// broken connection.
func TestBaseMayRepeatAfterAnAnswer(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		inWorld(t, llmtest.Config{HTTP2: http2, Faults: llmtest.Sequence(llmtest.BadRequest, llmtest.NoFault, llmtest.ResetAfterAccept)}, policy.Policy{}, func(w *world) {
			again := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
				resp, err := next.RoundTrip(req)
				if err == nil && resp.StatusCode == 200 {
					return resp, nil
				}
				if err == nil {
					resp.Body.Close()
				}
				out := req.Clone(req.Context())
				if out.Body, err = req.GetBody(); err != nil {
					return nil, err
				}
				return next.RoundTrip(out)
			})
			hc := w.stack.Wrap(&http.Client{Transport: again(w.provider.Transport())})
			resp, err := hc.Do(w.request(w.Context(), chatBody))
			if err != nil || resp.StatusCode != 200 {
				w.Fatal(resp, err)
			}
			drain(resp)
			_, err = hc.Do(w.request(w.Context(), boundedBody))
			if http2 && (!errors.Is(err, middleware.ErrAmbiguous) || !errors.Is(err, transport.ErrReplay)) {
				w.Errorf("HTTP/2 %v: %v", http2, err)
			}
		})
	}
}

// The server has closed every idle connection. net/http notices that before it writes anything, and the call is served
// on a new connection, in one attempt.
func TestStaleConnections(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, served)
	}))
	var conns []net.Conn
	var mu sync.Mutex
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if state == http.StateNew {
			conns = append(conns, c)
		}
	}
	server.Start()
	defer server.Close()
	base := transport.Base()
	defer base.CloseIdleConnections()
	stack := stackOver(t, base, policy.Policy{})
	var all sync.WaitGroup
	call := func() {
		req, err := http.NewRequest(http.MethodPost, server.URL+"/v1/chat/completions", strings.NewReader(chatBody))
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := stack.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return
		}
		drain(resp)
	}
	for range 8 {
		all.Go(call)
	}
	all.Wait()
	mu.Lock()
	for _, c := range conns {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	mu.Unlock()
	call()
	for _, row := range stack.Rows() {
		if row.Outcome != policy.Billed || row.Attempt != 1 {
			t.Errorf("%+v", row)
		}
	}
}

// If the server closes a connection while a request is written, the attempt is ambiguous and not sent again.
func TestStaleClose(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.StaleClose)}, policy.Policy{}, func(w *world) {
		if status, _, err := w.call(w.Context(), chatBody); status != 200 {
			w.Fatal(err)
		}
		if _, _, err := w.call(w.Context(), boundedBody); !errors.Is(err, middleware.ErrAmbiguous) {
			w.Errorf("%v", err)
		}
		w.wantRows("1 billed", "1 ambiguous transport_error")
		w.wantBilled(1)
		if row := w.stack.Rows()[1]; row.WireTries != 1 || !row.Exposure.Known || row.Exposure.Pico <= 0 {
			w.Errorf("%+v", row)
		}
	})
}

// pipes is a listener of connections that its own dial makes.
type pipes struct{ conns chan net.Conn }

func (p *pipes) Accept() (net.Conn, error) {
	conn, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p *pipes) Close() error { return nil }

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p.conns <- slowEnd{far}
	b := &buffered{near, make(chan []byte, 64)}
	go b.pump()
	return b, nil
}

// buffered is the client's end of a connection. As with TCP, Write returns before the other side has read.
type buffered struct {
	net.Conn
	out chan []byte
}

func (b *buffered) Write(p []byte) (int, error) {
	b.out <- append([]byte(nil), p...)
	return len(p), nil
}

func (b *buffered) pump() {
	for p := range b.out {
		if p == nil {
			b.Conn.Close()
			return
		}
		b.Conn.Write(p) // it is lost if the other side has closed
	}
}

func (b *buffered) Close() error {
	b.out <- nil
	return nil
}

// slowEnd is the server's end of a connection. The other side sees a close a millisecond later, as on any network.
type slowEnd struct{ net.Conn }

func (s slowEnd) Close() error {
	time.AfterFunc(time.Millisecond, func() { s.Conn.Close() })
	return nil
}

// A server closes idle connections after a minute, and a program makes a call every minute. A client that keeps
// connections for longer, such as http.DefaultTransport with its 90 seconds, writes calls to connections that are being
// closed, and their outcome is not known. Base closes connections earlier. If the server is even quicker, such calls
// are ambiguous, and none is sent twice.
func TestStaleKeepAlives(t *testing.T) {
	const calls = 300
	for _, test := range []struct {
		name      string
		idle      time.Duration // how long the client keeps a connection
		server    time.Duration // how long the server does
		ambiguous bool
	}{
		{"as http.DefaultTransport", 90 * time.Second, time.Minute, true},
		{"Base", transport.BaseIdleTimeout, time.Minute, false},
		{"Base, and a server that keeps them for 5 seconds", transport.BaseIdleTimeout, 5 * time.Second, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := &pipes{make(chan net.Conn)}
			accepted := 0
			server := &http.Server{IdleTimeout: test.server, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				accepted++
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, served)
			})}
			go server.Serve(l)
			base := transport.Base()
			base.Proxy, base.DialContext, base.IdleConnTimeout = nil, l.dial, test.idle
			stack := stackOver(t, base, policy.Policy{})
			for range calls {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://llm.invalid/v1/chat/completions", strings.NewReader(chatBody))
				resp, err := stack.RoundTrip(req)
				if err == nil {
					drain(resp)
				}
				time.Sleep(test.server)
			}
			lost := 0
			for _, r := range stack.Rows() {
				if r.Outcome == policy.Ambiguous {
					lost++
				}
			}
			t.Logf("%s: %d of %d calls end ambiguously, %d accepted", test.name, lost, calls, accepted)
			if len(stack.Rows()) != calls || accepted != calls-lost || (lost > calls/4) != test.ambiguous || !test.ambiguous && lost > 0 {
				t.Errorf("%s: %d rows, %d lost, %d accepted", test.name, len(stack.Rows()), lost, accepted)
			}
			stack.CloseIdleConnections()
			close(l.conns)
			server.Close()
			time.Sleep(time.Second)
		})
	}
}

// An idempotency key that a foreign link adds is not sent.
func TestIdempotencyKeyOfAForeignLink(t *testing.T) {
	base := newScript(says(200, "application/json", served))
	adds := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Set("Idempotency-Key", "k")
		return next.RoundTrip(req)
	})
	stack := stackOver(t, base, policy.Policy{})
	for _, rt := range []http.RoundTripper{
		transport.Chain(base, adds, middleware.Retry(policy.Policy{})),
		stack.Chain(transport.Chain(stack, adds)),
	} {
		if _, err := chat(t, t.Context(), rt, chatBody); err != nil {
			t.Fatal(err)
		}
	}
	if i := slices.IndexFunc(base.headers, func(h http.Header) bool { return h.Get("Idempotency-Key") != "" }); i >= 0 {
		t.Errorf("request %d carries a key", i)
	}
}

// An idempotency key of a batch is not sent.
func TestIdempotencyKeyOfABatch(t *testing.T) {
	var created atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.URL.Path, "/batches") && created.Add(1) == 1 {
			panic(http.ErrAbortHandler) // it was created, and the connection breaks
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
			drain(resp)
		}
	}
	if created.Load() != 1 {
		t.Errorf("created %d times; rows %d", created.Load(), len(stack.Rows()))
	}
}

type tracingBase struct{ next http.RoundTripper }

// RoundTrip adds a trace of its own, as otelhttp does with otelhttptrace.
func (t tracingBase) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {}})
	return t.next.RoundTrip(req.WithContext(ctx))
}

// A RoundTripper beneath the chain composes a trace of its own with ours. The server reads the whole request and closes the
// connection, so that it may have billed it: it is sent once.
func TestTraceOfTheBase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int32
		tr := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			c, s := net.Pipe()
			go func() {
				defer s.Close()
				req, err := http.ReadRequest(bufio.NewReader(s))
				if err == nil {
					io.Copy(io.Discard, req.Body)
					sent.Add(1)
				}
			}()
			return c, nil
		}}
		defer tr.CloseIdleConnections()
		s, err := middleware.New(middleware.WithBase(tracingBase{tr}))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.Client().Post("http://api.openai.com/v1/chat/completions", "application/json",
			strings.NewReader(`{"model":"gpt-5","messages":[]}`))
		if err == nil {
			resp.Body.Close()
		}
		if n := sent.Load(); n != 1 {
			t.Errorf("the request was sent, and may have been billed, %d times", n)
		}
		for _, r := range s.Rows() {
			if r.Outcome != "ambiguous" || r.WireTries != 1 {
				t.Errorf("row: %s %s, cost %v, wire tries %d", r.Outcome, r.Reason, r.Cost, r.WireTries)
			}
		}
	})
}

// A hedging RoundTripper over a tracing one uses our trace from two goroutines.
func TestTraceOfAHedgingBase(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer srv.Close()
	hedger := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				q := r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {}}))
				q.Body = io.NopCloser(strings.NewReader(`{}`))
				q.ContentLength = 2
				resp, err := http.DefaultTransport.RoundTrip(q)
				if err == nil {
					resp.Body.Close()
				}
				errs <- err
			}()
		}
		<-errs
		<-errs
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	})
	s, _ := middleware.New(middleware.WithBase(hedger), middleware.WithProvider("openai"))
	for range 50 {
		resp, err := s.Client().Post(srv.URL+"/v1/chat/completions", "application/json", strings.NewReader(`{"model":"gpt-5"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
}
