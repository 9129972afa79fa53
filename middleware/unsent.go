package middleware

import (
	"net/http"

	"github.com/skinflint-go/skinflint/transport"
)

// unsent reports whether it is certain that an attempt that failed with err sent nothing: no headers were reported as
// written, and no body was read by something that does not report. It also returns what kept it from being sent, if that is
// known, and whether that is permanent.
func (a *attempt) unsent(err error) (code string, permanent, ok bool) {
	code, permanent = transport.Obstacle(err)
	unread := a.trace.Unread()
	switch {
	case a.trace.Reported():
		return code, permanent, true
	case !unread:
		return "", false, false
	case a.noProxy():
		return "bad_proxy", true, true
	}
	// Nobody asked for a connection, or nobody said so: even net/http's own transport does not, if it sends by a protocol
	// that was registered with it, such as HTTP/3. So the error has to say it.
	return code, permanent, a.late || code != ""
}

// noProxy reports whether net/http's own transport sends nothing because its function that selects a proxy fails.
func (a *attempt) noProxy() bool {
	t, bare := a.sender.base.(*http.Transport)
	if !bare || t.Proxy == nil {
		return false
	}
	_, err := t.Proxy(a.c.request)
	return err != nil
}

// remedies say what to do about what keeps a request from being sent: see [transport.Obstacle].
var remedies = map[string]string{
	"bad_url":       "correct the base URL",
	"bad_method":    "correct the method",
	"bad_header":    "correct the header; an API key that was read from a file often ends in a line break",
	"bad_proxy":     "correct the settings of the proxy",
	"no_such_host":  "correct the host of the base URL",
	"certificate":   "the host's certificate is not trusted: check the base URL, the certificate authorities of this machine, and its clock",
	"not_tls":       "the server does not speak TLS on this port: check the scheme and the port of the base URL",
	"handshake":     "the server rejects the TLS that this program speaks",
	"proxy_refused": "the proxy refuses the connection: check its address, its credentials and what it allows",
}
