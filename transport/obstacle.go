package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Obstacle says what kept a request from being sent, if err, of a RoundTripper, says so: a short code such as
// "no_such_host", or "" if err says nothing of that kind. It is permanent if the same request would meet it again at once.
// Obstacle is no proof that nothing was sent: a RoundTripper may have sent the request before, and met the obstacle when it
// sent it again. See [Trace.Writes] and [Trace.Unread].
//
// The permanent obstacles are "bad_url", "bad_method", "bad_header", "no_such_host", "certificate", "not_tls" (the server
// speaks no TLS), "handshake" (the server rejects how TLS is spoken) and "proxy_refused". The other one is "dial".
//
// Most of these errors of net/http have no type, so Obstacle examines their texts, which are those of Go 1.25 and 1.26.
func Obstacle(err error) (code string, permanent bool) {
	if err == nil {
		return "", false
	}
	for _, f := range []func(error) string{addressing, handshake, inWords} {
		if code := f(err); code != "" {
			return code, true
		}
	}
	var op *net.OpError
	var dns *net.DNSError
	if errors.As(err, &dns) || errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect" || op.Op == "socks connect") {
		return "dial", false
	}
	return "", false
}

// addressing recognises addresses that do not exist.
func addressing(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		if dns.IsNotFound && !dns.IsTemporary && !dns.IsTimeout {
			return "no_such_host"
		}
		return ""
	}
	if isA[*net.AddrError](err) || isA[*net.ParseError](err) || isA[net.InvalidAddrError](err) || isA[net.UnknownNetworkError](err) {
		return "bad_url"
	}
	return ""
}

// handshake recognises servers with which TLS cannot be spoken.
func handshake(err error) string {
	var op *net.OpError
	switch {
	case isA[*tls.CertificateVerificationError](err), isA[x509.UnknownAuthorityError](err), isA[x509.HostnameError](err),
		isA[x509.CertificateInvalidError](err), isA[x509.SystemRootsError](err):
		return "certificate"
	case isA[tls.RecordHeaderError](err), errors.Is(err, http.ErrSchemeMismatch):
		return "not_tls"
	case isA[*tls.ECHRejectionError](err):
		return "handshake"
	case errors.As(err, &op) && op.Op == "remote error" && !strings.Contains(op.Error(), "internal error"):
		return "handshake" // an alert of TLS
	}
	return ""
}

func isA[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// phrases are what net/http says of a request that it cannot send. HTTP/2 and HTTP/3 put their names before most of them.
var phrases = []struct{ phrase, code string }{
	{"unsupported protocol scheme", "bad_url"},
	{"http2: unsupported scheme", "bad_url"},
	{"no Host in request URL", "bad_url"},
	{"nil Request.URL", "bad_url"},
	{"Request.URL is nil", "bad_url"},
	{"control character in Request.URL", "bad_url"},
	{"invalid request :path", "bad_url"},
	{"invalid method ", "bad_method"},
	{"invalid header field", "bad_header"},
	{"invalid trailer field", "bad_header"},
	{"invalid HTTP header field", "bad_header"},
	{"invalid HTTP trailer field", "bad_header"},
	{"invalid http header field", "bad_header"},
	{"invalid Host header", "bad_header"},
	{"invalid Upgrade request header", "bad_header"},
	{"invalid Transfer-Encoding request header", "bad_header"},
	{"invalid Connection request header", "bad_header"},
	{"invalid Trailer key", "bad_header"},
	{"nil Request.Header", "bad_header"},
	{"request header list larger than peer's advertised limit", "bad_header"},
	{"server gave HTTP response to HTTPS client", "not_tls"},
	{"tls: server selected unsupported protocol version", "handshake"},
	{"tls: no supported versions satisfy", "handshake"},
	{"invalid proxy address", "proxy_refused"},
	{"username/password authentication failed", "proxy_refused"}, // SOCKS
	{"no acceptable authentication methods", "proxy_refused"},
	{"connection not allowed by ruleset", "proxy_refused"},
}

// inWords recognises obstacles by the error's text.
func inWords(err error) string {
	var u *url.Error
	if errors.As(err, &u) && u.Err != nil {
		err = u.Err // its URL could hold any text
	}
	text := err.Error()
	for _, p := range phrases {
		if strings.Contains(text, p.phrase) {
			return p.code
		}
	}
	for status := 400; status < 500; status++ { // of a proxy's answer to CONNECT, net/http returns the text only
		switch status {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		default:
			if text == http.StatusText(status) && text != "" {
				return "proxy_refused"
			}
		}
	}
	return ""
}
