package middleware_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// An answer that is no stream, and that the caller closes after its header or in the middle, is measured: it is there, and was
// charged for. That holds for each of the providers, however the answer comes, and also when the context is done before.
func TestEarlyCloseIsMeasured(t *testing.T) {
	for _, s := range samples {
		if !strings.HasSuffix(s.name, "JSON") {
			continue
		}
		for how, body := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with EOF": iotest.DataErrReader,
		} {
			for _, cancelled := range []bool{false, true} {
				t.Run(s.name+", "+how, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						base := newScript(func(*http.Request) (*http.Response, error) {
							return &http.Response{
								StatusCode: 200, Header: http.Header{"Content-Type": {jsonType}}, ContentLength: -1,
								Body: io.NopCloser(body(strings.NewReader(s.right()))),
							}, nil
						})
						stack := stackOver(t, base, policy.Policy{})
						ctx, cancel := context.WithCancel(t.Context())
						defer cancel()
						req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(s.body))
						if err != nil {
							t.Fatal(err)
						}
						resp, err := stack.RoundTrip(req)
						if err != nil {
							t.Fatal(err)
						}
						resp.Body.Read(make([]byte, 7))
						if cancelled {
							cancel()
							synctest.Wait()
						}
						resp.Body.Close()
						rows := stack.Rows()
						if len(rows) != 1 {
							t.Fatalf("%d rows", len(rows))
						}
						if r := rows[0]; r.Outcome != policy.Billed || r.UsageSource != ledger.Measured || r.Cost.String() != s.cost || r.Exposure.Known {
							t.Errorf("%s, %s, cost %s, exposure %s", r.Outcome, r.UsageSource, r.Cost, r.Exposure)
						}
					})
				})
			}
		}
	}
}

// The same over net/http, where the connection is then used again.
func TestEarlyCloseOverHTTP(t *testing.T) {
	connections := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", jsonType)
		io.WriteString(w, strings.Replace(served, "{", `{"padding":"`+strings.Repeat("x", 600)+`",`, 1))
	}))
	defer s.Close()
	stack := stackOver(t, s.Client().Transport, policy.Policy{})
	for range 5 {
		resp, err := stack.Client().Post(s.URL+"/v1/chat/completions", jsonType, strings.NewReader(boundedBody))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if totals := stack.Totals(); totals.Exposure.Sign() != 0 || totals.Unpriced != 0 || totals.Saved.Sign() != 0 || len(connections) != 1 {
		t.Errorf("%+v over %d connections", totals.Total, len(connections))
	}
}

// A stream that the caller closes is not read further, and neither is an answer that says nothing of what it cost.
func TestEarlyCloseOfAStream(t *testing.T) {
	for name, test := range map[string]struct{ url, body, contentType string }{
		"a stream":           {openaiURL, `{"model":"gpt-5","stream":true}`, eventType},
		"a stream of JSON":   {openaiURL, `{"model":"gpt-5"}`, eventType},
		"speech":             {"https://api.openai.com/v1/audio/speech", `{"model":"tts-1","input":"a"}`, "audio/mpeg"},
		"a stream as a JSON": {openaiURL, `{"model":"gpt-5","stream":true}`, jsonType},
	} {
		t.Run(name, func(t *testing.T) {
			read := 0
			base := newScript(func(*http.Request) (*http.Response, error) {
				body := readerFunc(func(p []byte) (int, error) { read++; return copy(p, "x"), nil })
				return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {test.contentType}}, Body: io.NopCloser(body), ContentLength: -1}, nil
			})
			stack := stackOver(t, base, policy.Policy{})
			resp, err := stack.Client().Post(test.url, jsonType, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if read > 0 {
				t.Errorf("read %d times", read)
			}
		})
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
