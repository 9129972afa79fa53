package cachedcontent_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const (
	secretKey   = "AIza-a-secret-key"
	secretToken = "ya29.a-secret-token"
	flash       = "gemini-2.5-flash"
)

// roundTrip is an http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// answer returns a response.
func answer(req *http.Request, status int, body string, header ...string) *http.Response {
	resp := &http.Response{
		StatusCode: status, Header: http.Header{}, Request: req,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
	for i := 0; i < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp
}

func token(context.Context) (string, error) { return secretToken, nil }

func gemini(t testing.TB, rt http.RoundTripper, options ...cachedcontent.Option) *cachedcontent.Client {
	t.Helper()
	c, err := cachedcontent.NewGemini(&http.Client{Transport: rt}, secretKey, options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func vertex(t testing.TB, rt http.RoundTripper, options ...cachedcontent.Option) *cachedcontent.Client {
	t.Helper()
	c, err := cachedcontent.NewVertex(&http.Client{Transport: rt}, "my-project", "europe-west4", token, options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fixed returns a client whose requests all get one answer.
func fixed(t testing.TB, status int, body string, header ...string) *cachedcontent.Client {
	t.Helper()
	return gemini(t, roundTrip(func(req *http.Request) (*http.Response, error) { return answer(req, status, body, header...), nil }))
}

// book is a text long enough for a cache.
var book = strings.Repeat("Light is propagated in time and not in an instant. ", 400)

// content returns a valid content.
func content() cachedcontent.Content {
	return cachedcontent.Content{
		Model: flash,
		Turns: []cachedcontent.Turn{cachedcontent.User(cachedcontent.Text(book))},
		TTL:   10 * time.Minute,
	}
}

// inBubble runs f with a server in a synctest bubble.
func inBubble(t *testing.T, cfg llmtest.Config, f func(t *testing.T, srv *llmtest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := llmtest.NewPipe(cfg)
		defer srv.Close()
		f(t, srv)
	})
}

// asError returns the *Error in err, and checks its kind.
func asError(t *testing.T, err error, kind cachedcontent.Kind) *cachedcontent.Error {
	t.Helper()
	var e *cachedcontent.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error of the kind %q", err, kind)
	}
	if e.Kind != kind {
		t.Errorf("got %v of the kind %q, want %q", err, e.Kind, kind)
	}
	checkNoSecret(t, err.Error()+e.Message)
	return e
}

// asFieldError checks that err names the field.
func asFieldError(t *testing.T, err error, field string) {
	t.Helper()
	var e *cachedcontent.FieldError
	if !errors.As(err, &e) || e.Field != field {
		t.Errorf("got %v, want an error for the field %s", err, field)
		return
	}
	checkNoSecret(t, err.Error())
}

// checkNoSecret checks that a text has no key in it.
func checkNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{secretKey, secretToken, "upload_id", "Light is propagated"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q has a secret in it: %s", text, secret)
		}
	}
}

// alive returns the caches of a server that are alive.
func alive(srv *llmtest.Server) (n int) {
	for _, c := range srv.Caches() {
		if c.Alive(time.Now()) {
			n++
		}
	}
	return n
}

// data returns n bytes that differ from place to place.
func data(n int) []byte {
	unit := make([]byte, 251)
	for i := range unit {
		unit[i] = byte(i * 7)
	}
	return bytes.Repeat(unit, n/len(unit)+1)[:n]
}
