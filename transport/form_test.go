package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

const someBoundary = "0123456789abcdef"

// formOf is a multipart form, of fields and files in turn: "model", "gpt" is a field, "file:audio.mp3" a file's head.
func formOf(t testing.TB, boundary string, parts ...string) string {
	t.Helper()
	var b strings.Builder
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary(boundary); err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(parts, 2) {
		part, err := w.CreateFormField(pair[0])
		if name, file, ok := strings.Cut(pair[0], ":"); ok {
			part, err = w.CreateFormFile(name, file)
		}
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(part, pair[1])
	}
	w.Close()
	return b.String()
}

// postForm is a request with a form, which it can give again.
func postForm(t *testing.T, body, boundary string) *http.Request {
	t.Helper()
	req := post(t, body)
	req.Header.Set("Content-Type", mime.FormatMediaType("multipart/form-data", map[string]string{"boundary": boundary}))
	return req
}

// checkForm loads the form, and checks that it is sent as it is, although an edit is wanted.
func checkForm(t *testing.T, req *http.Request, body, skipped string) *Body {
	t.Helper()
	var b Body
	if err := b.Load(req, testPaths); err != nil {
		t.Fatal(err)
	}
	if b.Skipped() != skipped {
		t.Errorf("skipped %q, want %q", b.Skipped(), skipped)
	}
	out := req.WithContext(t.Context())
	if err := b.Attach(out, false, tierEdit); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(out.Body)
	if err != nil || string(got) != body || out.ContentLength != req.ContentLength {
		t.Errorf("sent %d bytes of %d, ContentLength %d of %d, %v", len(got), len(body), out.ContentLength, req.ContentLength, err)
	}
	if out.GetBody != nil && bodyOf(t, mustAttach(t, &b, req)) != body {
		t.Error("it is something else the second time")
	}
	return &b
}

func mustAttach(t *testing.T, b *Body, req *http.Request) *http.Request {
	t.Helper()
	out := req.WithContext(t.Context())
	if err := b.Attach(out, false); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFormFields(t *testing.T) {
	file := strings.Repeat("\x00\xff--0123456789abcde\r\n", 50_000) // 1 MB, full of what nearly ends it
	many := make([]string, 0, 2000)
	for i := range 1000 {
		many = append(many, fmt.Sprint("field", i), "x")
	}
	many[0], many[2*(maxFields-1)], many[2*maxFields] = "model", "stream", "usage"
	for _, test := range []struct {
		name  string
		parts []string
		want  string // as inShort says it
	}{
		{"before a file", []string{"model", "whisper-1", "file:a.mp3", file}, `model="whisper-1"`},
		{"after a file", []string{"file:a.mp3", file, "model", "whisper-1"}, `model="whisper-1"`},
		{"on either side", []string{"model", "whisper-1", "file:a.mp3", file, "stream", "true"}, `model="whisper-1" stream=true`},
		{"a file by the field's name is none", []string{"model:m", "no", "file:a.mp3", file}, ""},
		{"between small files", []string{"x:1", "1", "model", "m", "x:2", "2"}, `model="m"`},
		{"numbers", []string{"model", "1", "stream", "-0.5e3", "usage", "12345678901234567890"}, `model=1 stream=-0.5e3 usage=12345678901234567890`},
		{"truth values", []string{"stream", "true", "model", "false"}, `model=false stream=true`},
		{"nearly numbers", []string{"model", "007", "stream", "+1", "usage", "1.", "service_tier", "0x1"}, `model="007" service_tier="0x1" stream="+1" usage="1."`},
		{"other JSON is text", []string{"model", `{"a":1}`, "stream", "null", "usage", "[1]", "service_tier", `"flex"`}, `model="{\"a\":1}" service_tier="\"flex\"" stream="null" usage="[1]"`},
		{"True is text", []string{"stream", "True"}, `stream="True"`},
		{"text to be escaped", []string{"model", "a\"b\\c\r\nd\x00é"}, `model="a\"b\\c\r\nd\u0000é"`},
		{"nothing", []string{"model", ""}, `model=""`},
		{"several: the last counts", []string{"model", "a", "model", "b"}, `model="b"`},
		{"as long as can be", []string{"model", strings.Repeat("x", maxField)}, `model="` + strings.Repeat("x", maxField) + `"`},
		{"too long", []string{"model", strings.Repeat("x", maxField+1), "stream", "true"}, `stream=true`},
		{"a number that is too long", []string{"model", strings.Repeat("1", maxField+1), "stream", "true"}, `stream=true`},
		{"a thousand", many, `model="x" stream="x"`},
		{"array names are other names", []string{"model[]", "m", "timestamp_granularities[]", "word"}, ""},
		{"what has a path of several names is no field", []string{"response.usage", "1", "response", "2"}, ""},
		{"none", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := formOf(t, someBoundary, test.parts...)
			for how, change := range map[string]func(*http.Request){
				"in memory":       func(*http.Request) {},
				"unknown length":  func(req *http.Request) { req.ContentLength = -1 },
				"without GetBody": func(req *http.Request) { req.GetBody = nil },
				"byte by byte": func(req *http.Request) {
					req.Body = io.NopCloser(iotest.OneByteReader(req.Body))
					req.GetBody = func() (io.ReadCloser, error) {
						return io.NopCloser(iotest.HalfReader(strings.NewReader(body))), nil
					}
				},
				"lower-case key": func(req *http.Request) {
					req.Header = http.Header{"content-type": req.Header["Content-Type"]}
				},
			} {
				t.Run(how, func(t *testing.T) {
					req := postForm(t, body, someBoundary)
					change(req)
					skipped, want := SkippedForm, test.want
					if req.GetBody == nil && len(body) > smallBody {
						skipped, want = SkippedOnce, "" // it is not kept, so it cannot be read before
					}
					b := checkForm(t, req, body, skipped)
					if got := inShort(testPaths, b.Fields().Get, b.Fields().Has); got != want {
						t.Errorf("fields %q, want %q", got, want)
					}
				})
			}
		})
	}
}

// The boundary is that of the header, in every valid spelling.
func TestFormBoundaries(t *testing.T) {
	body := formOf(t, "a b:c'", "model", "m")
	for contentType, want := range map[string]string{
		`multipart/form-data; boundary="a b:c'"`:                   `model="m"`,
		`multipart/form-data; charset=utf-8; boundary="a b:c'"`:    `model="m"`,
		`Multipart/Form-Data; BOUNDARY="a b:c'"`:                   `model="m"`,
		`multipart/form-data; boundary*=utf-8''a%20b%3Ac%27`:       `model="m"`,
		`multipart/form-data; boundary=a b:c'`:                     "",
		`multipart/form-data; boundary="another"`:                  "",
		`multipart/form-data; boundary=""`:                         "",
		`multipart/form-data; boundary`:                            "",
		`multipart/form-data; boundary=x; boundary=y`:              "",
		`multipart/form-data`:                                      "",
		`multipart/form-data; boundary="\x00"`:                     "",
		`multipart/form-data; boundary=` + strings.Repeat("x", 99): "",
	} {
		req := post(t, body)
		req.Header.Set("Content-Type", contentType)
		b := checkForm(t, req, body, SkippedForm)
		if got := inShort(testPaths, b.Fields().Get, b.Fields().Has); got != want {
			t.Errorf("%s: fields %q, want %q", contentType, got, want)
		}
	}
}

// An invalid form is for the server to reject: the fields that could be read count, and it is sent as it is.
func TestBrokenForms(t *testing.T) {
	whole := formOf(t, someBoundary, "model", "m", "file:f", strings.Repeat("x", smallBody), "stream", "true")
	for name, test := range map[string]struct{ body, want string }{
		"cut in the file":        {whole[:smallBody], `model="m"`},
		"cut before the end":     {strings.TrimSuffix(whole, "--"+someBoundary+"--\r\n"), `model="m"`},
		"cut in the first field": {whole[:strings.Index(whole, "m\r\n")], ""},
		"cut in a header":        {whole[:30], ""},
		"JSON":                   {`{"model":"m"}`, ""},
		"binary":                 {"\x00\xff", ""},
		"only the end":           {"--" + someBoundary + "--", ""},
		"no name":                {"--" + someBoundary + "\r\nContent-Disposition: form-data\r\n\r\nm\r\n--" + someBoundary + "--", ""},
		"no disposition":         {"--" + someBoundary + "\r\n\r\nm\r\n--" + someBoundary + "--", ""},
		"not form-data":          {"--" + someBoundary + "\r\nContent-Disposition: attachment; name=model\r\n\r\nm\r\n--" + someBoundary + "--", ""},
		"a header without end":   {"--" + someBoundary + "\r\nX: " + strings.Repeat("x", 1<<20), ""},
		"headers without end":    {"--" + someBoundary + "\r\n" + strings.Repeat("X: y\r\n", 1<<18), ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := checkForm(t, postForm(t, test.body, someBoundary), test.body, SkippedForm)
			if got := inShort(testPaths, b.Fields().Get, b.Fields().Has); got != test.want {
				t.Errorf("fields %q, want %q", got, test.want)
			}
		})
	}
}

// A body that cannot be read again is an error of reading, not a form without fields.
func TestFormWhoseSourceFails(t *testing.T) {
	lost := errors.New("lost")
	body := formOf(t, someBoundary, "file:f", strings.Repeat("x", smallBody), "model", "m")
	for name, getBody := range map[string]func() (io.ReadCloser, error){
		"at once": func() (io.ReadCloser, error) { return nil, lost },
		"in the file": func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(body[:1000]), iotest.ErrReader(lost))), nil
		},
	} {
		req := postForm(t, body, someBoundary)
		counted := &closeCounter{Reader: req.Body}
		req.Body, req.GetBody = counted, getBody
		var b Body
		if err := b.Load(req, testPaths); !errors.Is(err, lost) || counted.closed != 1 {
			t.Errorf("%s: %v, closed %d times", name, err, counted.closed)
		}
	}
}

// The source that the form was read from is closed again.
func TestFormClosesItsSource(t *testing.T) {
	body := formOf(t, someBoundary, "model", "m", "file:f", strings.Repeat("x", smallBody))
	req := postForm(t, body, someBoundary)
	var opened []*closeCounter
	req.GetBody = func() (io.ReadCloser, error) {
		opened = append(opened, &closeCounter{Reader: strings.NewReader(body)})
		return opened[len(opened)-1], nil
	}
	var b Body
	if err := b.Load(req, testPaths); err != nil || len(opened) != 1 || opened[0].closed != 1 {
		t.Errorf("%v, opened %d", err, len(opened))
	}
}

// If there are two reasons to leave a body alone, a row always has the same one.
func TestFormThatIsEncoded(t *testing.T) {
	body := formOf(t, someBoundary, "model", "m")
	said := map[string]bool{}
	for range 100 {
		req := postForm(t, body, someBoundary)
		req.Header.Set("Content-Encoding", "gzip")
		var b Body
		if err := b.Load(req, testPaths); err != nil {
			t.Fatal(err)
		}
		said[b.Skipped()] = true
	}
	if len(said) != 1 {
		t.Errorf("it depends: %v", said)
	}
}

// The fields found are those that mime/multipart finds, and any body is sent as it is.
func FuzzForm(f *testing.F) {
	f.Add([]byte(formOf(f, "b", "model", "m", "file:f", "x", "stream", "true", "usage", "-1")), "b")
	f.Add([]byte(formOf(f, "a b", "model", "\x00\xff\"", "model", "2")), "a b")
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"model\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=\r\nb\r\n--b--"), "b")
	f.Add([]byte("--b\nContent-Disposition: form-data; name=model\n\nm\n--b"), "b")
	f.Fuzz(func(t *testing.T, raw []byte, boundary string) {
		contentType := mime.FormatMediaType("multipart/form-data", map[string]string{"boundary": boundary})
		if contentType == "" || boundary == "" || len(raw) == 0 {
			return
		}
		_, params, err := mime.ParseMediaType(contentType)
		if err != nil || params["boundary"] != boundary {
			return
		}
		b := checkForm(t, postForm(t, string(raw), boundary), string(raw), SkippedForm)
		form, err := multipart.NewReader(bytes.NewReader(raw), boundary).ReadForm(1 << 20)
		if err != nil {
			return
		}
		parts := 0
		for _, files := range form.File {
			parts += len(files)
		}
		for _, values := range form.Value {
			parts += len(values)
		}
		if parts > maxFields/2 {
			return
		}
		for _, path := range []string{"model", "service_tier", "stream", "usage"} {
			checkField(t, b, path, form.Value[path])
		}
	})
}

// checkField compares what was found of a form's field with its values.
func checkField(t *testing.T, b *Body, path string, values []string) {
	t.Helper()
	values = slices.DeleteFunc(values, func(v string) bool { return len(v) > maxField })
	got, ok := b.Fields().Get(PathOf(path))
	if ok != (len(values) > 0) {
		t.Fatalf("%s: found %v, of %q", path, ok, values)
	}
	if !ok {
		return
	}
	text, isString := jsontext.Unquote(got)
	if want := values[len(values)-1]; isString && text != string([]rune(want)) || !isString && string(got) != want {
		t.Fatalf("%s = %s, want %q", path, got, want)
	}
}
