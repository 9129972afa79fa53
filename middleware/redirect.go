package middleware

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A cross-host redirect of a call is not followed: that would send the prompt to another host, and show it the key, unless
// the key stands in a header that http.Client removes.

// redirects are the statuses that http.Client follows.
var redirects = []int{301, 302, 303, 307, 308}

// crossHost returns the host to which a response redirects its request, if that is another one; "" if it does not.
func crossHost(req *http.Request, resp *http.Response) string {
	if !slices.Contains(redirects, resp.StatusCode) {
		return ""
	}
	where, err := req.URL.Parse(resp.Header.Get("Location"))
	if err != nil || sameHost(req.URL, where) {
		return "" // without a Location, http.Client does not follow it
	}
	return where.Host
}

// redirected reports whether the request follows a redirect, as http.Client notes it, to another host than the program's
// own request went to.
func redirected(req *http.Request) bool {
	host := req.URL.Host
	for r := req; r.Response != nil && r.Response.Request != nil; {
		r = r.Response.Request
		if r.URL.Host != host {
			return true
		}
	}
	return false
}

// sameHost reports whether a request may go from one URL to another: to the same host and port, and not from TLS to none.
func sameHost(from, to *url.URL) bool {
	if !strings.EqualFold(from.Hostname(), to.Hostname()) {
		return false
	}
	fromTLS, toTLS := strings.EqualFold(from.Scheme, "https"), strings.EqualFold(to.Scheme, "https")
	switch {
	case fromTLS && !toTLS:
		return false
	case portOf(from) == portOf(to):
		return true
	}
	return !fromTLS && portOf(from) == "80" && portOf(to) == "443"
}

// portOf returns a URL's port, the scheme's own if it names none.
func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	case strings.EqualFold(u.Scheme, "http"):
		return "80"
	}
	return ""
}
