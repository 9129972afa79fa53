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
	"slices"
	"strconv"
	"strings"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// A gate decides which requests are accepted, and refuses the others with an error that their SDK understands.
type gate struct {
	token    string   // "": no token is needed
	hosts    []string // names of the proxy's host besides those of loopback, in lower case
	log      *slog.Logger
	upstream *url.URL
	router   *wire.Router
}

// admitHost accepts a request whose Host is a name of the proxy, whatever its method and path are. Otherwise a web site whose
// name resolves to 127.0.0.1 could use the proxy through the browser of a visitor. Where there is a token, the site does not
// have it.
func (g *gate) admitHost(w http.ResponseWriter, r *http.Request) bool {
	if g.token != "" || g.isHost(r) {
		return true
	}
	g.refuse(w, r, http.StatusForbidden, "skinflint_host", "skinflint: this proxy has no token, and is then used only as a loopback address, such as 127.0.0.1 or localhost, or by a name that -hosts gives it")
	return false
}

// admitCaller accepts a call that has the token in its own header. Authorization holds the provider's key.
func (g *gate) admitCaller(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case g.token == "" && g.bySite(r):
		g.refuse(w, r, http.StatusForbidden, "skinflint_host", "skinflint: this proxy has no token, and then accepts no calls from web sites")
	case g.token != "" && !g.isToken(r.Header.Get(tokenHeader)):
		g.refuse(w, r, http.StatusUnauthorized, "skinflint_token", "skinflint: this proxy needs its token in the header "+tokenHeader)
	default:
		return true
	}
	return false
}

// admitReader accepts a request to read what was spent. A browser asks for a password, which is the token; the user name can
// be any.
func (g *gate) admitReader(w http.ResponseWriter, r *http.Request) bool {
	if g.token == "" {
		return true
	}
	_, password, _ := r.BasicAuth()
	// The answer does not show which of the three was wrong.
	if g.isToken(r.Header.Get(tokenHeader)) || g.isToken(bearer(r)) || g.isToken(password) {
		return true
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="skinflint", charset="UTF-8"`)
	g.refuse(w, r, http.StatusUnauthorized, "skinflint_token", "skinflint: this page needs the proxy's token, as Authorization: Bearer or as the password")
	return false
}

// bearer returns the token of Authorization. The name of a scheme may be in any case (RFC 9110, section 11.1).
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(token, " ")
}

// isToken reports whether s is the token, in a time that depends neither on the token nor on its length.
func (g *gate) isToken(s string) bool {
	got, want := sha256.Sum256([]byte(s)), sha256.Sum256([]byte(g.token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// isHost reports whether the Host of a request is a name of the proxy. A client that sends none, with HTTP/1.0, is not a
// browser. A listener beyond loopback, which needs -insecure-listen, has any name unless -hosts says its names; an IP address
// is then accepted as well, because it cannot be made to resolve to another one.
func (g *gate) isHost(r *http.Request) bool {
	name := hostName(r.Host)
	if name == "" || loopback(name) || slices.Contains(g.hosts, name) {
		return true
	}
	own, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && !own.IP.IsLoopback() && (len(g.hosts) == 0 || net.ParseIP(name) != nil)
}

// bySite reports whether a browser sends the request for a web site. Any site could otherwise make its visitors' browsers
// spend money and use up the limits. Programs other than browsers send no Origin.
func (g *gate) bySite(r *http.Request) bool {
	if s := r.Header.Get("Sec-Fetch-Site"); s == "cross-site" || s == "same-site" {
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	if err != nil {
		return true
	}
	name := hostName(u.Host)
	return !loopback(name) && !slices.Contains(g.hosts, name)
}

// hostName returns the name or address of a host, with or without a port, in lower case and without brackets.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// loopback reports whether a name is a loopback address or localhost, or ends in .localhost, which no one can register.
func loopback(name string) bool {
	ip := net.ParseIP(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || ip != nil && ip.IsLoopback()
}

// refuse answers with an error of the proxy.
func (g *gate) refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	g.problem(w, r, wire.Problem{Status: status, Code: code, Message: message})
}

// problem answers with an error of the proxy, in the form of the provider that the path belongs to.
func (g *gate) problem(w http.ResponseWriter, r *http.Request, p wire.Problem) {
	body := g.errorBody(r.Method, target(g.upstream, r.URL), p)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
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
