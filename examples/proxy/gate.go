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

// A gate decides who is let in, and tells the others in words that their SDK understands.
type gate struct {
	token    string // "" lets everybody in
	log      *slog.Logger
	upstream *url.URL
	router   *wire.Router
}

// admitCaller lets a call in that has the token. Its Authorization is the provider's.
func (g *gate) admitCaller(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case g.token == "" && bySite(r):
		g.problem(w, r, http.StatusForbidden, "skinflint_host", "skinflint: without a token no calls are taken from web sites")
	case g.token != "" && !g.isToken(r.Header.Get(tokenHeader)):
		g.problem(w, r, http.StatusUnauthorized, "skinflint_token", "skinflint: this proxy wants its token in the header "+tokenHeader)
	default:
		return true
	}
	return false
}

// admitReader lets someone read what was spent. A browser asks for a password, which is the token; the name is any.
func (g *gate) admitReader(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if g.token == "" {
		if local(r) {
			return true
		}
		g.problem(w, r, http.StatusForbidden, "skinflint_host", "skinflint: without a token this is shown under a loopback address only, such as 127.0.0.1 or localhost")
		return false
	}
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	_, password, _ := r.BasicAuth()
	// None of the three is a hint at which of them is wrong.
	if g.isToken(r.Header.Get(tokenHeader)) || g.isToken(bearer) || g.isToken(password) {
		return true
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="skinflint", charset="UTF-8"`)
	g.problem(w, r, http.StatusUnauthorized, "skinflint_token", "skinflint: this wants the proxy's token, as Authorization: Bearer or as the password")
	return false
}

// isToken compares in a time that says nothing of the token, its length included.
func (g *gate) isToken(s string) bool {
	got, want := sha256.Sum256([]byte(s)), sha256.Sum256([]byte(g.token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// local reports whether a request that came by loopback names it so. A web site whose own name resolves to 127.0.0.1
// could otherwise read the page in the browser of whoever visits it.
func local(r *http.Request) bool {
	if own, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok && !own.IP.IsLoopback() {
		return true // -insecure-listen was said
	}
	return loopback(r.Host)
}

// bySite reports whether a browser sends the request for a web site, whoever visits it: it would be at our cost, or eat
// up the limits. Programs name no origin.
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

// loopback reports whether a host, perhaps with a port, is one of the names of this machine itself.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// problem answers with an error of ours, in the words of the provider whose call it is as far as the path says.
func (g *gate) problem(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	body := g.shaped(r.Method, target(g.upstream, r.URL), wire.Problem{Status: status, Code: code, Message: message})
	if r.ContentLength != 0 { // what is left of a body is not waited for
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

// shaped returns the body of an error in the shape of the provider's own.
func (g *gate) shaped(method string, to *url.URL, p wire.Problem) []byte {
	d, call, _ := g.router.Recognise(method, to)
	if d, ok := d.(wire.ProblemWriter); ok {
		return d.Problem(&call, p)
	}
	return wire.OpenAIProblem(p)
}

// setBody gives a response another body.
func setBody(resp *http.Response, body []byte) {
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
}
