package wire

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"unicode/utf8"
)

// beginText begins a string, which may count for the element's Size, Masked and Rest.
func (c *canon) beginText(counts, hinted bool) {
	c.put(tokenString)
	if c.room(); c.limit-len(c.buf) < prefixBuffer/2 {
		c.drain(len(c.buf))
	}
	c.from, c.checked, c.high, c.invalid = len(c.buf), len(c.buf), 0, false
	c.hints.at, c.counts, c.hinted = len(c.buf), counts, hinted
}

// full reports whether the text has to be drained before more of it is put into the buffer.
func (c *canon) full() bool { return c.limit-len(c.buf) < prefixRoom }

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// copyPlain copies the beginning of p that stands for itself, as far as there is room, and returns how long it is.
func (c *canon) copyPlain(p []byte) int {
	n := min(len(p), c.limit-len(c.buf))
	if n <= 0 {
		return 0
	}
	p = p[:n]
	at := len(c.buf)
	dst := c.buf[at : at+n]
	high := c.high
	i := 0
	for ; len(p)-i >= 8; i += 8 {
		w := binary.LittleEndian.Uint64(p[i:])
		binary.LittleEndian.PutUint64(dst[i:], w)
		// A byte of quote is zero where w has a quote, and of slash where it has a backslash. The lowest bit that is set in
		// special is of the first byte that is one of these, or a control character.
		quote, slash := w^'"'*ones, w^'\\'*ones
		special := ((quote-ones)&^quote | (slash-ones)&^slash | (w-' '*ones)&^w) & highs
		high |= w
		if special != 0 {
			i += bits.TrailingZeros64(special) / 8
			c.high = high
			c.buf = c.buf[:at+i]
			return i
		}
	}
	for ; i < len(p); i++ {
		b := p[i]
		if b == '"' || b == '\\' || b < ' ' {
			break
		}
		dst[i] = b
		high |= uint64(b)
	}
	c.high = high
	c.buf = c.buf[:at+i]
	return i
}

// copyEscapes copies the characters that p begins with, if they are written as \uXXXX and not in pairs, as far as there is
// room. It returns how long they are in p.
func (c *canon) copyEscapes(p []byte) (n int) {
	at, dst := len(c.buf), c.buf[:c.limit]
	for len(p)-n >= 6 && p[n] == '\\' && p[n+1] == 'u' && at+utf8.UTFMax <= len(dst) {
		q := p[n : n+6]
		d1, d2, d3, d4 := hexDigits[q[2]], hexDigits[q[3]], hexDigits[q[4]], hexDigits[q[5]]
		char := uint32(d1)<<12 | uint32(d2)<<8 | uint32(d3)<<4 | uint32(d4)
		if d1|d2|d3|d4 > 15 || char&0xF800 == 0xD800 {
			break
		}
		switch {
		case char < 0x80:
			dst[at] = byte(char)
			at++
		case char < 0x800:
			dst[at], dst[at+1] = 0xC0|byte(char>>6), 0x80|byte(char&0x3F)
			at += 2
		default:
			dst[at], dst[at+1], dst[at+2] = 0xE0|byte(char>>12), 0x80|byte(char>>6&0x3F), 0x80|byte(char&0x3F)
			at += 3
		}
		n += 6
	}
	c.buf = c.buf[:at]
	return n
}

// putRune puts a character of an escape into the text.
func (c *canon) putRune(char rune) {
	c.buf = utf8.AppendRune(c.buf, char)
}

// drainText hashes what is in the buffer of the text.
func (c *canon) drainText() {
	if c.check(false); c.hinted {
		c.hints.read(c.buf, false)
	} else {
		c.hints.at = len(c.buf)
	}
	to := min(c.checked, c.hints.at)
	start := c.frames[len(c.frames)-1].start
	c.drain(to)
	moved := to - start
	c.from, c.checked, c.hints.at = c.from-moved, c.checked-moved, c.hints.at-moved
}

// check checks that the text is valid UTF-8. Unless it ends here, its last character may be incomplete.
func (c *canon) check(ends bool) {
	if c.high&highs == 0 {
		c.checked = len(c.buf)
		return
	}
	text := c.buf[c.checked:]
	if !ends {
		text = text[:len(text)-incomplete(text)]
	}
	if !validUTF8(text) {
		c.invalid = true
	}
	c.checked += len(text)
}

// validUTF8 is utf8.Valid, and faster for texts of two and three bytes a character. It takes eight bytes at a time, and
// compares where continuation bytes are with where the bytes before want them. What needs a closer look is left to utf8.Valid.
func validUTF8(p []byte) bool {
	var wanted uint64 // the continuation bytes that the bytes before want in the next eight
	i := 0
	for ; len(p)-i >= 8; i += 8 {
		w := binary.LittleEndian.Uint64(p[i:])
		if w&highs|wanted == 0 {
			continue
		}
		lead := w & (w << 1) & highs    // 11......
		follow := w &^ (w << 1) & highs // 10......
		lead3 := lead & (w << 2)        // 111.....
		lead4 := lead3 & (w << 3)       // 1111....
		// Not every byte may follow 0xE0 and 0xED, and none 0xC0 and 0xC1.
		some := (w&(0x1E*ones) + 0x7F*ones) & highs
		low := w & (0x0F * ones)
		usual := (low + 0x7F*ones) & (low ^ 0x0D*ones + 0x7F*ones) & highs
		if lead4|lead&^lead3&^some|lead3&^usual != 0 || follow != lead<<8|lead3<<16|wanted {
			return utf8.Valid(p)
		}
		wanted = lead>>56 | lead3>>48
	}
	for ; wanted != 0; wanted = 0 {
		for i--; !utf8.RuneStart(p[i]); i-- {
		}
	}
	return utf8.Valid(p[i:])
}

// incomplete returns how many bytes at the end of a text are the beginning of a character.
func incomplete(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if b := text[len(text)-n]; utf8.RuneStart(b) {
			if utf8.FullRune(text[len(text)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}

// endText ends a string. It reports false if that is not valid UTF-8.
func (c *canon) endText(e *Element) bool {
	if c.check(true); c.hinted {
		c.hints.read(c.buf, true)
	}
	if c.counts {
		e.Size += int64(len(c.buf) - c.from)
	}
	return !c.invalid
}

// readEscape returns the length of the escape at the beginning of p, and the character that it stands for. The length is 0
// if p ends within the escape, -1 if it is not valid, and -2 if it is half of a surrogate pair.
func readEscape(p []byte) (n int, char rune) {
	if len(p) < 2 {
		return 0, 0
	}
	if p[1] != 'u' {
		if char = rune(simpleEscapes[p[1]]); char == 0 {
			return -1, 0
		}
		return 2, char
	}
	n, char = hexEscape(p)
	switch {
	case n <= 0, char < 0xD800, char > 0xDFFF:
		return n, char
	case char >= 0xDC00:
		return -2, 0
	}
	rest := p[6:]
	if len(rest) > 0 && rest[0] != '\\' || len(rest) > 1 && rest[1] != 'u' {
		return -2, 0
	}
	n, low := hexEscape(rest)
	switch {
	case n <= 0:
		return n, 0
	case low < 0xDC00 || low > 0xDFFF:
		return -2, 0
	}
	return 12, (char-0xD800)<<10 + (low - 0xDC00) + 0x10000
}

// hexEscape reads \uXXXX, with the results of readEscape.
func hexEscape(p []byte) (n int, char rune) {
	if len(p) < 6 {
		for i := 2; i < len(p); i++ {
			if hexDigits[p[i]] > 15 {
				return -1, 0
			}
		}
		return 0, 0
	}
	a, b, c, d := hexDigits[p[2]], hexDigits[p[3]], hexDigits[p[4]], hexDigits[p[5]]
	if a|b|c|d > 15 {
		return -1, 0
	}
	return 6, rune(a)<<12 | rune(b)<<8 | rune(c)<<4 | rune(d)
}

// badEscape returns the problem that a length of readEscape stands for.
func badEscape(n int) string {
	if n == -2 {
		return "a text has half of a surrogate pair"
	}
	return prefixInvalid
}

var (
	simpleEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
	hexDigits     = func() (digits [256]byte) { // 255 for what is no digit
		for c := range digits {
			digits[c] = 255
		}
		for i := range 16 {
			digits["0123456789abcdef"[i]], digits["0123456789ABCDEF"[i]] = byte(i), byte(i)
		}
		return digits
	}()
)

// hints are hashes of an element's text for reports, with digits masked: of its first line, and of what follows. Each string
// is read in steps of 16 bytes, whatever pieces it comes in.
type hints struct {
	at          int // up to here the text in the buffer has been read
	a, b        uint64
	length      int
	first, rest uint64
	lines       bool // the first line has ended
}

// Factors with which the hashes are mixed: the fractions of the golden ratio and of the square roots of 2 and 3.
const (
	mix1 = 0x9E3779B97F4A7C15
	mix2 = 0x6A09E667F3BCC909
	mix3 = 0xBB67AE8584CAA73B
)

// hintSeed makes the hashes other ones in each process.
var hintSeed = maphash.Bytes(prefixSeed, nil)

// read reads on in the text in the buffer. If the text ends here, read reads all of it.
func (h *hints) read(buf []byte, ends bool) {
	text := buf[h.at:]
	if !h.lines {
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			h.steps(text[:i+1])
			h.end(text[(i+1)&^15 : i+1])
			h.lines, h.at, text = true, h.at+i+1, text[i+1:]
		}
	}
	h.steps(text)
	h.at += len(text) &^ 15
	if ends {
		h.end(text[len(text)&^15:])
	}
}

// steps reads all whole steps of a text.
func (h *hints) steps(text []byte) {
	a, b := h.a, h.b
	h.length += len(text) &^ 15
	for ; len(text) >= 16; text = text[16:] {
		a = bits.RotateLeft64((a^masked(binary.LittleEndian.Uint64(text)))*mix1, 31)
		b = bits.RotateLeft64((b^masked(binary.LittleEndian.Uint64(text[8:])))*mix2, 29)
	}
	h.a, h.b = a, b
}

// end reads the end of a string, or of the first line, which is shorter than a step.
func (h *hints) end(tail []byte) {
	var last [16]byte
	h.length += copy(last[:], tail)
	length := h.length
	h.steps(last[:])
	sum := (h.a^uint64(length)*mix3^hintSeed)*mix1 ^ bits.RotateLeft64(h.b, 17)*mix2
	sum ^= sum >> 29
	to := &h.first
	if h.lines {
		to = &h.rest
	}
	*to = (bits.RotateLeft64(*to, 5)^sum)*mix3 + 1
	h.a, h.b, h.length = 0, 0, 0
}

// sums returns the hash of all of the text, and of what follows its first line.
func (h *hints) sums() (all, rest uint64) {
	return (h.first^bits.RotateLeft64(h.rest, 23))*mix1 ^ h.rest>>7, h.rest
}

// masked returns w with all digits replaced by 0, and with them the characters :;<=>? that follow them in ASCII.
func masked(w uint64) uint64 {
	high := w>>4&(0x0F*ones) ^ 0x03*ones // a byte is 0 where w has a digit
	digit := (0x10*ones - high) & (0x10 * ones)
	return w &^ (digit - digit>>4)
}
