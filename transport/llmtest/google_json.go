package llmtest

import (
	"slices"
)

// spaced adds a space after each colon, as Google does in server-sent events.
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

// joinElements returns an array in the layout of a stream of JSON.
func joinElements(elements ...[]byte) (out []byte) {
	for i, b := range elements {
		out = append(out, element(b, i, i == len(elements)-1)...)
	}
	return out
}

// element returns the i-th element of a streamed array, with what separates it from the
// others. The bytes of an array of two are:
//
//	[{ "a": 1 }\n ,\r\n{ "a": 2 }\n]
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
