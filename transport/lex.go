package transport

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// A scanState says what may come next in a document that arrives in pieces.
type scanState uint8

const (
	wantValue scanState = iota
	wantFirstKey
	wantKey
	wantColon
	wantFirstElement
	wantCommaOrEnd
	inString
	inLiteral
	numMinus // in a number, after its minus
	numZero  // after a leading zero
	numInt   // after a digit before the point
	numDot   // after the point
	numFrac  // after a digit behind the point
	numE     // after the e
	numESign // after the sign of the exponent
	numExp   // after a digit of the exponent
	scanDone
	scanFailed
)

// afterNumber returns the state after the byte c of a number: wantCommaOrEnd if the number ended before c, and scanFailed
// if c is not valid there.
func afterNumber(state scanState, c byte) scanState {
	switch {
	case c >= '0' && c <= '9':
		return afterDigit(state, c)
	case c == '.' && (state == numZero || state == numInt):
		return numDot
	case c|0x20 == 'e' && (state == numZero || state == numInt || state == numFrac):
		return numE
	case (c == '+' || c == '-') && state == numE:
		return numESign
	case state == numMinus, state == numDot, state == numE, state == numESign:
		return scanFailed
	}
	return wantCommaOrEnd
}

func afterDigit(state scanState, c byte) scanState {
	switch state {
	case numMinus:
		if c == '0' {
			return numZero
		}
		return numInt
	case numZero:
		return wantCommaOrEnd // a digit after a leading zero: the caller then finds it where a comma should be
	case numDot:
		return numFrac
	case numE, numESign:
		return numExp
	}
	return state
}

// stringEnd returns the index of the quote that closes the string whose contents go on at p[i]; -1 if it is not in p.
func stringEnd(p []byte, i int) int {
	at := indexQuote(p, i)
	for at > i && p[at-1] == '\\' && slashesBefore(p[i:at])&1 != 0 {
		// Escaped quotes usually come in pairs, a few bytes apart: \"so\".
		i = at + 1
		if at = nearQuote(p, i); at < 0 {
			at = indexQuote(p, i)
		}
	}
	return at
}

// indexQuote returns the index of the first quote from p[i] on; -1 if there is none.
func indexQuote(p []byte, i int) int {
	at := bytes.IndexByte(p[i:], '"')
	if at < 0 {
		return -1
	}
	return i + at
}

// nearQuote returns the index of the first quote in the 16 bytes from p[i] on; -1 if there is none, or p ends before. For a
// quote that near it is faster than bytes.IndexByte. It examines eight bytes at once, as one integer: xored with eight
// quotes, it has a zero byte where a quote stands, and the lowest bit of (q-ones)&^q&tops is the top bit of the first zero
// byte.
func nearQuote(p []byte, i int) int {
	const ones, tops, quotes = 0x0101010101010101, 0x8080808080808080, 0x2222222222222222
	if i+16 > len(p) {
		return -1
	}
	q := binary.LittleEndian.Uint64(p[i:]) ^ quotes
	if hit := (q - ones) &^ q & tops; hit != 0 {
		return i + bits.TrailingZeros64(hit)>>3
	}
	q = binary.LittleEndian.Uint64(p[i+8:]) ^ quotes
	if hit := (q - ones) &^ q & tops; hit != 0 {
		return i + 8 + bits.TrailingZeros64(hit)>>3
	}
	return -1
}

// slashesBefore returns how many backslashes p ends in.
func slashesBefore(p []byte) (n int) {
	for n < len(p) && p[len(p)-1-n] == '\\' {
		n++
	}
	return n
}

// keyEnd is stringEnd for a key, which is usually short. It also reports whether the key holds an escape. It examines eight
// bytes at once: see nearQuote.
func keyEnd(p []byte, i int) (end int, escaped bool) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(p); i += 8 {
		w := binary.LittleEndian.Uint64(p[i:])
		q, b := w^ones*'"', w^ones*'\\'
		if hit := ((q-ones)&^q | (b-ones)&^b) & tops; hit != 0 {
			if i += bits.TrailingZeros64(hit) >> 3; p[i] == '"' {
				return i, false
			}
			return stringEnd(p, i), true
		}
	}
	for ; i < len(p); i++ {
		switch p[i] {
		case '"':
			return i, false
		case '\\':
			return stringEnd(p, i), true
		}
	}
	return -1, false
}

// nextToken returns the index of the next byte that is not white space, and the byte; len(p) and 0 if there is none.
func nextToken(p []byte, i int) (int, byte) {
	if i = skipSpace(p, i); i < len(p) {
		return i, p[i]
	}
	return i, 0
}

func skipSpace(p []byte, i int) int {
	for i < len(p) && isSpace(p[i]) {
		i++
	}
	return i
}

// isSpace reports whether c is white space between tokens.
func isSpace(c byte) bool {
	return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t')
}

// skipColon returns the index of the value behind the colon that comes next; -1 if there is no colon, or nothing behind.
func skipColon(p []byte, i int) int {
	if i = skipSpace(p, i); i == len(p) || p[i] != ':' {
		return -1
	}
	if i = skipSpace(p, i+1); i == len(p) {
		return -1
	}
	return i
}

// skipKey returns the index of the value whose key begins at p[i]; -1 if that is not valid.
func skipKey(p []byte, i int) int {
	if i == len(p) || p[i] != '"' {
		return -1
	}
	end, _ := keyEnd(p, i+1)
	if end < 0 {
		return -1
	}
	return skipColon(p, end+1)
}

// skipValue returns the index after the value that begins at p[i]; -1 if it is not valid, or nests deeper than 64.
func skipValue(p []byte, i int) int {
	switch c := p[i]; c {
	case '"':
		if i = stringEnd(p, i+1); i < 0 {
			return -1
		}
		return i + 1
	case '{', '[':
		return skipContainer(p, i)
	case 't':
		return skipWord(p, i, "true")
	case 'f':
		return skipWord(p, i, "false")
	case 'n':
		return skipWord(p, i, "null")
	}
	return skipNumber(p, i)
}

func skipWord(p []byte, i int, word string) int {
	if len(p)-i < len(word) || string(p[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

// skipContainer returns the index after the object or array that begins at p[i]; -1 if it is not valid.
func skipContainer(p []byte, i int) int {
	var objects uint64 // one bit a level, the innermost lowest: it is an object
	depth := 0
	for i < len(p) {
		// At p[i] a value begins.
		if c := p[i]; c == '{' || c == '[' {
			if depth == 64 {
				return -1
			}
			objects = objects<<1 | uint64(c>>5&1) // '{' is 0x7b, '[' is 0x5b
			depth++
			var next byte
			if i, next = nextToken(p, i+1); next != c+2 { // '}' is '{'+2, and ']' is '['+2
				if c == '{' {
					if i = skipKey(p, i); i < 0 {
						return -1
					}
				}
				continue
			}
			// It is empty: its bracket is dealt with below.
		} else if i = skipValue(p, i); i < 0 {
			return -1
		}
		// A value has ended, or an empty container is about to.
		for {
			var c byte
			if i, c = nextToken(p, i); c == ',' {
				break
			}
			if c != ']'+byte(objects&1)<<5 {
				return -1
			}
			i++
			objects >>= 1
			if depth--; depth == 0 {
				return i
			}
		}
		i = skipSpace(p, i+1)
		if objects&1 != 0 {
			if i = skipKey(p, i); i < 0 {
				return -1
			}
		}
	}
	return -1
}

// skipNumber returns the index after the number that begins at p[i]; -1 if none does.
func skipNumber(p []byte, i int) int {
	if i < len(p) && p[i] == '-' {
		i++
	}
	if i < len(p) && p[i] == '0' {
		i++
	} else if i = skipDigits(p, i); i < 0 {
		return -1
	}
	if i < len(p) && p[i] == '.' {
		if i = skipDigits(p, i+1); i < 0 {
			return -1
		}
	}
	if i < len(p) && p[i]|0x20 == 'e' {
		i++
		if i < len(p) && (p[i] == '+' || p[i] == '-') {
			i++
		}
		return skipDigits(p, i)
	}
	return i
}

// skipDigits returns the index after the digits that begin at p[i]; -1 if there is none.
func skipDigits(p []byte, i int) int {
	start := i
	for i < len(p) && p[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
