package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep a JSON document may nest before a [Scanner] gives it up. It is encoding/json's own limit.
const MaxDepth = 10_000

// maxMembers is how often watched members may occur in a document, so that one which repeats them takes no memory.
const maxMembers = 255

// maxPathLen is how many names a watched path may have, and maxPaths how many paths a set may hold.
const (
	maxPathLen = 4
	maxPaths   = 64
)

var (
	errTruncated = errors.New("transport: JSON ends too early")
	errNotObject = errors.New("transport: JSON is not an object")
	errTooLong   = errors.New("transport: JSON is longer than 2 GB")
	errRepeats   = fmt.Errorf("transport: JSON repeats members more than %d times", maxMembers)
	errDepth     = fmt.Errorf("transport: JSON nests deeper than %d", MaxDepth)
)

// Paths is a set of members for a [Scanner] to find: "model" is a member of the document's own object,
// "response.usage" a member of the object that its member "response" holds. Paths do not lead through arrays.
// Where a path and one that leads on from it are both watched ("error" and "error.code"), the shorter one finds only
// values that are no objects. A Paths is immutable and safe for concurrent use.
type Paths struct {
	full  []string
	names [][]string
	all   uint64 // one bit a path
	deep  int    // the longest path's number of names

	// leads has, by level, the paths that have more names.
	leads [maxPathLen]uint64

	// sized has the names by level and length, as most keys differ in length.
	sized [maxPathLen][maxSized][]name
	ends  [maxPathLen]uint64 // the paths whose last name is of the level
	slots []uint8            // by Path: its number in full, and 1; 0 is not watched

	stray func(name []byte) bool // see WithStray
	under [maxPathLen]uint64     // the paths that have led through the object of strays before a level
}

// A name is a key at a level, and the paths that have it there.
type name struct {
	text  string
	paths uint64
}

// maxSized is the length of a name from which on names count as of one length.
const maxSized = 32

// NewPaths returns the set of the given paths. It holds at most 64 paths of at most 4 names each; those beyond are
// an error, as are empty names.
func NewPaths(paths ...string) (*Paths, error) {
	if len(paths) > maxPaths {
		return nil, fmt.Errorf("transport: %d JSON paths, at most %d", len(paths), maxPaths)
	}
	ps := &Paths{full: paths}
	for i, path := range paths {
		names := strings.Split(path, ".")
		for _, name := range names {
			if name == "" || len(names) > maxPathLen {
				return nil, fmt.Errorf("transport: JSON path %q: want 1 to %d names joined by dots", path, maxPathLen)
			}
		}
		ps.names = append(ps.names, names)
		ps.all |= 1 << i
		for level, name := range names {
			ps.addName(level, name, 1<<i)
			if level < len(names)-1 {
				ps.leads[level] |= 1 << i
			} else {
				ps.ends[level] |= 1 << i
			}
		}
		p := PathOf(path)
		if int(p) >= len(ps.slots) {
			ps.slots = append(ps.slots, make([]uint8, int(p)+1-len(ps.slots))...)
		}
		if ps.slots[p] == 0 {
			ps.slots[p] = uint8(i + 1)
		}
		ps.deep = max(ps.deep, len(names))
	}
	return ps, nil
}

func (ps *Paths) addName(level int, text string, path uint64) {
	names := &ps.sized[level][min(len(text), maxSized-1)]
	for i := range *names {
		if (*names)[i].text == text {
			(*names)[i].paths |= path
			return
		}
	}
	*names = append(*names, name{text, path})
}

// MustPaths is [NewPaths] for paths written in the source. It panics where NewPaths returns an error.
func MustPaths(paths ...string) *Paths {
	ps, err := NewPaths(paths...)
	if err != nil {
		panic(err)
	}
	return ps
}

// WithStray returns the same paths, with which a [Scanner] also notes a member that nobody watches: the first one with a
// positive number for a value, and a name that is notable, in the object called root, or in one within it that a path leads
// through. See [Fields.Stray].
func (ps *Paths) WithStray(root string, notable func(name []byte) bool) *Paths {
	with := *ps
	with.stray, with.under = notable, [maxPathLen]uint64{}
	for i, names := range ps.names {
		for level := 1; level < len(names); level++ {
			if slices.Contains(names[:level], root) {
				with.under[level] |= 1 << i
			}
		}
	}
	return &with
}

// match returns which of the candidates have key as their name at the level; 0 is the document's own object.
func (ps *Paths) match(candidates uint64, level int, key []byte) uint64 {
	names := ps.sized[level][min(len(key), maxSized-1)]
	for i := range names {
		if names[i].paths&candidates != 0 && names[i].text == string(key) {
			return names[i].paths & candidates
		}
	}
	return 0
}

// maxDocument is how long a document may be, so that offsets fit a member.
const maxDocument = math.MaxInt32

// A member is one occurrence of a watched path. All offsets count from the document's first byte.
type member struct {
	key        int32 // of the key's opening quote
	value, end int32 // of the value's first byte, and one past its last
	comma      int32 // of the comma before the key; -1 for the object's first member
	next       int32 // of the key after this one; -1 for the object's last member
	ord        int32 // how many members of the object stand before it
	from, to   int32 // of the value in Fields.copied, where copies are kept
	path       uint8
}

// Fields is what a [Scanner] found: the watched members of one JSON document.
type Fields struct {
	paths   *Paths
	src     []byte // the document, where the caller keeps it; else values are copies
	copied  []byte
	members []member
	open    int // offset of the top-level object's brace
	count   int // members of the top-level object, watched or not
	stray   string

	slots [maxPaths]uint8 // by path: its last member that is all there, and 1
	seen  uint64          // the paths of members
}

// Stray returns the name of a member that nobody watches and that [Paths.WithStray] asked for; "" if there was none.
func (f *Fields) Stray() string { return f.stray }

// Get returns the raw value at a path, and whether there is one. Of duplicates it returns the last, which is the one
// that most servers act on. A path that was not among those that the document was searched for has no value. The bytes
// are shared: they are valid until the next document, and must not be written to.
func (f *Fields) Get(p Path) ([]byte, bool) {
	raw, _ := f.Look(p)
	return raw, raw != nil
}

// Has reports whether the document has a member at a path, even if its value was too long to be kept.
func (f *Fields) Has(p Path) bool {
	_, there := f.Look(p)
	return there
}

// Look is [Fields.Get], and also reports whether the document has the member at all: its value is nil if it was too long
// to be kept.
func (f *Fields) Look(p Path) (raw []byte, there bool) {
	if f == nil || f.paths == nil || int(p) >= len(f.paths.slots) || f.paths.slots[p] == 0 {
		return nil, false
	}
	path := f.paths.slots[p] - 1
	at := f.slots[path&(maxPaths-1)]
	if at == 0 {
		return nil, f.seen&(1<<path) != 0
	}
	m := &f.members[at-1]
	if f.src != nil {
		return f.src[m.value:m.end:m.end], true
	}
	return f.copied[m.from:m.to:m.to], true
}

// Text returns the value at a path as a string, unquoted; "" if there is none or it is no string.
func (f *Fields) Text(p Path) string {
	raw, _ := f.Look(p)
	s, _ := Unquote(raw)
	return s
}

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
	numMinus
	numZero
	numInt
	numDot
	numFrac
	numE
	numESign
	numExp
	scanDone
	scanFailed
)

// A Scanner finds watched members of one JSON document that arrives in pieces, and checks that the document is
// well formed. What stands between the quotes of a string it does not check: that is for whoever reads the string. It
// keeps no more of the document than the values it was asked for, up to a limit for each. The zero Scanner is not
// ready: call [Scanner.Reset].
//
// It is not safe for concurrent use.
type Scanner struct {
	Fields

	state   scanState
	isKey   bool // the string being read is a key
	keeps   bool // values are copied
	limit   int  // longest value to copy
	off     int  // document offset of the chunk being read
	depth   int
	objects []uint64 // one bit a level: set where the level is an object
	lit     string   // what is left of true, false or null
	slash   bool     // the string's last piece ended in a backslash that escapes what follows

	// The path of keys that leads here, as far as it is watched.
	level   int                // how many enclosing levels are watched objects
	masks   [maxPathLen]uint64 // candidates at each of those levels
	hits    uint64             // candidates that the last key of the innermost watched object continues
	ords    [maxPathLen]int    // members seen in each
	commas  [maxPathLen]int    // the last comma in each
	lasts   [maxPathLen]int    // index+1 in members of the last watched member of each
	active  int                // index+1 in members of the value being read
	capture int                // index in the chunk from which the active value is to be copied
	keyAt   int                // document offset of the key being read
	keyBuf  [maxKey]byte       // the beginning of a key that is split
	keyLen  int                // > maxKey: longer than any watched name
	suspect string             // the last key, if it is a stray's
	err     error
}

// maxKey is longer than any key worth watching, escapes and all. A longer one is never a match.
const maxKey = 128

// Reset makes the Scanner ready for a document, of which it is to find paths. Values longer than limit bytes are
// not kept; with limit 0 none are copied, and only [Scanner.Scan] finds values.
func (s *Scanner) Reset(paths *Paths, limit int) {
	objects, copied, members := s.objects[:0], s.copied[:0], s.members[:0]
	s.Fields = Fields{paths: paths, copied: copied, members: members, open: -1}
	s.state, s.isKey, s.err = wantValue, false, nil
	s.keeps, s.limit = limit > 0, limit
	s.off, s.depth, s.objects = 0, 0, objects
	s.level, s.hits, s.active = 0, 0, 0
	s.keyLen, s.slash, s.suspect = 0, false, ""
}

// Scan reads a whole document that the caller keeps, and returns its watched members, which share src. It is
// [Scanner.Reset], one Write and [Scanner.Close] without the copies; the document must be an object.
func (s *Scanner) Scan(src []byte, paths *Paths) (*Fields, error) {
	s.Reset(paths, 0)
	s.src = src
	if s.whole(src) {
		return &s.Fields, nil
	}
	s.Reset(paths, 0)
	s.src = src
	if _, err := s.Write(src); err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	if s.open < 0 {
		return nil, errNotObject
	}
	return &s.Fields, nil
}

// Complete reports whether the document has ended, white space apart.
func (s *Scanner) Complete() bool { return s.state == scanDone }

// Err returns the first thing that was wrong with the document.
func (s *Scanner) Err() error { return s.err }

// Close says that the document ends here, and returns an error if it should not.
func (s *Scanner) Close() error {
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

func (s *Scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.state = scanFailed
}

func (s *Scanner) unexpected(c byte, at int) {
	s.fail(fmt.Errorf("transport: JSON: unexpected %q at offset %d", c, s.off+at))
}

var _ io.Writer = (*Scanner)(nil)

// Write reads the next piece of the document. It always takes all of p; the error is that of [Scanner.Err].
func (s *Scanner) Write(p []byte) (int, error) {
	if s.Whole(p) {
		s.detach() // p is the caller's again when Write returns
	} else {
		s.read(p, false)
	}
	return len(p), s.err
}

// Whole reads p if it is the whole document, as an answer often comes, and else reports false and has done nothing. The
// values found share p, and are gone with [Scanner.Drop].
func (s *Scanner) Whole(p []byte) bool {
	fresh := s.state == wantValue && s.off == 0 && s.depth == 0
	return fresh && s.keeps && len(p) > 1 && len(p) <= maxDocument && s.tryWhole(p)
}

// Drop lets go of what the Scanner has found.
func (s *Scanner) Drop() { s.Fields = Fields{copied: s.copied, members: s.members[:0]} }

// Next reads the next piece of the document, and nothing that stands behind its end. It returns how many bytes that
// took: all of p if the document goes on, or if something is wrong with it. A number at the document's top ends only
// with the byte after it.
func (s *Scanner) Next(p []byte) int { return s.read(p, true) }

// read reads p, up to the document's end if stop is set, and returns how many bytes it took.
func (s *Scanner) read(p []byte, stop bool) int {
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
			c := p[i]
			if c == ' ' || c == '\n' || c == '\t' || c == '\r' {
				i++
				continue
			}
			i = s.readToken(p, i, c)
		}
	}
	if s.active > 0 && s.keeps {
		s.keep(p[s.capture:])
	}
	s.off += i
	return i
}

func (s *Scanner) readLiteral(p []byte, i int) int {
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

// readToken reads the byte c at p[i], which is neither white space nor within a string, number or literal.
func (s *Scanner) readToken(p []byte, i int, c byte) int {
	switch s.state {
	case wantFirstElement:
		if c == ']' {
			return s.leave(p, i)
		}
		return s.startValue(p, i, c)
	case wantValue:
		return s.startValue(p, i, c)
	case wantFirstKey, wantKey:
		if c == '}' && s.state == wantFirstKey {
			return s.leave(p, i)
		}
		if c != '"' {
			s.unexpected(c, i)
			return len(p)
		}
		s.isKey, s.keyAt, s.state = true, s.off+i, inString
		s.keyLen, s.hits, s.slash = 0, 0, false
		return i + 1
	case wantColon:
		if c != ':' {
			s.unexpected(c, i)
			return len(p)
		}
		s.state = wantValue
		return i + 1
	case wantCommaOrEnd:
		switch {
		case c == ',' && s.inObject():
			if s.watching() {
				s.commas[s.level-1] = s.off + i
			}
			s.state = wantKey
			return i + 1
		case c == ',':
			s.state = wantValue
			return i + 1
		case c == '}' && s.inObject(), c == ']' && !s.inObject():
			return s.leave(p, i)
		}
	}
	s.unexpected(c, i)
	return len(p)
}

func (s *Scanner) inObject() bool {
	top := s.depth - 1
	return s.objects[top>>6]&(1<<(top&63)) != 0
}

// watching reports whether the innermost container is a watched object.
func (s *Scanner) watching() bool { return s.level == s.depth && s.level > 0 }

// startValue begins the value whose first byte is c = p[i].
func (s *Scanner) startValue(p []byte, i int, c byte) int {
	if s.watching() && s.active == 0 && s.hits != 0 {
		if s.startMember(i, c); s.state == scanFailed {
			return len(p)
		}
	}
	if s.suspect != "" {
		if c >= '1' && c <= '9' {
			s.stray = s.suspect
		}
		s.suspect = ""
	}
	switch c {
	case '{', '[':
		return s.enter(p, i, c == '{')
	case '"':
		s.isKey, s.state, s.slash = false, inString, false
	case 't':
		s.state, s.lit = inLiteral, "rue"
	case 'f':
		s.state, s.lit = inLiteral, "alse"
	case 'n':
		s.state, s.lit = inLiteral, "ull"
	case '-':
		s.state = numMinus
	case '0':
		s.state = numZero
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		s.state = numInt
	default:
		s.unexpected(c, i)
		return len(p)
	}
	return i + 1
}

// startMember notes the value at p[i], which begins with c, if the key before it completed a watched path.
func (s *Scanner) startMember(i int, c byte) {
	if c == '{' && s.hits&s.paths.leads[s.level-1] != 0 {
		return
	}
	if len(s.members) == maxMembers {
		s.fail(errRepeats)
		return
	}
	at := s.level - 1
	hit := s.hits & s.paths.ends[at]
	if hit == 0 {
		return
	}
	path := bits.TrailingZeros64(hit)
	s.seen |= 1 << path
	s.members = append(s.members, member{
		path: uint8(path), key: int32(s.keyAt), value: int32(s.off + i), comma: int32(s.commas[at]), next: -1,
		ord: int32(s.ords[at] - 1), from: int32(len(s.copied)),
	})
	s.active = len(s.members)
	s.lasts[at] = s.active
	s.capture = i
}

// endMember notes that the value being read ends before the given offset of the document, and whether it can be had.
func (s *Scanner) endMember(end int, kept bool) {
	m := &s.members[s.active-1]
	m.end = int32(end)
	if kept {
		s.slots[m.path&(maxPaths-1)] = uint8(s.active)
	}
	s.active = 0
}

func (s *Scanner) enter(p []byte, i int, object bool) int {
	if s.depth == MaxDepth {
		s.fail(errDepth)
		return len(p)
	}
	if s.depth>>6 == len(s.objects) {
		s.objects = append(s.objects, 0)
	}
	bit := uint64(1) << (s.depth & 63)
	if object {
		s.objects[s.depth>>6] |= bit
	} else {
		s.objects[s.depth>>6] &^= bit
	}
	if object && s.level == s.depth {
		s.enterObject(i, s.depth)
	}
	s.depth++
	s.state = wantFirstElement
	if object {
		s.state = wantFirstKey
	}
	return i + 1
}

// enterObject begins to watch the object at p[i] if it is the document itself, or the value of a key that a watched path
// goes on from.
func (s *Scanner) enterObject(i, depth int) {
	if s.paths == nil || s.active > 0 {
		return
	}
	mask := s.hits
	if depth == 0 {
		mask, s.open = s.paths.all, s.off+i
	}
	if mask != 0 && s.level < s.paths.deep {
		s.masks[s.level], s.ords[s.level], s.commas[s.level], s.lasts[s.level] = mask, 0, -1, 0
		s.level++
	}
}

func (s *Scanner) leave(p []byte, i int) int {
	if s.watching() {
		s.level--
		if s.level == 0 {
			s.count = s.ords[0]
		}
	}
	s.depth--
	s.endValue(p, i+1)
	return i + 1
}

// endValue notes that a value ended just before p[i].
func (s *Scanner) endValue(p []byte, i int) {
	if s.active > 0 && s.watching() {
		s.endMember(s.off+i, !s.keeps || s.keepEnd(p[s.capture:i]))
	}
	s.state = wantCommaOrEnd
	if s.depth == 0 {
		s.state = scanDone
	}
}

// keep copies a part of the active value, and one byte more than the limit at most, by which endValue knows.
func (s *Scanner) keep(part []byte) {
	room := s.limit + 1 - (len(s.copied) - int(s.members[s.active-1].from))
	s.copied = append(s.copied, part[:max(0, min(len(part), room))]...)
}

// keepEnd copies the end of the active value, and reports false if the value is too long to be kept.
func (s *Scanner) keepEnd(part []byte) bool {
	s.keep(part)
	m := &s.members[s.active-1]
	if len(s.copied)-int(m.from) > s.limit {
		s.copied = s.copied[:m.from]
		return false
	}
	m.to = int32(len(s.copied))
	return true
}

func (s *Scanner) readString(p []byte, i int) int {
	from := i
	if s.slash {
		i++
	}
	end := stringEnd(p, i)
	if end < 0 {
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

// stringEnd returns the index of the quote that closes the string whose contents go on at p[i]; -1 if it is not in p.
func stringEnd(p []byte, i int) int {
	for {
		at := bytes.IndexByte(p[i:], '"')
		if at < 0 {
			return -1
		}
		at += i
		if slashesBefore(p[i:at])&1 == 0 {
			return at
		}
		i = at + 1
	}
}

// slashesBefore returns how many backslashes p ends in.
func slashesBefore(p []byte) (n int) {
	for n < len(p) && p[len(p)-1-n] == '\\' {
		n++
	}
	return n
}

// keepKey keeps a part of a key of a watched object that is split between chunks.
func (s *Scanner) keepKey(part []byte) {
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
func (s *Scanner) endKey(rest []byte) {
	s.state = wantColon
	if s.watching() {
		key := rest
		if s.keyLen > 0 {
			s.keepKey(rest)
			key = s.keyBuf[:min(s.keyLen, maxKey)]
		}
		s.noteKey(s.keyAt)
		if s.active == 0 && s.keyLen <= maxKey {
			if s.hits = s.matchKey(key); s.hits == 0 && s.strays(key) {
				s.suspect = string(key)
			}
		}
	}
	s.isKey = false
}

// strays reports whether a key that leads nowhere is to be noted if its value is a positive number.
func (s *Scanner) strays(key []byte) bool {
	at := s.level - 1
	return s.paths.stray != nil && s.masks[at]&s.paths.under[at] != 0 && s.stray == "" && s.paths.stray(key)
}

// matchKey returns which paths a key of the innermost watched object continues.
func (s *Scanner) matchKey(key []byte) uint64 {
	at := s.level - 1
	if bytes.IndexByte(key, '\\') < 0 {
		return s.paths.match(s.masks[at], at, key)
	}
	text, ok := unescape(key)
	if !ok {
		return 0
	}
	return s.paths.match(s.masks[at], at, text)
}

// noteKey counts a key of the innermost watched object, which begins at the given offset of the document.
func (s *Scanner) noteKey(offset int) {
	at := s.level - 1
	s.keyAt = offset
	s.ords[at]++
	if last := s.lasts[at]; last > 0 {
		s.members[last-1].next = int32(offset)
		s.lasts[at] = 0
	}
}

func (s *Scanner) readNumber(p []byte, i int) int {
	for ; i < len(p); i++ {
		c := p[i]
		digit := c >= '0' && c <= '9'
		switch s.state {
		case numMinus:
			switch {
			case c == '0':
				s.state = numZero
			case digit:
				s.state = numInt
			default:
				s.unexpected(c, i)
				return len(p)
			}
			continue
		case numDot:
			if !digit {
				s.unexpected(c, i)
				return len(p)
			}
			s.state = numFrac
			continue
		case numE, numESign:
			switch {
			case digit:
				s.state = numExp
			case s.state == numE && (c == '+' || c == '-'):
				s.state = numESign
			default:
				s.unexpected(c, i)
				return len(p)
			}
			continue
		}
		switch {
		case digit && s.state != numZero:
		case c == '.' && (s.state == numZero || s.state == numInt):
			s.state = numDot
		case (c == 'e' || c == 'E') && s.state != numExp:
			s.state = numE
		default:
			s.endValue(p, i)
			return i
		}
	}
	return i
}

// Unquote returns the text of a raw JSON string, and whether raw is one. Invalid surrogates become U+FFFD.
func Unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	raw = raw[1 : len(raw)-1]
	if plain(raw) {
		return string(raw), true
	}
	text, ok := unescape(raw)
	return string(text), ok
}

// plain reports whether a string's contents stand for themselves.
func plain(p []byte) bool {
	for _, c := range p {
		if c == '"' || c == '\\' || c < 0x20 {
			return false
		}
	}
	return true
}

// unescape returns the text of a string's contents, and whether they are valid.
func unescape(raw []byte) ([]byte, bool) {
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
		switch raw[i] {
		case '"', '\\', '/':
			out = append(out, raw[i])
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, n := unicodeEscape(raw[i+1:])
			if n == 0 {
				return nil, false
			}
			out = utf8.AppendRune(out, r)
			i += n
		default:
			return nil, false
		}
	}
	return out, true
}

// unicodeEscape reads what follows \u, a low surrogate's escape included, and returns how many bytes that took.
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
