package middleware_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// What cannot be sent is tried once, costs nothing, and exposes nothing. The error says what is wrong.
func TestWhatCannotBeSent(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer plain.Close()
	secure := httptest.NewTLSServer(nil)
	defer secure.Close()
	expired := httptest.NewUnstartedServer(nil)
	expired.StartTLS()
	defer expired.Close()
	noProxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(407) }))
	defer noProxy.Close()
	forbids := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) }))
	defer forbids.Close()
	by := func(proxy string) func(*http.Transport) {
		return func(base *http.Transport) {
			u, _ := url.Parse(proxy)
			base.Proxy = http.ProxyURL(u)
		}
	}
	nothing := func(*http.Transport) {}
	lookup := func(e net.DNSError) func(*http.Transport) {
		return func(base *http.Transport) {
			base.DialContext = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &e}
			}
		}
	}
	for name, test := range map[string]struct {
		url, key string
		method   string
		base     func(*http.Transport)
		code     string
		text     string
	}{
		"key with a line break": {"https://api.openai.com", "sk-secret\n", "", nothing, "bad_header", "Authorization"},
		"key with a NUL":        {"https://api.openai.com", "sk-secret\x00", "", nothing, "bad_header", "Authorization"},
		"no scheme":             {"api.openai.com", "sk-secret", "", nothing, "bad_url", "protocol scheme"},
		"no scheme but slashes": {"//api.openai.com", "sk-secret", "", nothing, "bad_url", "protocol scheme"},
		"wrong scheme":          {"htp://api.openai.com", "sk-secret", "", nothing, "bad_url", `"htp"`},
		"no host":               {"https://", "sk-secret", "", nothing, "bad_url", "Host"},
		"no such host":          {"https://api.opnai.com", "sk-secret", "", lookup(net.DNSError{Err: "no such host", Name: "api.opnai.com", IsNotFound: true}), "no_such_host", "api.opnai.com"},
		"unknown authority":     {secure.URL, "sk-secret", "", nothing, "certificate", "unknown authority"},
		"wrong host": {strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), "sk-secret", "", func(base *http.Transport) {
			base.TLSClientConfig = &tls.Config{RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
		}, "certificate", "localhost"},
		"expired": {expired.URL, "sk-secret", "", func(base *http.Transport) {
			base.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), Time: func() time.Time { return time.Now().AddDate(1000, 0, 0) }}
		}, "certificate", "expired"},
		"TLS to a plain port": {strings.Replace(plain.URL, "http:", "https:", 1), "sk-secret", "", nothing, "not_tls", ""},
		"old TLS": {secure.URL, "sk-secret", "", func(base *http.Transport) {
			base.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10} //nolint:gosec // a test's own server
		}, "handshake", "protocol version"},
		"proxy without credentials": {"https://api.openai.com", "sk-secret", "", by(noProxy.URL), "proxy_refused", "Proxy Authentication Required"},
		"proxy that forbids":        {"https://api.openai.com", "sk-secret", "", by(forbids.URL), "proxy_refused", "Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			base := &http.Transport{}
			defer base.CloseIdleConnections()
			test.base(base)
			for kind, rt := range map[string]http.RoundTripper{
				"bare": base, "traced": tracingBase{base}, "detached": detached(base),
				"client": transport.RoundTripperFunc((&http.Client{Transport: base}).Do),
			} {
				stack := stackOver(t, rt, policy.Policy{})
				u, err := url.Parse(test.url + "/v1/chat/completions")
				if err != nil {
					t.Fatal(err)
				}
				req := (&http.Request{
					Method: http.MethodPost, URL: u, Header: http.Header{"Authorization": {"Bearer " + test.key}},
					Body: io.NopCloser(strings.NewReader(chatBody)), ContentLength: int64(len(chatBody)),
				}).WithContext(t.Context())
				_, err = stack.RoundTrip(req)
				if !errors.Is(err, middleware.ErrNotSent) || !strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), "nothing was billed") ||
					strings.Contains(err.Error(), "sk-secret") || !strings.Contains(err.Error(), ";") {
					t.Errorf("%s: %v", kind, err)
				}
				if rows := stack.Rows(); len(rows) != 1 {
					t.Errorf("%s: %d rows", kind, len(rows))
				} else if r := rows[0]; !isFree(r) || r.Reason != policy.Permanent || r.ErrorCode != test.code {
					t.Errorf("%s: %+v", kind, r)
				}
			}
		})
	}
}

// isFree reports whether a row says that nothing was sent, and nothing can be billed.
func isFree(r ledger.Row) bool {
	return r.Outcome == policy.NotSent && r.Cost == ledger.Known(0) && !r.Exposure.Known && r.Unpriced == "" && r.WireTries == 0
}

// What may pass is tried again: a name server that fails for a moment, a proxy that is overloaded, a refused connection.
func TestWhatMayPassIsTriedAgain(t *testing.T) {
	for name, failure := range map[string]error{
		"name server":         &net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", Name: "api.openai.com", IsTemporary: true}},
		"name server, slow":   &net.OpError{Op: "dial", Err: &net.DNSError{Err: "i/o timeout", Name: "api.openai.com", IsTimeout: true, IsNotFound: true}},
		"refused":             &net.OpError{Op: "dial", Err: errors.New("connect: connection refused")},
		"proxy, overloaded":   errors.New("Service Unavailable"),
		"an error of its own": errors.New("the tunnel is not up yet"),
	} {
		synctest.Test(t, func(t *testing.T) {
			base := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, failure }}
			for _, rt := range []http.RoundTripper{base, tracingBase{base}} {
				stack := stackOver(t, rt, policy.Policy{MaxAttempts: 3})
				_, err := chat(t, t.Context(), stack, chatBody)
				rows := stack.Rows()
				if !errors.Is(err, middleware.ErrNotSent) || len(rows) != 3 || rows[2].Outcome != policy.NotSent || rows[2].Reason != policy.TransportLost || rows[2].Exposure.Known {
					t.Errorf("%s: %v, %+v", name, err, rows)
				}
			}
		})
	}
}

// What cannot be sent takes nothing from the retry quota.
func TestWhatCannotBeSentUsesNoQuota(t *testing.T) {
	stack := stackOver(t, &http.Transport{}, policy.Policy{RetryQuota: 1})
	for range 10 {
		_, err := do(t, t.Context(), stack, http.MethodPost, "htp://api.openai.com/v1/chat/completions", chatBody)
		if !errors.Is(err, middleware.ErrNotSent) || strings.Contains(err.Error(), "quota") {
			t.Error(err)
		}
	}
	if n := len(stack.Rows()); n != 10 {
		t.Errorf("%d rows", n)
	}
}

// A transport that does not know which proxy to use sends nothing. Nor does one whose request has been given up before.
func TestNothingWasAskedFor(t *testing.T) {
	odd := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, errors.New("no idea") }}
	stack := stackOver(t, odd, policy.Policy{})
	_, err := chat(t, t.Context(), stack, chatBody)
	r := stack.Rows()[0]
	if !errors.Is(err, middleware.ErrNotSent) || len(stack.Rows()) != 1 || r.Outcome != policy.NotSent || r.ErrorCode != "bad_proxy" || !strings.Contains(err.Error(), "no idea") {
		t.Errorf("%v, %+v", err, r)
	}
	for name, rt := range map[string]http.RoundTripper{"bare": &http.Transport{}, "traced": tracingBase{&http.Transport{}}, "detached": detached(&http.Transport{})} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		stack := stackOver(t, rt, policy.Policy{})
		if _, err := chat(t, ctx, stack, chatBody); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		for _, r := range stack.Rows() {
			if r.Outcome != policy.NotSent || r.Exposure.Known {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

// A transport with another protocol registered, such as HTTP/3, reports nothing. Its errors are not taken for those of a
// request that was not sent.
func TestRegisteredProtocol(t *testing.T) {
	for _, failure := range []error{errors.New("timeout: no recent network activity"), context.Canceled} {
		base := &http.Transport{}
		base.RegisterProtocol("https", transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			io.Copy(io.Discard, req.Body)
			return nil, failure
		}))
		stack := stackOver(t, base, policy.Policy{})
		_, err := chat(t, t.Context(), stack, chatBody)
		if r := stack.Rows()[0]; !errors.Is(err, middleware.ErrAmbiguous) || r.Outcome != policy.Ambiguous || !r.Exposure.Known {
			t.Errorf("%v, %+v", err, r)
		}
	}
}
