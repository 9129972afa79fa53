package transport

import (
	"errors"
	"fmt"
)

// maxDepth is how deep a JSON document may nest: deeper nesting is an error. It is encoding/json's own limit.
const maxDepth = 10_000

// maxKey is longer than any watched key, even if it is written in escapes. A longer key never matches.
const maxKey = 128

var (
	errTruncated = errors.New("transport: JSON ends too early")
	errTooLong   = errors.New("transport: JSON is longer than 2 GB")
	errRepeats   = fmt.Errorf("transport: JSON repeats members more than %d times", maxMembers)
	errDepth     = fmt.Errorf("transport: JSON nests deeper than %d", maxDepth)
)

// A scanner finds watched members of one JSON document that arrives in pieces, and checks that the document is
// well formed. It does not check the contents of strings: the reader of a string does that. It keeps no more of the
// document than the values at the watched paths, up to a limit for each. The zero scanner is not ready: call reset. It is
// not safe for concurrent use.
//
// It is a state machine over bytes, and can stop between any two of them. Say that {"model":"gpt"} arrives in two pieces:
//
//	piece       state after it     what is kept
//	{"mod       inString, isKey    keyBuf holds mod
//	el":"gpt"}  scanDone           the member model with the value "gpt", quotes included
//
// A value that is split between pieces is copied piece by piece: capture is where it begins in the current one.
type scanner struct {
	matcher

	state   scanState
	isKey   bool     // the string being read is a key
	slash   bool     // the string's last piece ended in a backslash that escapes the next byte
	lit     string   // the rest of true, false or null
	off     int      // document offset of the chunk being read
	depth   int      // how many objects and arrays enclose what comes next
	objects []uint64 // one bit a level: set where the level is an object

	keeps   bool         // values are copied
	limit   int          // longest value to copy
	capture int          // index in the chunk from which the active value is to be copied
	keyAt   int          // document offset of the key being read
	keyBuf  [maxKey]byte // the beginning of a key that is split between chunks
	keyLen  int          // > maxKey: longer than any watched name
	suspect string       // the last key, if it is an unknown field and its value has not begun
	err     error

	format Format // what a Documents reads with it; kept here because a scanner is used again
}

// reset makes the scanner ready for a document in which to find paths. Values longer than limit bytes are not kept. With
// limit 0 no value is copied: then only a document that the caller keeps has values.
func (s *scanner) reset(paths *Paths, limit int) {
	s.matcher.reset(paths)
	s.state, s.isKey, s.err = wantValue, false, nil
	s.keeps, s.limit = limit > 0, limit
	s.off, s.depth, s.objects = 0, 0, s.objects[:0]
	s.keyLen, s.slash, s.suspect = 0, false, ""
}

// complete reports whether the document has ended. Only white space may follow.
func (s *scanner) complete() bool { return s.state == scanDone }

// close says that the document ends here, and returns an error if it should not.
func (s *scanner) close() error {
	if s.err != nil {
		return s.err
	}
	switch s.state {
	case numZero, numInt, numFrac, numExp:
		if s.depth == 0 {
			s.state = scanDone
		}
	}
	if s.state != scanDone {
		s.fail(errTruncated)
	}
	return s.err
}

func (s *scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.state, s.open = scanFailed, -1
}

func (s *scanner) unexpected(c byte, at int) {
	s.fail(fmt.Errorf("transport: JSON: unexpected %q at offset %d", c, s.off+at))
}

// drop forgets what the scanner has found.
func (s *scanner) drop() {
	s.Fields = Fields{copied: s.copied, members: s.members[:0], elements: elements{ranges: s.elements.ranges[:0]}}
}

// next reads the next piece of the document, and nothing after its end. It returns how many bytes it took: all of p if the
// document goes on, or is not valid. A document that is only a number ends with the byte after it.
func (s *scanner) next(p []byte) int { return s.read(p, true) }

// read reads p, up to the document's end if stop is set, and returns how many bytes it took.
func (s *scanner) read(p []byte, stop bool) int {
	if len(p) > maxDocument-s.off {
		s.fail(errTooLong)
		return len(p)
	}
	s.capture = 0
	i := 0
	for i < len(p) && !(stop && s.state == scanDone) {
		switch s.state {
		case inString:
			i = s.readString(p, i)
		case inLiteral:
			i = s.readLiteral(p, i)
		case numMinus, numZero, numInt, numDot, numFrac, numE, numESign, numExp:
			i = s.readNumber(p, i)
		case scanFailed:
			return len(p)
		default:
			switch c := p[i]; {
			case isSpace(c):
				i++
			case s.state == wantCommaOrEnd:
				i = s.readCommaOrEnd(p, i, c)
			default:
				i = s.readToken(p, i, c)
			}
		}
	}
	if s.active > 0 && s.keeps {
		s.keep(p[s.capture:])
	}
	s.off += i
	return i
}

// readToken reads the byte c at p[i], which is neither white space nor within a string, number or literal, nor comes after
// a value.
func (s *scanner) readToken(p []byte, i int, c byte) int {
	switch s.state {
	case wantValue:
		return s.startValue(p, i, c)
	case wantFirstElement:
		if c != ']' {
			return s.startValue(p, i, c)
		}
		return s.leave(p, i)
	case wantFirstKey, wantKey:
		if c == '"' {
			s.isKey, s.keyAt, s.state = true, s.off+i, inString
			s.keyLen, s.hits, s.slash = 0, 0, false
			return i + 1
		}
		if c == '}' && s.state == wantFirstKey {
			return s.leave(p, i)
		}
	case wantColon:
		if c == ':' {
			s.state = wantValue
			return i + 1
		}
	}
	s.unexpected(c, i)
	return len(p)
}

// readCommaOrEnd reads the byte c at p[i], which comes after a value.
func (s *scanner) readCommaOrEnd(p []byte, i int, c byte) int {
	object := s.inObject()
	if c == ',' {
		s.state = wantValue
		if object {
			if s.state = wantKey; s.watching() {
				s.commas[s.level-1] = s.off + i
			}
		}
		return i + 1
	}
	if c == '}' && object || c == ']' && !object {
		return s.leave(p, i)
	}
	s.unexpected(c, i)
	return len(p)
}

// inObject reports whether the innermost container is an object. There must be one.
func (s *scanner) inObject() bool {
	top := s.depth - 1
	return s.objects[top>>6]&(1<<(top&63)) != 0
}

// watching reports whether the innermost container is a watched object: whether all containers around are on the stack.
func (s *scanner) watching() bool { return s.level == s.depth && s.level > 0 }

// startValue begins the value whose first byte is c = p[i].
func (s *scanner) startValue(p []byte, i int, c byte) int {
	switch {
	case s.active > 0:
		// The value is within a watched one. Only the elements of the chosen array are noted there.
		if s.depth == s.inside {
			s.elements.start(s.off + i)
		}
	case s.hits != 0 && s.watching():
		if !s.startMember(s.keyAt, s.off+i, s.depth, c) {
			s.fail(errRepeats)
			return len(p)
		}
		s.capture = i
	}
	if s.suspect != "" {
		if positive(c) {
			s.unknown = s.suspect
		}
		s.suspect = ""
	}
	switch {
	case c == '{' || c == '[':
		return s.enter(p, i, c == '{')
	case c == '"':
		s.isKey, s.state, s.slash = false, inString, false
	case c == '-':
		s.state = numMinus
	case c >= '0' && c <= '9':
		s.state = afterDigit(numMinus, c)
	default:
		return s.startLiteral(p, i, c)
	}
	return i + 1
}

// startLiteral begins true, false or null.
func (s *scanner) startLiteral(p []byte, i int, c byte) int {
	switch s.state = inLiteral; c {
	case 't':
		s.lit = "rue"
	case 'f':
		s.lit = "alse"
	case 'n':
		s.lit = "ull"
	default:
		s.unexpected(c, i)
		return len(p)
	}
	return i + 1
}

// enter begins the object or array at p[i].
func (s *scanner) enter(p []byte, i int, object bool) int {
	if s.depth == maxDepth {
		s.fail(errDepth)
		return len(p)
	}
	if s.depth>>6 == len(s.objects) {
		s.objects = append(s.objects, 0)
	}
	// The level may have been of the other kind before, so its bit is written in both cases.
	bit := uint64(1) << (s.depth & 63)
	if object {
		s.objects[s.depth>>6] |= bit
	} else {
		s.objects[s.depth>>6] &^= bit
	}
	// An object within an array is at a greater depth than any watched level: paths do not lead through arrays.
	if object && s.level == s.depth {
		s.enterObject(s.off+i, s.depth)
	}
	s.depth++
	s.state = wantFirstElement
	if object {
		s.state = wantFirstKey
	}
	return i + 1
}

// leave ends the object or array whose bracket is p[i].
func (s *scanner) leave(p []byte, i int) int {
	if s.watching() {
		s.leaveObject()
	}
	s.depth--
	s.endValue(p, i+1)
	return i + 1
}

// endValue notes that a value ended just before p[i].
func (s *scanner) endValue(p []byte, i int) {
	if s.active > 0 {
		if s.watching() {
			s.endMember(s.off+i, !s.keeps || s.keepEnd(p[s.capture:i]))
		} else if s.depth == s.inside {
			s.elements.end(s.off + i)
		}
	}
	s.state = wantCommaOrEnd
	if s.depth == 0 {
		s.state = scanDone
	}
}

// keep copies a part of the active value. It copies at most one byte more than the limit, so that keepEnd can see that the
// value is too long.
func (s *scanner) keep(part []byte) {
	room := s.limit + 1 - (len(s.copied) - int(s.members[s.active-1].from))
	s.copied = append(s.copied, part[:max(0, min(len(part), room))]...)
}

// keepEnd copies the end of the active value, and reports false if the value is too long to be kept.
func (s *scanner) keepEnd(part []byte) bool {
	s.keep(part)
	m := &s.members[s.active-1]
	if len(s.copied)-int(m.from) > s.limit {
		s.copied = s.copied[:m.from]
		return false
	}
	m.to = int32(len(s.copied))
	return true
}

// readString reads on in a key or string at p[i]. Of the string "a\"b" that is split as `"a\` and `"b"`, the first piece
// sets slash, so that the quote at the start of the second one does not end the string.
func (s *scanner) readString(p []byte, i int) int {
	from := i
	if s.slash {
		i++
	}
	end := stringEnd(p, i)
	if end < 0 {
		// An odd number of backslashes at the end leaves one that escapes the next byte.
		s.slash = slashesBefore(p[i:])&1 != 0
		s.keepKey(p[from:])
		return len(p)
	}
	if s.isKey {
		s.endKey(p[from:end])
	} else {
		s.endValue(p, end+1)
	}
	return end + 1
}

// keepKey keeps a part of a key of a watched object that is split between chunks.
func (s *scanner) keepKey(part []byte) {
	if !s.isKey || !s.watching() {
		return
	}
	if s.keyLen+len(part) > maxKey {
		s.keyLen = maxKey + 1
		return
	}
	s.keyLen += copy(s.keyBuf[s.keyLen:], part)
}

// endKey matches a complete key; rest is its part in this chunk.
func (s *scanner) endKey(rest []byte) {
	s.state = wantColon
	if s.watching() {
		key := rest
		if s.keyLen > 0 {
			s.keepKey(rest)
			key = s.keyBuf[:min(s.keyLen, maxKey)]
		}
		s.noteKey(s.keyAt)
		if s.active == 0 && s.keyLen <= maxKey {
			if s.hits = s.matchKey(key); s.hits == 0 && s.notable(key) {
				s.suspect = string(key)
			}
		}
	}
	s.isKey = false
}

// readLiteral reads on in true, false or null at p[i].
func (s *scanner) readLiteral(p []byte, i int) int {
	for i < len(p) && s.lit != "" {
		if p[i] != s.lit[0] {
			s.unexpected(p[i], i)
			return len(p)
		}
		s.lit = s.lit[1:]
		i++
	}
	if s.lit == "" {
		s.endValue(p, i)
	}
	return i
}

// readNumber reads on in a number at p[i]. A number has no end of its own: the byte after it ends it, and is not read here.
func (s *scanner) readNumber(p []byte, i int) int {
	for ; i < len(p); i++ {
		switch next := afterNumber(s.state, p[i]); next {
		case scanFailed:
			s.unexpected(p[i], i)
			return len(p)
		case wantCommaOrEnd:
			s.endValue(p, i)
			return i
		default:
			s.state = next
		}
	}
	return i
}
