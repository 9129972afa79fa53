package llmtest

import "slices"

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

// element returns the i-th element of a streamed array, with what separates it from the
// others. An array of two is "[A\n" and ",\r\nB\n]".
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
