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

// A proxy passes calls on.
type proxy struct {
	*gate
	reverse httputil.ReverseProxy
	headers bool // obey those of ours
}

// newProxy returns the proxy, which sends by rt.
func newProxy(g *gate, rt http.RoundTripper, headers bool) *proxy {
	p := &proxy{gate: g, headers: headers}
	p.reverse = httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		Transport:      rt,
		FlushInterval:  -1, // each event as it comes
		BufferPool:     buffers{},
		ModifyResponse: p.modify,
		ErrorHandler:   p.failed,
		ErrorLog:       log.New(logged{g}, "", 0),
	}
	return p
}

// ServeHTTP passes one call on.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/") || r.Method == http.MethodConnect {
		p.problem(w, r, http.StatusBadRequest, "skinflint_request", "this is a reverse proxy: it wants a path")
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
	defer c.SetWriteDeadline(time.Time{}) // the connection may serve others
	p.reverse.ServeHTTP(&leaving{w, c}, r)
}

// rewrite makes the request that goes upstream: the client's own, to another host. Nothing says whom it comes from.
func (p *proxy) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL = target(p.upstream, r.In.URL)
	r.Out.Host = "" // the URL's
	stripOurs(r.Out.Header)
	r.Out.Trailer = nil // no call has any
}

// modify takes the network's own words, which name addresses, out of what the stack says of an attempt that failed.
func (p *proxy) modify(resp *http.Response) error {
	said, ok := failures[resp.Header.Get("Skinflint-Refusal")]
	if !ok || resp.StatusCode != http.StatusFailedDependency {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	resp.Body.Close()
	p.log.Warn("an attempt failed without an answer", "told", string(text))
	setBody(resp, p.shaped(resp.Request.Method, resp.Request.URL, wire.Problem{Status: resp.StatusCode, Code: said.code, Message: said.message}))
	return nil
}

// failures are the refusals of the stack that tell of the network.
var failures = map[string]struct{ code, message string }{
	"ambiguous": {"skinflint_ambiguous", "skinflint: the request was sent, and no complete answer came. It may have been billed, so it is not sent again."},
	"redirect":  {"skinflint_redirect", "skinflint: the provider sends the call to another host, where neither it nor the key is to go."},
	"not_sent":  {"skinflint_not_sent", "skinflint: the provider was not reached, and nothing was billed."},
}

// failed answers where there is no answer to pass on.
func (p *proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // nobody is there any more, or we are to end: a status would be a lie
	}
	p.log.Warn("a request was not answered", "method", r.Method, "error", err)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("X-Should-Retry", "false") // it may have done something
	}
	p.problem(w, r, http.StatusBadGateway, "skinflint_upstream", "skinflint: the upstream gave no answer.")
}

// logged is where ReverseProxy logs to: what it has to say beside what failed is of answers that broke off.
type logged struct{ *gate }

func (l logged) Write(p []byte) (int, error) {
	l.log.Warn(strings.TrimSpace(string(p)))
	return len(p), nil
}

// buffers are what answers are copied through.
type buffers struct{}

var pool = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (buffers) Get() []byte { return pool.Get().(*[32 << 10]byte)[:] }

func (buffers) Put(b []byte) {
	if len(b) == 32<<10 {
		pool.Put((*[32 << 10]byte)(b))
	}
}
