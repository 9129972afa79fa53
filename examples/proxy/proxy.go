package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// A proxy forwards calls.
type proxy struct {
	*gate
	reverse httputil.ReverseProxy
	headers bool // obey the clients' Skinflint- headers
}

// newProxy returns a proxy that sends through rt.
func newProxy(g *gate, rt http.RoundTripper, headers bool) *proxy {
	p := &proxy{gate: g, headers: headers}
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
		p.problem(w, r, http.StatusBadRequest, "skinflint_request", "skinflint: this is a reverse proxy; want a request with a path")
		return
	}
	if p.headers {
		ctx, err := options(r.Context(), r.Header)
		if err != nil {
			p.problem(w, r, http.StatusBadRequest, "skinflint_header", err.Error())
			return
		}
		r = r.WithContext(ctx)
	}
	c := http.NewResponseController(w)
	if r.Body != http.NoBody {
		r.Body = &arriving{r.Body, c}
	}
	defer c.SetWriteDeadline(time.Time{}) // the connection may serve other requests
	p.reverse.ServeHTTP(&leaving{w, c}, r)
}

// rewrite makes the request for the provider: the client's request to another host. It does not name the client.
func (p *proxy) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL = target(p.upstream, r.In.URL)
	r.Out.Host = "" // the URL's
	stripOurs(r.Out.Header)
	r.Out.Trailer = nil // no call has one
}

// modify replaces the stack's message about an attempt that failed. It may hold an error of the network, which names
// addresses.
func (p *proxy) modify(resp *http.Response) error {
	shown, ok := failures[resp.Header.Get("Skinflint-Refusal")]
	if !ok || resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Skinflint-Upstream-Status") != "" {
		return nil // or it stands for an answer of the provider
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	resp.Body.Close()
	p.log.Warn("an attempt failed without an answer", "message", string(text))
	setBody(resp, p.errorBody(resp.Request.Method, resp.Request.URL, wire.Problem{Status: resp.StatusCode, Code: shown.code, Message: shown.message}))
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
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the client has left, or the proxy ends: there is no true status
	}
	p.log.Warn("a request was not answered", "method", r.Method, "error", err)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("X-Should-Retry", "false") // it may have done something
	}
	p.problem(w, r, http.StatusBadGateway, "skinflint_upstream", "skinflint: the upstream gave no answer.")
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
