package llmtest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// indented lays JSON out the way Google's front end does, and some of OpenAI's.
func indented(b []byte) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		panic(err) // it comes from encode
	}
	return out.Bytes()
}

// spaced puts a space after each colon, as Google's server-sent events have it.
func spaced(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/8)
	quoted, escaped := false, false
	for _, c := range b {
		out = append(out, c)
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case c == ':' && !quoted:
			out = append(out, ' ')
		}
	}
	return out
}

// joinElements makes a whole array of elements, as a stream of JSON has it.
func joinElements(elements ...[]byte) (out []byte) {
	for i, b := range elements {
		out = append(out, element(b, i, i == len(elements)-1)...)
	}
	return out
}

// element frames the i-th element of a streamed array.
func element(b []byte, i int, last bool) []byte {
	before, after := ",\r\n", "\n"
	if i == 0 {
		before = "["
	}
	if last {
		after = "\n]"
	}
	return slices.Concat([]byte(before), b, []byte(after))
}

// protoFields reads a request of Google's, whose keys may be camelCase or
// snake_case. They come out as camelCase. Where allowed is not nil, a key that is
// not among them is a flaw.
func protoFields(body []byte, allowed []string) (fields map[string]json.RawMessage, f *flaw) {
	var raw map[string]json.RawMessage
	if json.Unmarshal(body, &raw) != nil || raw == nil {
		return nil, &flaw{message: "Invalid JSON payload received. Could not parse it as an object."}
	}
	keys := make([]string, 0, len(raw))
	for key := range raw {
		keys = append(keys, key)
	}
	slices.Sort(keys) // so that of two flaws it is always the same that is named
	fields = make(map[string]json.RawMessage, len(raw))
	for _, key := range keys {
		name := camel(key)
		if allowed != nil && !slices.Contains(allowed, name) {
			f = first(f, unknownName(key))
		}
		fields[name] = raw[key]
	}
	return fields, f
}

// camel turns snake_case into camelCase.
func camel(key string) string {
	head, rest, ok := strings.Cut(key, "_")
	for ok {
		var part string
		part, rest, ok = strings.Cut(rest, "_")
		r, n := utf8.DecodeRuneInString(part)
		if n > 0 {
			head += string(unicode.ToUpper(r)) + part[n:]
		}
	}
	return head
}

// scanProto is scan with Google's words.
func scanProto(fields map[string]json.RawMessage, targets []target) (f *flaw) {
	for _, t := range targets {
		raw := fields[t.key]
		if present(raw) && json.Unmarshal(raw, t.to) != nil {
			f = first(f, badValue(t.key))
		}
	}
	return f
}
