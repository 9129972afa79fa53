package llmtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// Config says how a [Server] behaves. Its zero value is a provider on its best
// day: room for every tier, no limit, no fault, no delay.
type Config struct {
	// Flex decides whether there is capacity for a flex request; nil: always.
	Flex Capacity

	// RequestsPerMinute, if > 0, is the provider's limit on requests for work: to
	// generate or to embed. It is a
	// token bucket of that many requests that refills evenly, which is what
	// OpenAI's headers show: at 5000 a minute, one request resets in 12ms. Whatever
	// comes beyond it gets a 429 rate_limit_exceeded with Retry-After,
	// retry-after-ms and a "Please try again in ..." message, and uses up nothing;
	// every other refusal does count. With 0, the x-ratelimit headers show 5000,
	// and nothing is refused. The other providers say it in their ways: Gemini in
	// the error's details and nowhere else, Vertex not at all.
	RequestsPerMinute int

	// Faults is consulted for each recognised request, the n-th of them with n;
	// nil: no faults.
	Faults Script

	// RefuseDials, if not nil, decides whether an attempt to connect fails with
	// ECONNREFUSED, before anything is written. n counts the attempts from 0. It is
	// called for one attempt at a time, and only the server's own Transport asks it.
	RefuseDials func(n int) bool

	// FlexAs429 makes Gemini and Vertex refuse a flex request that they have no
	// capacity for with a 429 RESOURCE_EXHAUSTED that names no quota, instead of a
	// 503 UNAVAILABLE. Both are documented.
	FlexAs429 bool

	// FlexModels are the models that accept the flex tier; others get a 400 with
	// the param service_tier. nil: every model does.
	FlexModels []string

	// NoStreamOptions refuses stream_options with a 400 that names it, as some
	// compatible servers do.
	NoStreamOptions bool

	// CachedPercent is how much of a prompt of 1024 tokens or more is reported as
	// cached, rounded down to a multiple of 128 tokens; 0: none. It is what
	// providers cache by themselves, and does not apply where a cachedContents is
	// used.
	CachedPercent int

	// Latency is waited for before the first byte of an answer, and ChunkDelay
	// between the events of a stream; in real time, or in that of the synctest
	// bubble that the server was started in. The work is done before the wait.
	Latency, ChunkDelay time.Duration

	// BackgroundDelay is how long after its acceptance a background response of
	// OpenAI's Responses API is completed.
	BackgroundDelay time.Duration

	// MinCacheTokens is the least that a cachedContents must hold; 0: 1024.
	MinCacheTokens int64

	// CRLF ends the lines of a stream with \r\n instead of \n. Gemini's own
	// streams always have \r\n.
	CRLF bool

	// HTTP2 makes the server speak HTTP/2, and nothing else, and its own Transport
	// too: without encryption and without negotiation, for http and https URLs
	// alike. A client with a transport of its own has to be told so, by
	// http.Protocols.SetUnencryptedHTTP2, or to have "prior knowledge".
	HTTP2 bool

	// SlowBy is how long the fault [Slow] holds the answer back; 0: 11 minutes.
	SlowBy time.Duration

	// Chunks is how many content chunks a stream has; 0: 8.
	Chunks int

	// Seed is the source of everything that is drawn: tokens and ids.
	Seed uint64
}

// Server is a simulated provider. Start one with [NewServer] or [NewPipe], and
// close it when done. All methods may be called at any time, by many at once.
type Server struct {
	// URL is the base, without /v1 and without a slash at the end.
	URL string

	cfg       Config
	connect   func(context.Context) (net.Conn, error)
	transport *http.Transport
	http      *http.Server
	life      context.Context
	die       context.CancelFunc
	once      sync.Once
	entering  sync.Mutex     // orders the handlers' entry and the server's end
	running   sync.WaitGroup // the accept loop, each open connection, each handler

	dialing sync.Mutex
	dials   int

	// deciding orders requests: it is held while the user's Script and Capacity
	// decide, and so it is not the lock that Meter and Requests take.
	deciding   sync.Mutex
	recognised int
	flexed     int
	quota      bucket

	mu       sync.Mutex
	requests []Request
	billed   []Generation
	caches   []*cacheRecord
	stored   map[string]*storedAnswer
}

// NewServer starts a server on a free loopback port. Like an httptest.Server it
// must be closed, and like it, it panics if it cannot listen.
func NewServer(cfg Config) *Server {
	l, err := listenLoopback()
	if err != nil {
		panic(fmt.Sprintf("llmtest: cannot listen on a loopback port: %v", err))
	}
	s := newServer(cfg)
	s.URL = "http://" + l.Addr().String()
	s.connect = func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}
	s.start(l)
	return s
}

func listenLoopback() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return net.Listen("tcp", "[::1]:0")
	}
	return l, nil
}

// NewPipe starts a server in this process that is reached over [net.Pipe], and
// only through its Transport or Client. It is made for [testing/synctest]: start
// it and close it inside the bubble. What the client began is the client's to end:
// an answer whose body is never closed keeps a goroutine of net/http, and with it
// the bubble, waiting.
func NewPipe(cfg Config) *Server {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := newServer(cfg)
	s.URL = "http://llmtest.invalid"
	s.connect = l.dial
	s.start(l)
	return s
}

// newServer makes a server that is not listening yet.
func newServer(cfg Config) *Server {
	s := &Server{cfg: cfg, stored: map[string]*storedAnswer{}}
	s.life, s.die = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:     http.HandlerFunc(s.serve),
		BaseContext: func(net.Listener) context.Context { return s.life },
		ConnState:   s.count,
		ConnContext: withWire,
	}
	s.transport = &http.Transport{
		DialContext:         s.dial,
		DialTLSContext:      s.dial, // so that https://api.openai.com ends up here as well
		MaxIdleConnsPerHost: 1024,
	}
	if cfg.HTTP2 {
		s.http.Protocols, s.transport.Protocols = plainHTTP2(), plainHTTP2()
	}
	return s
}

func (s *Server) start(l net.Listener) {
	s.running.Go(func() { _ = s.http.Serve(wireListener{l, s.cfg.HTTP2}) })
}

// enter lets a handler begin, unless the server has come to its end. On HTTP/2 the
// handlers outlive their connection, and Close waits for them as well.
func (s *Server) enter() bool {
	s.entering.Lock()
	defer s.entering.Unlock()
	if s.life.Err() != nil {
		return false
	}
	s.running.Add(1)
	return true
}

// stop closes the door to new handlers, and has the others come to an end.
func (s *Server) stop() {
	s.entering.Lock()
	defer s.entering.Unlock()
	s.die()
}

// count keeps track of the connections that Close has to wait for.
func (s *Server) count(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.running.Add(1)
		if s.life.Err() != nil {
			// Accepted while http.Server.Close was at work, and so overlooked by it.
			_ = conn.Close()
		}
	case http.StateIdle:
		if w, ok := conn.(*wire); ok {
			w.idle()
		}
	case http.StateClosed:
		s.running.Done()
	}
}

// Transport returns the one transport of the server. It reaches the server for
// any host name, and for https URLs too, without encryption, so a client whose
// base URL cannot be changed can be tested as well. It is an ordinary
// http.Transport: change its settings before its first use, but leave its dial
// functions alone.
func (s *Server) Transport() *http.Transport { return s.transport }

// Client returns a new client on the server's transport.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.transport} }

// Close stops everything: stalled requests and open streams are cut off. It
// returns when the server's connections are gone. To close twice does no harm.
func (s *Server) Close() {
	s.once.Do(func() {
		s.stop()
		_ = s.http.Close()
		s.running.Wait()
		s.transport.CloseIdleConnections()
	})
}

// dial is the transport's way to the server, whatever the address.
func (s *Server) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if s.refuseDial() {
		return nil, refused()
	}
	return s.connect(ctx)
}

func (s *Server) refuseDial() bool {
	s.dialing.Lock()
	defer s.dialing.Unlock()
	n := s.dials
	s.dials++
	return s.cfg.RefuseDials != nil && s.cfg.RefuseDials(n)
}

// refused is the error of a port that nobody listens on.
func refused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// pipeListener accepts the far ends of pipes.
type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, refused()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
