package transport

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

var testPaths = MustPaths("model", "service_tier", "stream", "usage", "response.usage", "response.service_tier", "a.b.c")

func scan(t *testing.T, doc string) (*Fields, error) {
	t.Helper()
	f, err := Find([]byte(doc), testPaths)
	if err == nil && f.open < 0 {
		err = errNotObject
	}
	return f, err
}

func TestScan(t *testing.T) {
	for _, test := range []struct {
		name, doc, path, want string
	}{
		{"first", `{"model":"m","stream":true}`, "model", `"m"`},
		{"last", `{"model":"m","stream":true}`, "stream", `true`},
		{"spaces", "{ \"model\" :\t1e400 \r\n}\n", "model", `1e400`},
		{"long number", `{"model":12345678901234567890}`, "model", `12345678901234567890`},
		{"escaped key", `{"service\u005ftier":"flex"}`, "service_tier", `"flex"`},
		{"duplicate: the last counts", `{"model":1,"model":2}`, "model", `2`},
		{"value with escapes", `{"model":"a\"b\\"}`, "model", `"a\"b\\"`},
		{"object value", `{"usage":{"x":[1,{"y":"}"}]},"model":1}`, "usage", `{"x":[1,{"y":"}"}]}`},
		{"nested path", `{"response":{"id":1,"usage":{"n":1}},"usage":2}`, "response.usage", `{"n":1}`},
		{"nested path beside", `{"response":{"id":1,"usage":{"n":1}},"usage":2}`, "usage", `2`},
		{"three names", `{"a":{"b":{"d":1,"c":[1]}}}`, "a.b.c", `[1]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := scan(t, test.doc)
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := f.Get(PathOf(test.path)); !ok || string(got) != test.want {
				t.Errorf("Get(%q) = %q, %v, want %q", test.path, got, ok, test.want)
			}
		})
	}
}

func TestScanDoesNotFind(t *testing.T) {
	for name, doc := range map[string]string{
		"nested":                 `{"x":{"model":"m"}}`,
		"in an array":            `{"x":[{"model":"m"}]}`,
		"under a name, in array": `{"response":[{"usage":1}]}`,
		"as a value":             `{"x":"model"}`,
		"longer key":             `{"models":1,"mode":2,"model ":3}`,
		"empty":                  `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			f, err := scan(t, doc)
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range testPaths.full {
				if got, ok := f.Get(PathOf(path)); ok {
					t.Errorf("Get(%q) = %q, want none", path, got)
				}
			}
		})
	}
}

func TestScanRefuses(t *testing.T) {
	for _, doc := range []string{
		``, ` `, `[]`, `[{"model":1}]`, `"x"`, `null`, `1`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{,}`, `{"a" 1}`,
		`{"a":tru}`, `{"a":nul`, `{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":1e}`, `{"a":+1}`, `{"a":.5}`, `{"a":"\"}`, `{"a\":1}`, `{"a":1}}`, `{"a":1} x`, `{"a":1}{"b":2}`, `{"a":[1}`, `{"a":{]}`, "\xef\xbb\xbf{}",
		`{a:1}`, `{'a':1}`, `{"a":1;}`, `{"a":NaN}`, strings.Repeat("[", maxDepth+5),
		`{"a":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`,
	} {
		if f, err := scan(t, doc); err == nil {
			t.Errorf("Find(%.40q) = %v, want an error", doc, f)
		}
	}
}

func TestScanDeep(t *testing.T) {
	deep := `{"x":` + strings.Repeat(`[`, maxDepth-1) + strings.Repeat(`]`, maxDepth-1) + `,"model":"m"}`
	f, err := scan(t, deep)
	if err != nil {
		t.Fatal(err)
	}
	if f.Text(PathOf("model")) != "m" {
		t.Error("model not found behind deep nesting")
	}
}

// Values that arrive in pieces are copied up to the limit, and forgotten beyond it.
func TestScannerKeeps(t *testing.T) {
	doc := `{"model":"0123456789","usage":{"a":1},"stream":"` + strings.Repeat("x", 100) + `","service_tier":"flex"}`
	for size := 1; size <= len(doc); size++ {
		var s scanner
		s.reset(testPaths, 12)
		for part := range chunks(doc, size) {
			s.Write(part)
		}
		if err := s.close(); err != nil {
			t.Fatalf("pieces of %d: %v", size, err)
		}
		for path, want := range map[string]string{"model": `"0123456789"`, "usage": `{"a":1}`, "stream": "", "service_tier": `"flex"`} {
			got, ok := s.Get(PathOf(path))
			if string(got) != want || ok != (want != "") {
				t.Errorf("pieces of %d: Get(%q) = %q, %v, want %q", size, path, got, ok, want)
			}
		}
	}
}

func chunks(s string, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(s) > 0 {
			n := min(size, len(s))
			if !yield([]byte(s[:n])) {
				return
			}
			s = s[n:]
		}
	}
}

// blankStrings replaces what stands between quotes, which the scanner does not check.
func blankStrings(doc []byte) []byte {
	out := bytes.Clone(doc)
	for i, in := 0, false; i < len(out); i++ {
		switch {
		case out[i] == '"':
			in = !in
		case in && out[i] == '\\' && i+1 < len(out):
			out[i], out[i+1] = 'x', 'x'
			i++
		case in:
			out[i] = 'x'
		}
	}
	return out
}

// The scanner accepts what encoding/json accepts, strings apart, and finds what it finds, wherever the document is split.
func FuzzScanner(f *testing.F) {
	f.Add([]byte(`{"model":"m","service_tier":null,"x":[1,2,{"a":-1.5e+7}],"response":{"usage":{"b":[]}}}`), uint(3))
	f.Add([]byte(`{"service\u005ftier":"\ud83d\ude00","usage":1,"usage":2}`), uint(1))
	f.Add([]byte(`{"a\\\"":"\\","\q":"\x","usage":"\\\\\""}`), uint(2))
	f.Add([]byte(" [true,false,null,0,-0,1e400,\"\\u0000\"] "), uint(2))
	f.Fuzz(func(t *testing.T, doc []byte, size uint) {
		var s scanner
		s.reset(testPaths, 1<<20)
		for part := range chunks(string(doc), int(size%64)+1) {
			s.Write(part)
		}
		err := s.close()
		if valid := json.Valid(blankStrings(doc)); valid != (err == nil) {
			t.Fatalf("json.Valid = %v, scanner: %v", valid, err)
		}
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(doc, &want) == nil && want != nil {
			for _, path := range []string{"model", "service_tier", "stream", "usage"} {
				got, ok := s.Get(PathOf(path))
				raw, found := want[path]
				if ok != found || !bytes.Equal(bytes.TrimSpace(raw), got) {
					t.Fatalf("Get(%q) = %q, %v, want %q", path, got, ok, raw)
				}
			}
		}
		var whole scanner
		err = whole.scan(doc, testPaths)
		if object := bytes.HasPrefix(bytes.TrimSpace(doc), []byte("{")); err != nil || object != (whole.open >= 0) {
			t.Fatalf("an object: %v, found at %d, %v", object, whole.open, err)
		}
		fields := &whole.Fields
		if fields.count != s.count || fields.open != s.open {
			t.Fatalf("in pieces %d members at %d, whole %d at %d", s.count, s.open, fields.count, fields.open)
		}
		for i, m := range fields.members {
			o := s.members[i]
			m.from, m.to, o.from, o.to = 0, 0, 0, 0
			if m != o {
				t.Fatalf("in pieces %+v, whole %+v", o, m)
			}
		}
	})
}

// Values found are the scanner's own: what is later read into the same buffer does not change them.
func TestScannerDoesNotShare(t *testing.T) {
	buf := []byte(`{"model":"right","usage":{"n":1}}`)
	var s scanner
	s.reset(testPaths, 100)
	s.Write(buf)
	copy(buf, `{"model":"WRONG","usage":{"n":9}}`)
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	model, _ := s.Get(PathOf("model"))
	usage, _ := s.Get(PathOf("usage"))
	if string(model) != `"right"` || string(usage) != `{"n":1}` {
		t.Errorf("model %s, usage %s", model, usage)
	}
}
