package llmtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is a simulated provider. Start one with [NewServer] or [NewPipe], and close it
// when done. All methods may be called at any time and concurrently.
type Server struct {
	// URL is the base URL, without /v1 and without a slash at the end.
	URL string

	provider

	connect   func(context.Context) (net.Conn, error)
	transport *http.Transport
	http      *http.Server
	ctx       context.Context // done when the server closes
	end       context.CancelFunc
	once      sync.Once
	entering  sync.Mutex     // orders the start of handlers and the end of the server
	running   sync.WaitGroup // the accept loop, each open connection, each handler

	dialing sync.Mutex
	dials   int
}

// NewServer starts a server on a free loopback port. Like an httptest.Server it must be
// closed, and it panics if it cannot listen.
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

// NewPipe starts a server in this process that is reached over [net.Pipe], and only
// through its Transport or Client. It is made for [testing/synctest]: start and close it
// inside the bubble. The client must close the bodies of its responses. A body that is
// never closed keeps a goroutine of net/http waiting, and so the bubble does not end.
func NewPipe(cfg Config) *Server {
	l := newPipeListener()
	s := newServer(cfg)
	s.URL = "http://llmtest.invalid"
	s.connect = l.dial
	s.start(l)
	return s
}

// newServer returns a server that is not listening yet.
func newServer(cfg Config) *Server {
	s := &Server{provider: provider{cfg: cfg}}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:     http.HandlerFunc(s.handle),
		BaseContext: func(net.Listener) context.Context { return s.ctx },
		ConnState:   s.trackConn,
		ConnContext: withConn,
	}
	s.transport = &http.Transport{
		DialContext:         s.dial,
		DialTLSContext:      s.dial, // so that https URLs reach this server too
		MaxIdleConnsPerHost: 1024,
	}
	if cfg.HTTP2 {
		s.http.Protocols, s.transport.Protocols = plainHTTP2(), plainHTTP2()
	}
	return s
}

// plainHTTP2 is unencrypted HTTP/2, and no other version.
func plainHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

func (s *Server) start(l net.Listener) {
	s.running.Go(func() { _ = s.http.Serve(connListener{l, s.cfg.HTTP2}) })
}

// handle answers one request, unless the server has closed.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.running.Done()
	s.serve(w, r)
}

// enter reports whether a handler may start. On HTTP/2 handlers outlive their connection,
// so Close must wait for them in addition to the connections.
func (s *Server) enter() bool {
	s.entering.Lock()
	defer s.entering.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.running.Add(1)
	return true
}

// stop keeps new handlers from starting, and ends the others.
func (s *Server) stop() {
	s.entering.Lock()
	defer s.entering.Unlock()
	s.end()
}

// trackConn counts the connections that Close has to wait for. A connection that was
// hijacked is closed by its handler, for which Close waits too.
func (s *Server) trackConn(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.running.Add(1)
		if s.ctx.Err() != nil {
			// It was accepted during http.Server.Close, which did not see it.
			_ = conn.Close()
		}
	case http.StateIdle:
		if c, ok := conn.(*serverConn); ok {
			c.idle()
		}
	case http.StateHijacked, http.StateClosed:
		s.running.Done()
	}
}

// Close stops the server. Requests that stall and open streams are cut off. It returns
// when the server's connections are closed. Further calls do nothing.
func (s *Server) Close() {
	s.once.Do(func() {
		s.stop()
		_ = s.http.Close()
		s.running.Wait()
		s.transport.CloseIdleConnections()
	})
}

// Transport returns the server's transport, always the same one. It reaches the server for
// any host name, and for https URLs without encryption. So a client whose base URL cannot
// be changed can be tested too. It is an ordinary http.Transport: settings may be changed
// before its first use, except for the dial functions.
func (s *Server) Transport() *http.Transport { return s.transport }

// Client returns a new client that uses the server's transport.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.transport} }

// dial connects the transport to the server, whatever the address.
func (s *Server) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if s.refusesDial() {
		return nil, errConnRefused()
	}
	return s.connect(ctx)
}

func (s *Server) refusesDial() bool {
	s.dialing.Lock()
	defer s.dialing.Unlock()
	n := s.dials
	s.dials++
	return s.cfg.RefuseDials != nil && s.cfg.RefuseDials(n)
}

// Meter returns everything that the provider bills, in the order in which the work was
// done.
func (s *Server) Meter() []Generation { return s.meter.all() }

// Requests returns every request that reached the server, in the order of arrival.
func (s *Server) Requests() []Request { return s.requests.all() }

// Caches returns every cache that was ever created, dead or alive, in the order of
// creation.
func (s *Server) Caches() []Cache { return s.caches.all() }

// CacheCount returns how many caches are alive at a time, and how many were at most at the same time until then.
func (s *Server) CacheCount(now time.Time) (live, peak int) { return s.caches.count(now) }

// Files returns every file that was ever uploaded, dead or alive, in the order in which the
// uploads ended.
func (s *Server) Files() []File { return s.files.all() }

// NewCache adds a cache, as if another client had created it, and returns its name. The
// cache expires after exactly ttl, and has expired already if ttl <= 0. The model may be a
// bare name or "models/..." for Gemini, and
// "projects/.../locations/.../publishers/google/models/..." for Vertex. The cache does not
// appear in [Server.Meter].
func (s *Server) NewCache(model string, tokens int64, ttl time.Duration) string {
	now := time.Now()
	c := Cache{Model: shortName(model), Tokens: tokens, Created: now, Expires: now.Add(max(ttl, 0))}
	return s.caches.add(cacheRecord{Cache: c}, parseGooglePath("v1/"+model), s.cfg.Seed).Name
}

// KillCache deletes a cache without a request, as the provider or another client may do. It
// reports whether there was a cache with this name that was alive.
func (s *Server) KillCache(name string) bool { return s.caches.kill(name, time.Now()) }
