// Package jsontext decodes JSON strings. The packages around it find only the raw bytes of a string in a document.
package jsontext

import "unicode/utf8"

// Unquote returns the text of a raw JSON string such as "fl\u0065x", quotes included, and whether raw is a valid one. A
// surrogate without its other half becomes U+FFFD, as in encoding/json.
func Unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	raw = raw[1 : len(raw)-1]
	if Plain(raw) {
		return string(raw), true
	}
	text, ok := Unescape(raw)
	return string(text), ok
}

// Plain reports whether p can stand between the quotes of a JSON string without any escape.
func Plain(p []byte) bool {
	for _, c := range p {
		if c == '"' || c == '\\' || c < 0x20 {
			return false
		}
	}
	return true
}

// Unescape decodes the bytes between the quotes of a JSON string, and reports whether they are valid.
func Unescape(raw []byte) ([]byte, bool) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '"' || c < 0x20 {
			return nil, false
		}
		if c != '\\' {
			out = append(out, c)
			continue
		}
		if i++; i == len(raw) {
			return nil, false
		}
		if raw[i] == 'u' {
			r, n := unicodeEscape(raw[i+1:])
			if n == 0 {
				return nil, false
			}
			out = utf8.AppendRune(out, r)
			i += n
			continue
		}
		if c = simpleEscape(raw[i]); c == 0 {
			return nil, false
		}
		out = append(out, c)
	}
	return out, true
}

// simpleEscape returns the byte that a backslash and c stand for; 0 if they stand for none.
func simpleEscape(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// unicodeEscape reads what follows \u and returns the rune and how many bytes it took: 4, or 10 with the escape of a low
// surrogate behind a high one, as in \ud83d\ude00. It returns 0 bytes if the escape is not valid.
func unicodeEscape(p []byte) (rune, int) {
	r, ok := hex4(p)
	if !ok {
		return 0, 0
	}
	if r < 0xD800 || r >= 0xE000 {
		return r, 4
	}
	if r < 0xDC00 && len(p) >= 10 && p[4] == '\\' && p[5] == 'u' {
		if low, ok := hex4(p[6:]); ok && low >= 0xDC00 && low < 0xE000 {
			return (r-0xD800)<<10 | (low - 0xDC00) + 0x10000, 10
		}
	}
	return utf8.RuneError, 4
}

// hex4 reads the four hexadecimal digits that p begins with.
func hex4(p []byte) (r rune, ok bool) {
	if len(p) < 4 {
		return 0, false
	}
	for _, c := range p[:4] {
		r <<= 4
		switch {
		case c >= '0' && c <= '9':
			r |= rune(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r |= rune(c|0x20-'a') + 10
		default:
			return 0, false
		}
	}
	return r, true
}
