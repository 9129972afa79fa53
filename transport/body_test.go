package transport

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// A closeCounter counts how often a body was closed.
type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

func post(t *testing.T, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://example.com/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func bodyOf(t *testing.T, req *http.Request) string {
	t.Helper()
	got, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	again, err := req.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := io.ReadAll(again); !bytes.Equal(got, second) {
		t.Errorf("GetBody gives %q, Body %q", second, got)
	}
	return string(got)
}

var tierEdit = Edit{Path: "service_tier", Value: `"flex"`}

func TestBodySkips(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(`{"model":"m"}`))
	z.Close()
	for _, test := range []struct {
		name, body, key, value, want string
	}{
		{"array", `[{"model":1}]`, "", "", SkippedInvalid},
		{"scalar", `"x"`, "", "", SkippedInvalid},
		{"invalid", `{"model":1`, "", "", SkippedInvalid},
		{"two documents", `{"model":1}{}`, "", "", SkippedInvalid},
		{"byte order mark", "\xEF\xBB\xBF{}", "", "", SkippedInvalid},
		{"binary", "\x00\x01\x02", "", "", SkippedInvalid},
		{"gzip", zipped.String(), "Content-Encoding", "gzip", SkippedEncoding},
		{"lower-case key", zipped.String(), "content-encoding", "br", SkippedEncoding},
		{"identity", `{"model":1}`, "Content-Encoding", "identity", ""},
		{"SigV4", `{"model":1}`, "Authorization", "AWS4-HMAC-SHA256 Credential=x", SkippedSigned},
		{"other authorization", `{"model":1}`, "Authorization", "Bearer AWS4-HMAC-SHA256", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := post(t, test.body)
			if test.key != "" {
				req.Header[test.key] = []string{test.value}
			}
			var b Body
			if err := b.Load(req, testPaths); err != nil {
				t.Fatal(err)
			}
			if b.Skipped() != test.want {
				t.Errorf("skipped %q, want %q", b.Skipped(), test.want)
			}
			out := req.WithContext(t.Context())
			if err := b.Attach(out, false, tierEdit); err != nil {
				t.Fatal(err)
			}
			if got := bodyOf(t, out); (got == test.body) != (test.want != "") {
				t.Errorf("sent %q of %q", got, test.body)
			}
		})
	}
}

func TestBodyWithoutGetBody(t *testing.T) {
	long := `{"model":"` + strings.Repeat("x", smallBody) + `"}`
	for _, test := range []struct {
		name       string
		body       string
		length     int64
		replayable bool
	}{
		{"short, length known", `{"model":"m"}`, 13, true},
		{"short, length unknown", `{"model":"m"}`, -1, true},
		{"short, length 0 with a body", `{"model":"m"}`, 0, true},
		{"long, length known", long, int64(len(long)), false},
		{"long, length unknown", long, -1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := post(t, test.body)
			counted := &closeCounter{Reader: strings.NewReader(test.body)}
			req.Body, req.GetBody, req.ContentLength = counted, nil, test.length
			var b Body
			if err := b.Load(req, testPaths); err != nil {
				t.Fatal(err)
			}
			if b.Replayable() != test.replayable || (b.Skipped() == SkippedOnce) == test.replayable {
				t.Errorf("replayable %v, skipped %q", b.Replayable(), b.Skipped())
			}
			out := req.WithContext(t.Context())
			if err := b.Attach(out, false, tierEdit); err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(out.Body)
			out.Body.Close()
			want := test.body
			if test.replayable {
				want = `{"service_tier":"flex",` + test.body[1:]
			}
			if string(got) != want {
				t.Errorf("sent %d bytes, want %d", len(got), len(want))
			}
			if known := test.length > 0; known && out.ContentLength != int64(len(want)) || !known && out.ContentLength != test.length {
				t.Errorf("length %d", out.ContentLength)
			}
			if counted.closed == 0 {
				t.Error("the caller's body was not closed")
			}
		})
	}
}

func TestBodyEmpty(t *testing.T) {
	for name, body := range map[string]io.ReadCloser{
		"nil": nil, "NoBody": http.NoBody, "nothing to read": io.NopCloser(strings.NewReader("")),
	} {
		req := post(t, "")
		req.Body, req.GetBody, req.ContentLength = body, nil, 0
		var b Body
		if err := b.Load(req, testPaths); err != nil {
			t.Fatal(name, err)
		}
		out := req.WithContext(t.Context())
		if err := b.Attach(out, false, tierEdit); err != nil || body == nil && out.Body != nil || body != nil && out.Body != http.NoBody {
			t.Errorf("%s: %v, body %v", name, err, out.Body)
		}
	}
}

func TestBodyErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		body   io.Reader
		length int64
	}{
		"shorter than it says": {strings.NewReader("{}"), 3},
		"longer than it says":  {strings.NewReader("{}  "), 3},
		"broken":               {io.MultiReader(strings.NewReader("{"), errReader{broken}), 2},
		"broken, no length":    {io.MultiReader(strings.NewReader("{"), errReader{broken}), -1},
	} {
		counted := &closeCounter{Reader: test.body}
		req := post(t, "")
		req.Body, req.GetBody, req.ContentLength = counted, nil, test.length
		var b Body
		if err := b.Load(req, testPaths); err == nil {
			t.Errorf("%s: no error", name)
		}
		if counted.closed != 1 {
			t.Errorf("%s: closed %d times", name, counted.closed)
		}
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"model":"m","service_tier":1}`), "", int64(-1))
	f.Add([]byte(`[1,2]`), "gzip", int64(5))
	f.Fuzz(func(t *testing.T, body []byte, encoding string, length int64) {
		req, err := http.NewRequest(http.MethodPost, "http://example.com/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		if length < 0 {
			req.ContentLength = -1
		}
		var b Body
		if err := b.Load(req, testPaths); err != nil {
			t.Fatal(err)
		}
		out := req.WithContext(t.Context())
		if err := b.Attach(out, false, tierEdit); err != nil {
			t.Fatal(err)
		}
		if len(body) == 0 {
			return
		}
		got, err := io.ReadAll(out.Body)
		if err != nil {
			t.Fatal(err)
		}
		if b.Skipped() != "" && !bytes.Equal(got, body) {
			t.Fatalf("skipped (%s), but %q became %q", b.Skipped(), body, got)
		}
		if out.ContentLength >= 0 && out.ContentLength != int64(len(got)) {
			t.Fatalf("length %d of %d", out.ContentLength, len(got))
		}
	})
}

func TestBodyContains(t *testing.T) {
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"in memory": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader,
	} {
		req := post(t, `{"model":"m","x_url":1}`)
		req.GetBody = func() (io.ReadCloser, error) {
			return io.NopCloser(wrap(strings.NewReader(`{"model":"m","x_url":1}`))), nil
		}
		var b Body
		if err := b.Load(req, testPaths); err != nil {
			t.Fatal(err)
		}
		if !b.Contains([]byte("nothing"), []byte(`_url"`)) || b.Contains([]byte("_uri"), []byte(`"url`)) {
			t.Errorf("%s: wrong", name)
		}
	}
}

// A request whose GetBody gives something else than its body is an error, not a wrong request.
func TestBodyThatChanges(t *testing.T) {
	req := post(t, `{"model":"m"}`)
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(`{}`)), nil }
	var b Body
	if err := b.Load(req, testPaths); err != nil {
		t.Fatal(err)
	}
	if err := b.Attach(req.WithContext(t.Context()), false, tierEdit); err == nil {
		t.Error("no error")
	}
}

// Each case is a body and its source, with what the writers of Load must see of it.
func TestBodyWriters(t *testing.T) {
	long := `{"model":"` + strings.Repeat("x", smallBody) + `"}`
	form := formOf(t, someBoundary, "model", "m", "file:f", strings.Repeat("x", smallBody))
	header := func(key, value string) func(*http.Request) { return func(r *http.Request) { r.Header.Set(key, value) } }
	once := func(r *http.Request) { r.GetBody = nil }
	unknown := func(r *http.Request) { r.ContentLength = -1 }
	for _, test := range []struct {
		name, body string
		with       []func(*http.Request)
		written    bool
		skipped    string
	}{
		{"short", `{"model":"m"}`, nil, true, ""},
		{"short, given once", `{"model":"m"}`, []func(*http.Request){once}, true, ""},
		{"short, of unknown length", `{"model":"m"}`, []func(*http.Request){unknown}, true, ""},
		{"long", long, nil, true, ""},
		{"long, of unknown length", long, []func(*http.Request){unknown}, true, ""},
		{"long, given once", long, []func(*http.Request){once}, false, SkippedOnce},
		{"long, given once, of unknown length", long, []func(*http.Request){once, unknown}, false, SkippedOnce},
		{"not JSON", "<html>", nil, true, SkippedInvalid},
		{"long and not JSON", long[1:], nil, true, SkippedInvalid},
		{"compressed", "\x1f\x8b", []func(*http.Request){header("Content-Encoding", "gzip")}, true, SkippedEncoding},
		{"long and compressed", long, []func(*http.Request){header("Content-Encoding", "br")}, true, SkippedEncoding},
		{"long, compressed, of unknown length", long, []func(*http.Request){header("Content-Encoding", "br"), unknown}, true, SkippedEncoding},
		{"signed", `{"model":"m"}`, []func(*http.Request){header("Content-Digest", "x")}, true, SkippedSigned},
		{"a form", form, []func(*http.Request){header("Content-Type", "multipart/form-data; boundary="+someBoundary)}, true, SkippedForm},
		{"a form, of unknown length", form, []func(*http.Request){header("Content-Type", "multipart/form-data; boundary="+someBoundary), unknown}, true, SkippedForm},
		{"a form that is none", long, []func(*http.Request){header("Content-Type", "multipart/form-data; boundary="+someBoundary)}, true, SkippedForm},
		{"empty", "", nil, true, SkippedInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := post(t, test.body)
			for _, change := range test.with {
				change(req)
			}
			var b Body
			var one, two bytes.Buffer
			if err := b.Load(req, testPaths, &one, &two); err != nil {
				t.Fatal(err)
			}
			want := ""
			if test.written {
				want = test.body
			}
			if b.Written() != test.written || b.Skipped() != test.skipped || one.String() != want || two.String() != want {
				t.Errorf("written %v, skipped %q; %d and %d bytes of %d", b.Written(), b.Skipped(), one.Len(), two.Len(), len(test.body))
			}
			if test.name == "a form" && b.Fields().Text(PathOf("model")) != "m" {
				t.Error("the form's field was not found")
			}
			out := req.WithContext(t.Context())
			if err := b.Attach(out, false, tierEdit); err != nil {
				t.Fatal(err)
			}
			if sent, err := io.ReadAll(out.Body); err != nil || !strings.HasSuffix(string(sent), test.body[min(1, len(test.body)):]) {
				t.Errorf("sent %d bytes, %v", len(sent), err)
			}
		})
	}
}

// If reading a body fails, the writers saw only what was read before, and Written says so.
func TestBodyWritersOfABrokenBody(t *testing.T) {
	broken := errors.New("broken")
	for name, body := range map[string]string{"short": `{"model":`, "long": `{"model":"` + strings.Repeat("x", smallBody)} {
		req := post(t, body+"12")
		req.Body = io.NopCloser(io.MultiReader(strings.NewReader(body), errReader{broken}))
		var b Body
		var seen bytes.Buffer
		if err := b.Load(req, testPaths, &seen); !errors.Is(err, broken) || b.Written() || !strings.HasPrefix(body, seen.String()) {
			t.Errorf("%s: %v, written %v, %d bytes", name, err, b.Written(), seen.Len())
		}
	}
}

// A body that is sent as it is can be read before that, if the request has a GetBody. It is sent even if that read fails.
func TestBodyPass(t *testing.T) {
	const doc = `{"model":"m"}`
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		getBody func(own io.ReadCloser) func() (io.ReadCloser, error)
		written bool
	}{
		"given anew": {func(io.ReadCloser) func() (io.ReadCloser, error) {
			return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(doc)), nil }
		}, true},
		"rewound": {func(own io.ReadCloser) func() (io.ReadCloser, error) {
			return func() (io.ReadCloser, error) {
				_, err := own.(*rewound).Seek(0, io.SeekStart)
				return own, err
			}
		}, true},
		"given once": {func(io.ReadCloser) func() (io.ReadCloser, error) { return nil }, false},
		"not available": {func(io.ReadCloser) func() (io.ReadCloser, error) {
			return func() (io.ReadCloser, error) { return nil, broken }
		}, false},
		"broken": {func(io.ReadCloser) func() (io.ReadCloser, error) {
			return func() (io.ReadCloser, error) { return io.NopCloser(errReader{broken}), nil }
		}, false},
	} {
		own := &rewound{Reader: bytes.NewReader([]byte(doc))}
		req := post(t, doc)
		req.Body, req.GetBody = own, test.getBody(own)
		var b Body
		var seen bytes.Buffer
		if err := b.Pass(req, &seen); err != nil || b.Written() != test.written || test.written && seen.String() != doc {
			t.Errorf("%s: %v, written %v, %q", name, err, b.Written(), seen.String())
		}
		if own.closed.Load() != 0 || b.Replayable() {
			t.Errorf("%s: closed %d times, replayable %v", name, own.closed.Load(), b.Replayable())
		}
		if err := b.Attach(req, false); err != nil {
			t.Fatal(err)
		}
		if sent, err := io.ReadAll(req.Body); err != nil || string(sent) != doc {
			t.Errorf("%s: sent %q, %v", name, sent, err)
		}
	}
}

// A body that was rewound to be read, and cannot be rewound once more, must not be sent.
func TestBodyPassCannotRewind(t *testing.T) {
	own := &rewound{Reader: bytes.NewReader([]byte("{}"))}
	req := post(t, "{}")
	broken, calls := errors.New("broken"), 0
	req.Body = own
	req.GetBody = func() (io.ReadCloser, error) {
		if calls++; calls > 1 {
			return nil, broken
		}
		return own, nil
	}
	var b Body
	if err := b.Pass(req, io.Discard); !errors.Is(err, broken) || own.closed.Load() != 1 {
		t.Errorf("%v, closed %d times", err, own.closed.Load())
	}
}

// Load inspects the headers again if they are not those that were inspected, or may have changed since it was called last.
func TestBodyInspect(t *testing.T) {
	req := post(t, `{}`)
	var b Body
	headers := b.Inspect(req.Header)
	if !headers.isOf(req.Header) || headers.isOf(req.Header.Clone()) || headers.isOf(nil) {
		t.Error("of another map")
	}
	for _, encoding := range []string{"", "gzip", ""} {
		req.Header.Set("Content-Encoding", encoding)
		req.Body, _ = req.GetBody()
		if encoding == "gzip" {
			if b.Inspect(req.Header); !headers.isOf(req.Header) {
				t.Error("Inspect returned something else than the Body's own")
			}
		}
		if err := b.Load(req, testPaths); err != nil || (b.Skipped() == SkippedEncoding) != (encoding != "") {
			t.Errorf("%q: %v, skipped %q", encoding, err, b.Skipped())
		}
	}
	other := post(t, `{}`)
	other.Header = http.Header{"X-Goog-Api-Key": {"k"}}
	b.Inspect(req.Header)
	if err := b.Load(other, testPaths); err != nil || headers.Credentials.GoogleKey != "k" || !headers.isOf(other.Header) {
		t.Errorf("%v, %+v", err, headers)
	}
}
