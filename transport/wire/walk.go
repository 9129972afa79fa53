package wire

import "bytes"

// This file walks through JSON values that are known to be valid, because they were found in a valid document.

// eachMember calls f for each member of an object: with the key in quotes, as it is written, and the raw value. It calls f
// for nothing if the value is no object.
func eachMember(object []byte, f func(key, value []byte)) {
	eachValue(object, '{', f)
}

// eachElement calls f for each element of an array. It calls f for nothing if the value is no array.
func eachElement(array []byte, f func(value []byte)) {
	eachValue(array, '[', func(_, value []byte) { f(value) })
}

// eachValue walks through a container that begins with the given bracket. The values of an array have no key.
func eachValue(p []byte, bracket byte, f func(key, value []byte)) {
	i := skipBlank(p, 0)
	if i == len(p) || p[i] != bracket {
		return
	}
	var key []byte
	for i++; i < len(p); {
		switch c := p[i]; {
		case c == '}' || c == ']':
			return
		case c == ',' || c == ':' || c <= ' ':
			i++
			continue
		}
		end := valueEnd(p, i)
		if bracket == '{' && key == nil {
			key = p[i:end]
		} else {
			f(key, p[i:end])
			key = nil
		}
		i = end
	}
}

func skipBlank(p []byte, i int) int {
	for i < len(p) && p[i] <= ' ' {
		i++
	}
	return i
}

// valueEnd returns the index behind the value that begins at p[i].
func valueEnd(p []byte, i int) int {
	depth := 0
	for i < len(p) {
		switch p[i] {
		case '"':
			if i = textEnd(p, i+1); depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // of the container around a number or a literal
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return len(p)
}

// textEnd returns the index behind the quote that ends the string whose text goes on at p[i].
func textEnd(p []byte, i int) int {
	for i < len(p) {
		at := bytes.IndexAny(p[i:], `"\\`)
		if at < 0 {
			return len(p)
		}
		if i += at + 1; p[i-1] == '"' {
			return i
		}
		i++ // what the backslash escapes
	}
	return len(p)
}
