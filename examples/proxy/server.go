package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// A server is the proxy and everything that belongs to it.
type server struct {
	config
	log      *slog.Logger
	listener net.Listener
	http     *http.Server
	stack    *middleware.Stack
	rows     *rowStore
	room     *room
	running  running
	end      context.CancelFunc // ends every call
}

const (
	headerTime  = 10 * time.Second // for a request's header to arrive
	idleTime    = 2 * time.Minute  // for the next request on a connection
	headerBytes = 64 << 10
	flushTime   = 10 * time.Second // for the ledger to be written at the end
	cutTime     = time.Second      // for calls that are cut off to end
)

// open makes a server that listens but does not accept connections yet.
func open(ctx context.Context, c config, stderr io.Writer) (_ *server, err error) {
	s := &server{config: c, log: slog.New(slog.NewTextHandler(stderr, nil)), running: running{none: make(chan struct{})}}
	upstream, err := parseUpstream(c.upstream)
	if err != nil {
		return nil, err
	}
	router, err := wire.NewRouter(wire.RouterConfig{Provider: c.provider})
	if err != nil {
		return nil, fmt.Errorf("-provider: %w", err)
	}
	var p policy.Policy
	if c.policy != "" {
		if p, err = loadPolicy(c.policy); err != nil {
			return nil, err
		}
	}
	if s.listener, err = listen(c); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.listener.Close()
		}
	}()
	if s.rows, err = openRows(ctx, c.ledger, s.log); err != nil {
		return nil, fmt.Errorf("-ledger: %w", err)
	}
	s.stack, err = middleware.New(
		middleware.WithPolicy(p), middleware.WithProvider(c.provider), middleware.WithBase(base()),
		middleware.WithStore(s.rows.store), middleware.WithLogger(s.log), c.refuseRepeats())
	if err != nil {
		return nil, errors.Join(err, s.rows.close(ctx))
	}

	life, end := context.WithCancel(context.WithoutCancel(ctx))
	s.end = end
	g := &gate{token: c.token, hosts: c.hosts, log: s.log, upstream: upstream, router: router}
	s.room = newRoom(c.bodyMemory)
	calls := &calls{gate: g, next: s.stack.ErrorsAs(middleware.AsFinalResponse), encodings: c.encodings, life: life}
	s.http = s.newHTTP(life, s.handler(g, delivering(newProxy(g, calls, s.room, c.headers))))
	return s, nil
}

// newHTTP returns a server whose requests end with a context.
func (s *server) newHTTP(life context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return life },

		DisableGeneralOptionsHandler: true, // it would read the body of OPTIONS * for as long as that takes
	}
}

// refuseRepeats returns the option by which the stack refuses what a client may send again by itself, if it is to.
func (c *config) refuseRepeats() middleware.Option {
	if c.repeats {
		return nil
	}
	return middleware.RefuseRepeats()
}

// base returns the transport to the provider. It neither asks for compression nor decompresses: the client decides.
func base() *http.Transport {
	t := transport.Base()
	t.DisableCompression = true
	t.Proxy = refuseLeft(t.Proxy)
	return t
}

// handler serves the proxy's own pages and forwards everything else. It is no http.ServeMux, which would clean the paths.
func (s *server) handler(g *gate, proxy http.Handler) http.Handler {
	pages := s.pages(g)
	return paced(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.admitHost(w, r) {
			return
		}
		if page := pages[r.URL.Path]; page != nil {
			page.serve(g, w, r)
			return
		}
		if !g.admitCaller(w, r) {
			return
		}
		if strings.HasPrefix(r.URL.Path, "/debug/spend") { // the provider has no such paths
			g.refuse(w, r, http.StatusNotFound, "skinflint_page", "skinflint: there is no such page; the pages are /debug/spend/, /debug/spend/totals.json and /debug/spend/entries.jsonl")
			return
		}
		if !s.running.begin() {
			w.Header().Set("Connection", "close")
			g.refuse(w, r, http.StatusServiceUnavailable, "skinflint_draining", "skinflint: this proxy is shutting down and accepts no more calls. Nothing was sent.")
			return
		}
		defer s.running.finish()
		proxy.ServeHTTP(w, r)
	}))
}

// health says whether calls are accepted.
func (s *server) health(w http.ResponseWriter, r *http.Request, _ url.Values) {
	status, text := http.StatusOK, "ok\n"
	if s.running.ending() {
		status, text = http.StatusServiceUnavailable, "draining\n"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	io.WriteString(w, text)
}

// serve serves until ctx is done or a signal to stop has come, and then until the running calls have ended.
func (s *server) serve(ctx context.Context, signals <-chan os.Signal) error {
	defer s.end()
	s.log.Info("proxy is listening", "address", s.listener.Addr().String(), "upstream", s.upstream)
	if due := s.stack.Prices().Catalog().Reviews(time.Now()); len(due) > 0 {
		s.log.Warn("some prices are due for a review: a newer version may have newer ones", "models", due)
	}
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.listener) }()
	for {
		select {
		case err := <-failed:
			return errors.Join(err, s.close())
		case <-ctx.Done():
			return s.stop(signals)
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				return s.stop(signals)
			}
			s.reload()
		}
	}
}

// stop accepts no more calls, waits for those that run, and closes the ledger. A second signal, or the end of -drain, ends
// them at once. Until then the proxy's own pages can be read, and /healthz shows a load balancer that it is shutting down.
func (s *server) stop(signals <-chan os.Signal) error {
	none := s.running.end()
	s.log.Info("proxy is draining", "for_at_most", s.drain)
	late := time.NewTimer(s.drain)
	defer late.Stop()
	var err error
	for waiting := true; waiting; {
		select {
		case <-none:
			waiting = false
		case <-late.C:
			waiting, err = false, errCutOff
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				waiting, err = false, errCutOff
			}
		}
	}
	if err != nil {
		s.end()
		s.http.Close()
		select {
		case <-none: // their rows are in the ledger
		case <-time.After(cutTime):
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close() // a client reads one of the pages very slowly
	}
	return errors.Join(err, s.close())
}

var errCutOff = errors.New("running calls were cut off; their rows say what they may have cost")

// close writes all rows and closes the ledger.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	return errors.Join(s.stack.Close(ctx), s.rows.close(ctx))
}
