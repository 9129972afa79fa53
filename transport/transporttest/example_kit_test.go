package transporttest_test

import (
	"net/http"
	"testing"

	"github.com/skinflint-go/skinflint/transport/transporttest"
)

// userAgent is a RoundTripper that sets the User-Agent header.
type userAgent struct {
	next http.RoundTripper
	name string
}

func (t userAgent) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.WithContext(req.Context()) // a copy, because the request belongs to the caller
	out.Header = req.Header.Clone()
	out.Header.Set("User-Agent", t.name)
	return t.next.RoundTrip(out)
}

func (t userAgent) CloseIdleConnections() { (&http.Client{Transport: t.next}).CloseIdleConnections() }

// A test of three lines tests a program's own RoundTripper.
func ExampleTestRoundTripper() {
	_ = func(t *testing.T) { // func TestUserAgent
		transporttest.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
			if base == nil {
				base = http.DefaultTransport
			}
			return userAgent{base, "example/1.0"}
		})
	}
}

func TestUserAgent(t *testing.T) {
	transporttest.TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper {
		if base == nil {
			base = http.DefaultTransport
		}
		return userAgent{base, "example/1.0"}
	})
}
