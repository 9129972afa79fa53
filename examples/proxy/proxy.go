package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// A proxy forwards calls.
type proxy struct {
	*gate
	reverse httputil.ReverseProxy
	room    *room
	headers bool // obey the clients' Skinflint- headers
}

// newProxy returns a proxy that sends through rt, and keeps the bodies of calls in a room.
func newProxy(g *gate, rt http.RoundTripper, in *room, headers bool) *proxy {
	p := &proxy{gate: g, room: in, headers: headers}
	p.reverse = httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		Transport:      rt,
		FlushInterval:  -1, // each event at once
		BufferPool:     buffers{},
		ModifyResponse: p.modify,
		ErrorHandler:   p.failed,
		ErrorLog:       log.New(logged{g}, "", 0),
	}
	return p
}

// ServeHTTP forwards one call.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/") || r.Method == http.MethodConnect {
		p.refuse(w, r, http.StatusBadRequest, "skinflint_request", "skinflint: this is a reverse proxy; want a request with a path")
		return
	}
	if p.headers {
		ctx, err := options(r.Context(), r.Header)
		if err != nil {
			p.refuse(w, r, http.StatusBadRequest, "skinflint_header", err.Error())
			return
		}
		r = r.WithContext(ctx)
	}
	x := &exchange{holding: holding{room: p.room}}
	x.request, _ = r.Body.(*arriving)
	defer x.release()
	complete := false // ReverseProxy panics if an answer breaks off
	defer func() {
		if !complete && r.Context().Err() != nil {
			p.log.Info("the client left before its answer was complete", "method", r.Method, "status", statusLeft)
		}
	}()
	p.reverse.ServeHTTP(w, r.WithContext(x.with(r.Context())))
	complete = true
}

// statusLeft is what logs of servers have as the status of a request whose client has left.
const statusLeft = 499

// rewrite makes the request for the provider: the client's request to another host. It does not name the client.
func (p *proxy) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL = target(p.upstream, r.In.URL)
	r.Out.Host = "" // the URL's
	stripCaller(r.Out.Header)
	if up := r.Out.Header.Get("Upgrade"); up != "" && !strings.EqualFold(up, "websocket") {
		// With HTTP/2 on the connection, calls would pass the stack unseen. A server may ignore a wish to upgrade.
		r.Out.Header.Del("Upgrade")
		r.Out.Header.Del("Connection")
	}
	r.Out.Trailer = nil // no call has one
}

// modify replaces the stack's message about an attempt that failed. It may hold an error of the network, which names
// addresses.
func (p *proxy) modify(resp *http.Response) error {
	kind := resp.Header.Get("Skinflint-Refusal")
	shown, ok := failures[kind]
	fault := exchangeOf(resp.Request.Context()).fault()
	switch {
	case kind == "", !ok && fault == nil, resp.StatusCode < 400:
		return nil
	case resp.Header.Get("Skinflint-Upstream-Status") != "":
		return nil // it stands for an answer of the provider
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	resp.Body.Close()
	p.log.Warn("an attempt failed without an answer", "message", string(text))
	problem := wire.Problem{Status: resp.StatusCode, Code: shown.code, Message: shown.message}
	if fault != nil {
		problem = faultProblem(fault)
		resp.StatusCode = problem.Status
	}
	setBody(resp, p.errorBody(resp.Request.Method, resp.Request.URL, problem))
	return nil
}

// failures are the refusals of the stack that may hold an error of the network, and what clients get instead.
var failures = map[string]struct{ code, message string }{
	"ambiguous": {"skinflint_ambiguous", "skinflint: the request was sent and got no complete answer. It may have been billed, so it is not sent again."},
	"redirect":  {"skinflint_redirect", "skinflint: the provider redirects the call to another host, which must get neither the call nor the key."},
	"not_sent":  {"skinflint_not_sent", "skinflint: the provider was not reached, and nothing was billed."},
}

// failed answers a request that got no answer from the provider.
func (p *proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	problem, ok := problemOf(r.Context(), err)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	p.log.Warn("a request was not answered", "method", r.Method, "status", problem.Status, "error", err)
	switch {
	case problem.Status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("X-Should-Retry", "false") // it may have done something
	}
	p.problem(w, r, problem)
}

// logged is the log of ReverseProxy, which writes there when an answer breaks off.
type logged struct{ *gate }

func (l logged) Write(p []byte) (int, error) {
	l.log.Warn(strings.TrimSpace(string(p)))
	return len(p), nil
}

// buffers are the buffers for copying answers.
type buffers struct{}

var pool = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (buffers) Get() []byte { return pool.Get().(*[32 << 10]byte)[:] }

func (buffers) Put(b []byte) {
	if len(b) == 32<<10 {
		pool.Put((*[32 << 10]byte)(b))
	}
}
