package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport"
)

func TestObstacle(t *testing.T) {
	for _, test := range []struct {
		err       error
		code      string
		permanent bool
	}{
		{nil, "", false},
		{errors.New("EOF"), "", false},
		{errors.New("net/http: TLS handshake timeout"), "", false},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, "dial", false},
		{&net.OpError{Op: "proxyconnect", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}, "dial", false},
		{&net.OpError{Op: "socks connect", Err: errors.New("unknown error host unreachable")}, "dial", false},
		{&net.OpError{Op: "socks connect", Err: errors.New("unknown error connection not allowed by ruleset")}, "proxy_refused", true},
		{&net.OpError{Op: "socks connect", Err: errors.New("username/password authentication failed")}, "proxy_refused", true},
		{&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, "", false},
		{&net.OpError{Op: "write", Err: errors.New("broken pipe")}, "", false},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, "handshake", true},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: internal error")}, "", false},
		{&net.DNSError{IsNotFound: true}, "no_such_host", true},
		{&net.DNSError{IsNotFound: true, IsTemporary: true}, "dial", false},
		{&net.DNSError{IsTimeout: true}, "dial", false},
		{fmt.Errorf("pool: %w", &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}), "no_such_host", true},
		{&net.OpError{Op: "dial", Err: &net.AddrError{Err: "invalid port", Addr: "99999"}}, "bad_url", true},
		{&net.OpError{Op: "dial", Err: net.UnknownNetworkError("tcp7")}, "bad_url", true},
		{x509.UnknownAuthorityError{}, "certificate", true},
		{x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{}}, "certificate", true},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}, "certificate", true},
		{&tls.CertificateVerificationError{Err: errors.New("x")}, "certificate", true},
		{tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, "not_tls", true},
		{http.ErrSchemeMismatch, "not_tls", true},
		{errors.New("Proxy Authentication Required"), "proxy_refused", true},
		{errors.New("Forbidden"), "proxy_refused", true},
		{errors.New("Too Many Requests"), "", false},
		{errors.New("Request Timeout"), "", false},
		{errors.New("Bad Gateway"), "", false},
		{errors.New(""), "", false},
		{errors.New("http2: unsupported scheme"), "bad_url", true},
		{errors.New("http3: invalid http header field name \"a b\""), "bad_header", true},
		{errors.New("http2: request header list larger than peer's advertised limit"), "bad_header", true},
		{&url.Error{Op: "Post", URL: "https://h/?x=unsupported protocol scheme", Err: errors.New("EOF")}, "", false},
		{&url.Error{Op: "Post", URL: "htp://h", Err: errors.New(`unsupported protocol scheme "htp"`)}, "bad_url", true},
	} {
		if code, permanent := transport.Obstacle(test.err); code != test.code || permanent != test.permanent {
			t.Errorf("%v: %q, permanent %v", test.err, code, permanent)
		}
	}
}

// These are the errors of net/http for requests that it does not send.
func TestObstacleOfNetHTTP(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*http.Request)
		code   string
	}{
		"no URL":        {func(r *http.Request) { r.URL = nil }, "bad_url"},
		"scheme":        {func(r *http.Request) { r.URL.Scheme = "ftp" }, "bad_url"},
		"no scheme":     {func(r *http.Request) { r.URL.Scheme = "" }, "bad_url"},
		"no host":       {func(r *http.Request) { r.URL.Host = "" }, "bad_url"},
		"no header":     {func(r *http.Request) { r.Header = nil }, "bad_header"},
		"header":        {func(r *http.Request) { r.Header.Set("X", "a\n") }, "bad_header"},
		"header's name": {func(r *http.Request) { r.Header["a b"] = []string{"c"} }, "bad_header"},
		"trailer":       {func(r *http.Request) { r.Trailer = http.Header{"A": {"b\n"}} }, "bad_header"},
		"method":        {func(r *http.Request) { r.Method = "PO ST" }, "bad_method"},
		"port":          {func(r *http.Request) { r.URL.Host = "127.0.0.1:99999" }, "bad_url"},
	} {
		req, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:1/x", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		test.change(req)
		_, err = new(http.Transport).RoundTrip(req)
		if code, permanent := transport.Obstacle(err); code != test.code || !permanent {
			t.Errorf("%s: %q, permanent %v: %v", name, code, permanent, err)
		}
	}
}

func ExampleObstacle() {
	req, _ := http.NewRequest(http.MethodPost, "https://api.openai.com/v1/responses", nil)
	req.Header.Set("Authorization", "Bearer sk-key\n")
	_, err := http.DefaultTransport.RoundTrip(req)
	code, permanent := transport.Obstacle(err)
	fmt.Println(code, permanent)
	// Output: bad_header true
}
