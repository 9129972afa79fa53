package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// A gate decides which requests are accepted, and refuses the others with an error that their SDK understands.
type gate struct {
	token    string // "": no token is needed
	log      *slog.Logger
	upstream *url.URL
	router   *wire.Router
}

// admitCaller accepts a call that has the token in its own header. Authorization holds the provider's key.
func (g *gate) admitCaller(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case g.token == "" && bySite(r):
		g.problem(w, r, http.StatusForbidden, "skinflint_host", "skinflint: this proxy has no token, and then accepts no calls from web sites")
	case g.token != "" && !g.isToken(r.Header.Get(tokenHeader)):
		g.problem(w, r, http.StatusUnauthorized, "skinflint_token", "skinflint: this proxy needs its token in the header "+tokenHeader)
	default:
		return true
	}
	return false
}

// admitReader accepts a request to read what was spent. A browser asks for a password, which is the token; the user name can
// be any.
func (g *gate) admitReader(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if g.token == "" {
		if local(r) {
			return true
		}
		g.problem(w, r, http.StatusForbidden, "skinflint_host", "skinflint: this proxy has no token, and then shows this page only at a loopback address, such as 127.0.0.1 or localhost")
		return false
	}
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	_, password, _ := r.BasicAuth()
	// The answer does not show which of the three was wrong.
	if g.isToken(r.Header.Get(tokenHeader)) || g.isToken(bearer) || g.isToken(password) {
		return true
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="skinflint", charset="UTF-8"`)
	g.problem(w, r, http.StatusUnauthorized, "skinflint_token", "skinflint: this page needs the proxy's token, as Authorization: Bearer or as the password")
	return false
}

// isToken reports whether s is the token, in a time that depends neither on the token nor on its length.
func (g *gate) isToken(s string) bool {
	got, want := sha256.Sum256([]byte(s)), sha256.Sum256([]byte(g.token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// local reports whether a request over loopback also has a host name of loopback. Otherwise a web site whose name resolves
// to 127.0.0.1 could read the page through the browser of a visitor.
func local(r *http.Request) bool {
	if own, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok && !own.IP.IsLoopback() {
		return true // -insecure-listen is set
	}
	return loopback(r.Host)
}

// bySite reports whether a browser sends the request for a web site. Any site could otherwise make its visitors' browsers
// spend money and use up the limits. Programs other than browsers send no Origin.
func bySite(r *http.Request) bool {
	if s := r.Header.Get("Sec-Fetch-Site"); s == "cross-site" || s == "same-site" {
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !loopback(u.Host)
}

// loopback reports whether a host, with or without a port, is a loopback address or localhost.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// problem answers with an error of the proxy, in the form of the provider that the path belongs to.
func (g *gate) problem(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	body := g.errorBody(r.Method, target(g.upstream, r.URL), wire.Problem{Status: status, Code: code, Message: message})
	if r.ContentLength != 0 { // do not wait for the rest of the body
		w.Header().Set("Connection", "close")
		http.NewResponseController(w).SetReadDeadline(time.Now())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// errorBody returns the body of an error in the form of the provider.
func (g *gate) errorBody(method string, to *url.URL, p wire.Problem) []byte {
	d, call, _ := g.router.Recognise(method, to)
	if d, ok := d.(wire.ProblemWriter); ok {
		return d.Problem(&call, p)
	}
	return wire.OpenAIProblem(p)
}

// setBody replaces the body of a response.
func setBody(resp *http.Response, body []byte) {
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
}
