package tokens

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// A counter is the [Counter] of [Heuristic]. It reads any bytes. If they are not JSON, its count
// means nothing, but it does not fail.
type counter struct {
	table *table
	size  int64 // bytes written

	prose    text      // texts of the prompt
	defined  text      // JSON that the model reads as it is
	into     *text     // the one that the current string is a part of
	keep     *keptText // keeps the beginning of the prose; nil if nothing does
	messages int64
	tools    bool  // the request has some
	ids      int64 // tokens that the request has as numbers
	media    media

	phase  phase
	form   bool
	naming bool   // a string is the name of a member
	member member // of the value that comes next
	depth  int    // how many objects and arrays are open
	frames [maxDepth]frame

	head  [headSize]byte // the name of a member, or the beginning of what may be a medium
	heads int
	kind  medium // of the medium that is being read; none if it is not known
	chars int64  // of it so far

	escape escape
}

const (
	maxDepth = 64 // those that are deeper are read as the last one
	headSize = 64
)

// A frame is an object or an array.
type frame struct {
	object  bool
	defined bool   // the model reads it as it is
	skipped bool   // nothing of it counts
	member  member // of the object or array itself
	mime    medium // of the medium in the object, as a member says
	waiting int64  // characters of a medium in the object whose kind is not known yet
}

// A phase is where the counter is in the body.
type phase uint8

const (
	phaseStart   phase = iota
	phaseOpaque        // a body that is no JSON
	phaseJSON          // between strings and scalars
	phaseScalar        // a number, or true, false or null
	phaseText          // a string that counts
	phaseSkipped       // a string that does not
	phaseName          // the name of a member
	phaseMIME          // the kind of a medium
	phaseHead          // the beginning of a string that may be a medium
	phaseMedium        // a medium
)

// reset makes the counter as new.
func (c *counter) reset() { *c = counter{table: theTable()} }

// Write implements [Counter].
func (c *counter) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	for i := 0; i < len(p); {
		switch c.phase {
		case phaseStart:
			i += c.readStart(p[i])
		case phaseOpaque:
			i = len(p)
		case phaseJSON:
			c.readJSON(p[i])
			i++
		case phaseScalar:
			i += c.readScalar(p[i:])
		default:
			i += c.readString(p[i:])
		}
	}
	return len(p), nil
}

// readStart finds out what the body is, and returns how many bytes it read.
func (c *counter) readStart(b byte) int {
	switch b {
	case ' ', '\n', '\r', '\t':
		return 1
	case '{', '[':
		c.phase = phaseJSON
	default:
		c.phase, c.form = phaseOpaque, b == '-'
	}
	return 0
}

// top returns the innermost object or array.
func (c *counter) top() *frame { return &c.frames[min(max(c.depth, 1), maxDepth)-1] }

// readJSON reads a byte between strings and scalars.
func (c *counter) readJSON(b byte) {
	f := c.top()
	switch b {
	case ' ', '\n', '\r', '\t':
		return
	case '"':
		c.startString(f)
		return
	case '{', '[':
		c.open(f, b == '{')
		f = c.top()
	case '}', ']':
		c.close(f)
	case ',':
		if c.naming = f.object; !f.object {
			c.member = f.member
		}
	case ':':
		c.naming = false
	default:
		c.startScalar(f, b)
		return
	}
	if f.defined {
		c.defined.writeByte(c.table, b)
	}
}

// open begins an object or an array in another one.
func (c *counter) open(within *frame, object bool) {
	f := frame{object: object, member: c.member}
	if c.depth > 0 {
		f.defined, f.skipped = within.defined, within.skipped
	}
	switch {
	case f.defined:
		c.tools = c.tools || object && c.depth == 2 && !within.object
	case f.skipped:
	case c.member == skippedMember:
		f.skipped = true
	case c.member == definingMember, c.member == inputMember && object && c.depth > 2: // the input of a tool
		f.defined = true
		c.defined.begin()
	}
	if c.naming = object; c.depth < maxDepth {
		c.frames[c.depth] = f
	}
	c.depth++
}

// close ends an object or an array.
func (c *counter) close(f *frame) {
	if f.waiting > 0 {
		c.addMedium(mediumOfMember(f.member), f.waiting)
		f.waiting = 0
	}
	c.depth = max(c.depth-1, 0)
}

// startScalar begins a number, or true, false or null.
func (c *counter) startScalar(f *frame, b byte) {
	c.phase = phaseScalar
	switch {
	case f.defined:
		c.defined.writeByte(c.table, b)
	case !f.object && f.member == inputMember && '0' <= b && b <= '9':
		c.ids++
	}
}

// readScalar reads on in a scalar, and returns how many bytes it read.
func (c *counter) readScalar(p []byte) int {
	defined := c.top().defined
	for i, b := range p {
		switch b {
		case ',', '}', ']', ':', '{', '[', '"', ' ', '\n', '\r', '\t':
			c.phase = phaseJSON
			return i
		}
		if defined {
			c.defined.writeByte(c.table, b)
		}
	}
	return len(p)
}

// startString begins a name or a value.
func (c *counter) startString(f *frame) {
	c.heads, c.chars, c.kind = 0, 0, noMedium
	switch {
	case f.skipped:
		c.phase = phaseSkipped
	case f.defined:
		c.phase, c.into = phaseText, &c.defined
		c.defined.writeByte(c.table, '"')
	case c.naming:
		c.phase = phaseName
	default:
		c.startValue()
	}
}

// startValue begins a string that is a value.
func (c *counter) startValue() {
	switch c.member {
	case roleMember:
		c.messages++
		c.phase = phaseSkipped
	case skippedMember:
		c.phase = phaseSkipped
	case mimeMember:
		c.phase = phaseMIME
	case mediaMember, imageMember, audioMember, videoMember, documentMember, referenceMember:
		c.phase = phaseHead
	default:
		c.startText()
	}
}

func (c *counter) startText() {
	c.phase, c.into = phaseText, &c.prose
	c.prose.begin()
}

// readString reads on in a string, and returns how many bytes it read.
func (c *counter) readString(p []byte) int {
	if c.escape.length > 0 {
		if c.escape.read(p[0]) {
			c.endEscape()
		}
		return 1
	}
	if c.escape.high != 0 && p[0] != '\\' {
		c.flushSurrogate()
	}
	n := c.readPlain(p)
	if n == len(p) || p[n] != '"' && p[n] != '\\' { // the phase may have changed
		return n
	}
	if p[n] == '"' {
		c.endString()
	} else {
		c.escape.length = 1
	}
	return n + 1
}

// readPlain reads bytes that stand for themselves, and returns how many they are.
func (c *counter) readPlain(p []byte) int {
	if c.phase == phaseText {
		n := c.into.writeString(c.table, p)
		if c.keep != nil {
			c.keepText(p[:n])
		}
		return n
	}
	n := len(p)
	if c.phase == phaseHead { // whose end may be in the middle of a piece
		n = min(n, headSize-c.heads)
	}
	if i := bytes.IndexByte(p[:n], '"'); i >= 0 {
		n = i
	}
	if i := bytes.IndexByte(p[:n], '\\'); i >= 0 {
		n = i
	}
	c.take(p[:n])
	return n
}

// take takes a piece of a string that is no text, or not known to be.
func (c *counter) take(p []byte) {
	switch c.phase {
	case phaseMedium:
		c.chars += int64(len(p))
	case phaseName, phaseMIME, phaseHead:
		c.heads += copy(c.head[c.heads:], p)
		if c.phase == phaseHead && c.heads == headSize {
			c.endHead(false)
		}
	}
}

// endEscape takes the character that an escape means.
func (c *counter) endEscape() {
	buf, n := c.escape.end()
	if c.phase != phaseText {
		for i := range n { // a head may end in the middle of it
			c.takeByte(buf[i])
		}
		return
	}
	c.writeText(buf[:n])
}

// writeText takes a piece of a text.
func (c *counter) writeText(p []byte) {
	c.into.write(c.table, p)
	if c.keep != nil {
		c.keepText(p)
	}
}

// keepText keeps a piece of a text that was counted, as long as there is room.
func (c *counter) keepText(p []byte) {
	k := c.keep
	if k.full || c.into != &c.prose {
		return
	}
	k.bytes = append(k.bytes, p[:min(len(p), maxExact-len(k.bytes))]...)
	k.full = len(k.bytes) == maxExact
}

func (c *counter) takeByte(b byte) {
	one := [1]byte{b}
	if c.phase == phaseText {
		c.writeText(one[:])
		return
	}
	c.take(one[:])
}

// flushSurrogate takes a surrogate whose second half does not follow.
func (c *counter) flushSurrogate() {
	c.escape.high = 0
	if c.phase == phaseText {
		c.writeText([]byte(string(utf8.RuneError)))
	}
}

// endString ends a string.
func (c *counter) endString() {
	if c.phase == phaseHead {
		c.endHead(true)
	}
	switch c.phase {
	case phaseName:
		c.member = memberOf(c.head[:c.heads])
	case phaseMIME:
		c.endMIME()
	case phaseMedium:
		c.endMedium()
	case phaseText:
		if c.into == &c.defined {
			c.defined.writeByte(c.table, '"')
		} else if c.keep != nil {
			c.keep.end()
		}
	}
	c.phase = phaseJSON
}

// endMIME ends the kind of a medium.
func (c *counter) endMIME() {
	f := c.top()
	f.mime = mediumOfType(c.head[:c.heads])
	if f.waiting > 0 && f.mime != noMedium {
		c.addMedium(f.mime, f.waiting)
		f.waiting = 0
	}
}

// endHead decides what a string is, of which the beginning is known, or all of it.
func (c *counter) endHead(whole bool) {
	head, f := c.head[:c.heads], c.top()
	switch {
	case len(head) == 0:
		c.phase = phaseSkipped
	case bytes.HasPrefix(head, []byte("data:")):
		c.phase, c.kind = phaseMedium, mediumOfURL(head)
		if c.kind == noMedium {
			c.kind = mediumOfMember(c.member)
		}
		if i := bytes.IndexByte(head, ','); i >= 0 {
			c.chars = int64(len(head) - i - 1)
		}
	case isBase64(head) && (!whole || mediumOfFile(head) != noMedium || f.mime != noMedium) && c.member != referenceMember:
		c.phase, c.kind, c.chars = phaseMedium, c.kindOf(head, f), int64(len(head))
	case c.member == mediaMember, bytes.IndexByte(head, ' ') >= 0:
		c.startText()
		c.writeText(head)
	default:
		c.phase = phaseSkipped
		c.refer(f)
	}
}

// kindOf returns the kind of a medium in base64; none if it is not known yet.
func (c *counter) kindOf(head []byte, f *frame) medium {
	if kind := mediumOfFile(head); kind != noMedium {
		return kind
	}
	if f.mime != noMedium {
		return f.mime
	}
	if kind := mediumOfMember(c.member); kind != noMedium {
		return kind
	}
	return mediumOfMember(f.member)
}

// refer counts a medium that is not in the request.
func (c *counter) refer(f *frame) {
	kind := f.mime
	if kind == noMedium {
		kind = mediumOfMember(c.member)
	}
	switch {
	case kind != noMedium:
	case f.member == mediaMember: // the source of an image or a document
		kind = image
	default: // in anything else, an address is a mere text, such as that of a citation
		kind = mediumOfMember(f.member)
	}
	if kind != noMedium {
		c.media.add(kind, remoteSizes[kind])
	}
}

// endMedium ends a medium in base64.
func (c *counter) endMedium() {
	if f := c.top(); c.kind == noMedium {
		f.waiting += c.chars
		return
	}
	c.addMedium(c.kind, c.chars)
}

// addMedium adds a medium of so many characters in base64.
func (c *counter) addMedium(kind medium, chars int64) {
	if kind != noMedium {
		c.media.add(kind, chars/4*3)
	}
}

// An escape is what was read of an escape in a string.
type escape struct {
	length uint8  // bytes read, the backslash included; 0 between escapes
	code   uint16 // that the digits of an escape have given until now
	done   byte   // the character of any other
	high   uint16 // the first half of a pair of surrogates whose second half may follow
}

// read reads the next byte of an escape, and reports whether it is the last.
func (e *escape) read(b byte) bool {
	e.length++
	if e.length == 2 {
		if b == 'u' {
			e.code, e.done = 0, 0
			return false
		}
		e.done = simpleEscapes[b]
		if e.done == 0 {
			e.done = b
		}
		return true
	}
	e.code = e.code<<4 | uint16(hexDigit(b))
	return e.length == 6
}

// end ends an escape, and returns the bytes that it means.
func (e *escape) end() (buf [2 * utf8.UTFMax]byte, n int) {
	length, high := e.length, e.high
	e.length, e.high = 0, 0
	r := rune(e.code)
	if length == 2 {
		r = rune(e.done)
	}
	switch {
	case high != 0 && length == 6:
		if pair := utf16.DecodeRune(rune(high), r); pair != utf8.RuneError {
			return buf, utf8.EncodeRune(buf[:], pair)
		}
		fallthrough
	case high != 0:
		n = utf8.EncodeRune(buf[:], utf8.RuneError)
	}
	if length == 6 && 0xd800 <= r && r < 0xdc00 {
		e.high = uint16(r)
		return buf, n
	}
	return buf, n + utf8.EncodeRune(buf[n:], r)
}

var simpleEscapes = [256]byte{'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f'}

// hexDigit returns the value of a digit; 0 of anything else.
func hexDigit(b byte) byte {
	switch {
	case '0' <= b && b <= '9':
		return b - '0'
	case 'a' <= b && b <= 'f':
		return b - 'a' + 10
	case 'A' <= b && b <= 'F':
		return b - 'A' + 10
	}
	return 0
}
