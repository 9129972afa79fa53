package llmtest_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// The response arrives before the body was sent.
func TestEarlyRateLimited(t *testing.T) {
	for _, path := range []string{chatPath, "/v1beta/models/gemini-2.5-flash:generateContent", "/v1/messages"} {
		bothVersions(t, path[1:4], llmtest.Config{Faults: llmtest.Sequence(llmtest.EarlyRateLimited)},
			func(t *testing.T, srv *llmtest.Server) {
				slow, write := io.Pipe()
				res, err := srv.Client().Post(srv.URL+path, "application/json", slow)
				if err != nil {
					t.Fatal(err)
				}
				write.Close()
				defer res.Body.Close()
				if b, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 429 || !strings.HasPrefix(string(b), "{") {
					t.Errorf("got %s, %s, %v", res.Status, b, err)
				}
				r := srv.Requests()[0]
				if r.Provider == "" || r.Operation == "" || len(r.Body) != 0 || r.Status != 429 || r.Fault != llmtest.EarlyRateLimited {
					t.Errorf("recorded %+v", r)
				}
				if strings.HasSuffix(path, "Content") && r.Model != "gemini-2.5-flash" {
					t.Errorf("the model is %q", r.Model)
				}
				mustSend(t, srv, body("after"), http.StatusOK)
				if n := len(srv.Meter()); n != 1 {
					t.Errorf("billed %d", n)
				}
			})
	}
}

// A body that is already on its way does no harm, whatever its length.
func TestEarlyRateLimitedUpload(t *testing.T) {
	for _, size := range []int{1, 5_000, 100_000, 1_000_000} {
		bothVersions(t, "sizes", llmtest.Config{Faults: llmtest.Sequence(llmtest.EarlyRateLimited, llmtest.EarlyRateLimited)},
			func(t *testing.T, srv *llmtest.Server) {
				for range 2 {
					if got := mustSend(t, srv, body(strings.Repeat("x", size)), 429); got.header.Get("Retry-After") != "1" {
						t.Errorf("the header is %v", got.header)
					}
				}
				mustSend(t, srv, body(strings.Repeat("x", size)), http.StatusOK)
			})
	}
}

// countingReader counts the bytes that were read.
type countingReader struct {
	io.Reader
	n atomic.Int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	return n, err
}

func TestEarlyRateLimitedContinue(t *testing.T) {
	for _, early := range []bool{true, false} {
		var script llmtest.Script
		if early {
			script = llmtest.Sequence(llmtest.EarlyRateLimited)
		}
		bothVersions(t, map[bool]string{true: "early", false: "late"}[early], llmtest.Config{Faults: script},
			func(t *testing.T, srv *llmtest.Server) {
				srv.Transport().ExpectContinueTimeout = time.Hour
				text := body("hi")
				in := &countingReader{Reader: strings.NewReader(text)}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+chatPath, in)
				if err != nil {
					t.Fatal(err)
				}
				req.ContentLength = int64(len(text))
				req.Header.Set("Expect", "100-continue")
				res, err := srv.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				_, err = io.Copy(io.Discard, res.Body)
				want, status := int64(len(text)), http.StatusOK
				if early {
					want, status = 0, http.StatusTooManyRequests
				}
				if n := in.n.Load(); n != want || res.StatusCode != status || err != nil {
					t.Errorf("status %d, %v, after %d bytes of the body", res.StatusCode, err, n)
				}
			})
	}
}

func TestShouldRetryFalse(t *testing.T) {
	bothBubbles(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ShouldRetryFalse, llmtest.RateLimited)},
		func(t *testing.T, srv *llmtest.Server) {
			if got := mustSend(t, srv, body("hi"), 429); got.header.Get("x-should-retry") != "false" {
				t.Errorf("the header is %v", got.header)
			}
			if got := mustSend(t, srv, body("hi"), 429); got.header.Get("x-should-retry") != "" {
				t.Errorf("the header is %v", got.header)
			}
		})
}

func TestScriptedRateLimit(t *testing.T) {
	everywhere(t, "scripted", llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited)},
		func(t *testing.T, srv *llmtest.Server) {
			a := mustSend(t, srv, body("hi"), 429)
			checkHeaders(t, a.header, map[string]string{
				"retry-after": "1", "retry-after-ms": "1000", "x-ratelimit-remaining-requests": "0",
			})
			if !strings.Contains(a.body, "Rate limit reached for gpt-5-mini in organization org-llmtest on requests per min (RPM)") ||
				!strings.Contains(a.body, "Please try again in 1s. ") {
				t.Errorf("got %s", a.body)
			}
		})
}
