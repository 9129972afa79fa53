package transport

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
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

func TestBodyAttach(t *testing.T) {
	req := post(t, `{"model":"m"}`)
	const lower = "content-length" // as some SDKs write it
	header := map[string][]string(req.Header)
	header[lower] = []string{"13"}
	counted := &closeCounter{Reader: req.Body}
	req.Body = counted
	var b Body
	if err := b.Load(req, testPaths); err != nil {
		t.Fatal(err)
	}
	if counted.closed != 1 {
		t.Errorf("the caller's body was closed %d times", counted.closed)
	}
	if b.Skipped() != "" || !b.Replayable() || b.Size() != 13 || b.Fields().Text(PathOf("model")) != "m" {
		t.Errorf("skipped %q, replayable %v, size %d", b.Skipped(), b.Replayable(), b.Size())
	}
	for range 2 {
		out := req.WithContext(t.Context())
		out.TransferEncoding = []string{"chunked"}
		if err := b.Attach(out, false, tierEdit); err != nil {
			t.Fatal(err)
		}
		const want = `{"service_tier":"flex","model":"m"}`
		if got := bodyOf(t, out); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if out.ContentLength != int64(len(want)) || out.TransferEncoding != nil || map[string][]string(out.Header)[lower][0] != "35" {
			t.Errorf("length %d, header %v, encoding %v", out.ContentLength, out.Header, out.TransferEncoding)
		}
	}
	if header[lower][0] != "13" || req.ContentLength != 13 {
		t.Error("the caller's request was changed")
	}
	plain := req.WithContext(t.Context())
	if err := b.Attach(plain, false); err != nil || bodyOf(t, plain) != `{"model":"m"}` || plain.ContentLength != 13 {
		t.Errorf("without edits: %v, %d", err, plain.ContentLength)
	}
}

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
	long := `{"model":"` + strings.Repeat("x", SmallBody) + `"}`
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

// A Body may be attached to many requests at once.
func TestBodyConcurrent(t *testing.T) {
	req := post(t, `{"model":"m"}`)
	var b Body
	if err := b.Load(req, testPaths); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			out := req.WithContext(t.Context())
			if err := b.Attach(out, false, tierEdit); err != nil {
				t.Error(err)
			}
			io.Copy(io.Discard, out.Body)
		})
	}
	all.Wait()
}

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
