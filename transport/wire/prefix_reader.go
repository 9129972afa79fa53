package wire

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/skinflint-go/skinflint/transport"
)

// The bounds of a PrefixReader. What exceeds one is a [Prefix.Problem].
const (
	prefixElements = 2048    // elements of a prefix; of more turns, the places are not known: see transport.Fields.Elements
	prefixNesting  = 128     // objects and arrays around a value
	prefixKey      = 1 << 10 // bytes of a member's name
	prefixWord     = 64      // bytes of a number
)

// A PrefixReader reads the prefix of a request's body while that is read for other reasons: it is one of the writers for
// [transport.Body.Load]. The body may come in pieces of any size. It holds a few KB, and no more however long the body is:
// texts are hashed as they come.
//
// It takes any bytes, and reports what is wrong as [Prefix.Problem]. It is not safe for concurrent use.
type PrefixReader struct {
	shape   *PrefixShape
	prefix  Prefix
	element Element // the one that is being read, if open
	open    bool
	bare    bool // the element's value is the content itself, and no object that has it
	seen    [aToolConfig + 1]bool

	// The lexer.
	state    prefixState
	offset   int // of the piece that is being read
	levels   []level
	next     valueKind // what the next value is
	wrapped  bool      // the string that is being read stands for a block
	escape   [12]byte  // the beginning of an escape that is split between pieces
	escaped  int       // its length
	word     [prefixWord]byte
	words    int // length of the word
	slash    bool
	contents int // the depth of the content of the turn itself

	canon canon
}

// A valueKind says what a value is to the reader.
type valueKind uint8

const (
	unread      valueKind = iota // it does not count
	aTurns                       // all turns
	aSystem                      // a system instruction
	aTools                       // all tools
	aToolConfig                  // which tools to use
	aDocument                    // the body
	aTurn                        // one turn
	aTool                        // one tool
	aContent                     // the blocks of a turn, of a system instruction, or of a block
	aBlock                       // one block
	aRole                        // the role of a turn
	aType                        // the type of a block, or of a turn
	aMarker                      // a cache marker of the caller's
	aReference                   // something before the context, which the provider holds
	aValue                       // any other
)

// A level is an object or an array that is being read.
type level struct {
	kind    valueKind
	array   bool
	one     bool // it is an object where an array is expected, and counts as an array with that one element
	own     bool // the names within belong to the program
	media   bool
	text    bool // a block has a member "text"
	typed   bool // a block has the type of a text
	untyped bool // a block has no type so far
	first   int  // the index of an object's first member in canon.members

	member      valueKind // what the value of the last name is
	memberOwn   bool      // the names within it belong to the program
	memberMedia bool      // it is media
	marks       marks     // what it says about the element, unless it is null
}

// marks are what is noted of an element.
type marks uint8

const (
	callMark marks = 1 << iota
	resultMark
	mediaMark
	otherMark
)

func (e *Element) mark(m marks) {
	e.ToolCall = e.ToolCall || m&callMark != 0
	e.ToolResult = e.ToolResult || m&resultMark != 0
	e.Media = e.Media || m&mediaMark != 0
	e.other = e.other || m&otherMark != 0
}

type prefixState uint8

const (
	prefixValue prefixState = iota // wants a value
	prefixFirst                    // wants an element or the end of the array
	prefixFirstKey
	prefixNextKey
	prefixColon
	prefixComma // wants a comma or the end of the container
	prefixText  // in a string that counts
	prefixName  // in a name that counts
	prefixSkip  // in a string that does not count
	prefixSkipName
	prefixInWord // in a number, or true, false or null
	prefixDone
	prefixFailed
)

var prefixReaders = sync.Pool{New: func() any { return new(PrefixReader) }}

// NewPrefixReader returns a reader for one body of an operation. The shape must not be nil.
func NewPrefixReader(shape *PrefixShape) *PrefixReader {
	r := prefixReaders.Get().(*PrefixReader)
	r.reset(shape)
	return r
}

func (r *PrefixReader) reset(shape *PrefixShape) {
	elements := r.prefix.Elements[:0]
	r.shape, r.prefix = shape, Prefix{Elements: elements, textOnly: shape.textOnly}
	r.open, r.bare, r.seen = false, false, [aToolConfig + 1]bool{}
	r.state, r.offset, r.levels, r.next = prefixValue, 0, r.levels[:0], aDocument
	r.wrapped, r.escaped, r.words, r.slash, r.contents = false, 0, 0, false, 0
	r.canon.reset()
}

// Release gives the reader back for another body. Neither it nor its [Prefix] may be used after that.
func (r *PrefixReader) Release() {
	r.shape = nil
	prefixReaders.Put(r)
}

// Prefix returns the prefix of the body, which has been written to its end. It is valid until [PrefixReader.Release].
func (r *PrefixReader) Prefix() *Prefix {
	p := &r.prefix
	if r.state != prefixDone && p.Problem == "" {
		r.fail("the body ends too early")
	}
	order := func(a, b Element) int { return int(a.Kind) - int(b.Kind) }
	if !slices.IsSortedFunc(p.Elements, order) {
		slices.SortStableFunc(p.Elements, order)
	}
	p.heads, p.Size = 0, 0
	for i := range p.Elements {
		p.Size += p.Elements[i].Size
		if p.Elements[i].Kind != TurnElement {
			p.heads = i + 1
		}
	}
	return p
}

// fail notes why the prefix cannot be used, and reads no further.
func (r *PrefixReader) fail(problem string) {
	if r.prefix.Problem == "" {
		r.prefix.Problem = problem
	}
	r.state = prefixFailed
}

const prefixInvalid = "the body is not valid JSON"

// Write reads the next piece of the body. It never fails.
func (r *PrefixReader) Write(p []byte) (int, error) {
	for i := 0; i < len(p) && r.state != prefixFailed; {
		switch r.state {
		case prefixText, prefixName:
			i = r.readText(p, i)
		case prefixSkip, prefixSkipName:
			i = r.skipText(p, i)
		case prefixInWord:
			i = r.readWord(p, i)
		default:
			c := p[i]
			if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
				r.token(c, r.offset+i)
			}
			i++
		}
	}
	r.offset += len(p)
	return len(p), nil
}

func (r *PrefixReader) top() *level { return &r.levels[len(r.levels)-1] }

// token reads the byte c, which is no white space, at an offset. It is not in a string or a word.
func (r *PrefixReader) token(c byte, at int) {
	switch r.state {
	case prefixFirst:
		if c == ']' {
			r.leave(at + 1)
			return
		}
		r.startElement(c, at)
	case prefixValue:
		if len(r.levels) > 0 && r.top().array {
			r.startElement(c, at)
			return
		}
		if c != 'n' && len(r.levels) > 0 {
			r.element.mark(r.top().marks)
		}
		r.start(r.next, c, at)
	case prefixFirstKey, prefixNextKey:
		if c == '}' && r.state == prefixFirstKey {
			r.leave(at + 1)
			return
		}
		r.startName(c)
	case prefixColon:
		if c != ':' {
			r.fail(prefixInvalid)
			return
		}
		r.state = prefixValue
	case prefixComma:
		r.comma(c, at)
	default: // after the end of the document
		r.fail(prefixInvalid)
	}
}

// comma reads the byte after a value.
func (r *PrefixReader) comma(c byte, at int) {
	array := r.top().array
	switch {
	case c == ',' && array:
		r.state = prefixValue
	case c == ',':
		r.state = prefixNextKey
	case c == ']' && array, c == '}' && !array:
		r.leave(at + 1)
	default:
		r.fail(prefixInvalid)
	}
}

// startElement begins an element of the innermost array.
func (r *PrefixReader) startElement(c byte, at int) {
	kind := unread
	l := r.top()
	if l.kind >= aTool || l.kind == aTools {
		r.canon.relieve()
	}
	switch l.kind {
	case unread:
	case aTurns:
		kind = aTurn
	case aTools:
		kind = aTool
		r.canon.push()
		r.element.Block = Block{Bytes: transport.Range{From: at}}
	case aContent:
		kind = aBlock
		if len(r.levels) == r.contents {
			r.element.Block = Block{Bytes: transport.Range{From: at}}
		}
	default:
		kind = aValue
	}
	r.start(kind, c, at)
}

// start begins a value whose first byte is c.
func (r *PrefixReader) start(kind valueKind, c byte, at int) {
	switch kind {
	case aDocument:
		if c != '{' {
			r.fail("the body is no JSON object")
			return
		}
	case aTurns:
		r.startTurns(c, at)
		return
	case aSystem, aTools, aToolConfig, aTurn:
		if !r.startPart(kind, c, at) {
			return
		}
		kind = r.next
	case aContent:
		r.startContent(c, at)
		return
	case aMarker:
		if c != 'n' {
			r.prefix.Marked, r.element.Marked = true, true
		}
		kind = unread
	case aReference:
		if c != 'n' {
			r.fail("its context begins with what the provider holds")
			return
		}
		kind = unread
	case aRole, aType:
		if c != '"' && kind == aRole {
			r.fail("a role is no string")
			return
		}
		kind = aValue
	}
	r.startValue(kind, c)
}

// startTurns begins the value that holds the turns.
func (r *PrefixReader) startTurns(c byte, at int) {
	switch {
	case c == '[':
		r.enter(level{kind: aTurns, array: true})
	case c == '{' && r.shape.format == googleFormat: // protocol buffers accept one value for a list
		r.prefix.single = true
		r.start(aTurn, c, at)
	case c == '"' && r.shape.format == responsesFormat: // the same as a turn of the user's with that text
		r.prefix.single = true
		if r.startElementOf(TurnElement, at) {
			r.element.Role = User
			r.startBare(c, at)
		}
	default:
		r.fail("the turns are no array")
	}
}

// startElementOf begins an element of the prefix.
func (r *PrefixReader) startElementOf(kind ElementKind, at int) bool {
	if len(r.prefix.Elements) == prefixElements {
		r.fail(fmt.Sprintf("it has more than %d elements", prefixElements))
		return false
	}
	r.element = Element{Kind: kind, Bytes: transport.Range{From: at}}
	r.open, r.bare, r.contents = true, false, 0
	r.canon.begin()
	return true
}

// startBare begins a value that is the content of an element.
func (r *PrefixReader) startBare(c byte, at int) {
	r.bare = true
	r.canon.put(tokenObject)
	r.canon.push()
	r.canon.put(tokenContent)
	r.startContent(c, at)
}

// startPart begins an element of the prefix whose value begins with c. It reports whether the value is yet to be begun, as
// r.next.
func (r *PrefixReader) startPart(kind valueKind, c byte, at int) bool {
	part := parts[kind]
	if strings.IndexByte(part.begins[r.shape.format], c) < 0 {
		r.fail(part.wrong)
		return false
	}
	if !r.startElementOf(part.element, at) {
		return false
	}
	switch r.next = kind; {
	case kind == aSystem && r.shape.format != googleFormat:
		r.startBare(c, at)
		return false
	case kind == aSystem:
		r.next = aTurn
	case kind == aToolConfig:
		r.next = aValue
	}
	return true
}

// parts are the values that are elements of a prefix, with what they may begin with.
var parts = [...]struct {
	element ElementKind
	begins  [4]string // by format
	wrong   string
}{
	aSystem: {
		SystemElement, [...]string{googleFormat: "{", chatFormat: "", responsesFormat: `"`, messagesFormat: `"[`},
		"the system instruction has the wrong type",
	},
	aTools: {ToolsElement, [...]string{"[", "[", "[", "["}, "the tools are no array"},
	aToolConfig: {
		ToolConfigElement, [...]string{googleFormat: "{", chatFormat: `{"`, responsesFormat: "", messagesFormat: ""},
		"the tool config has the wrong type",
	},
	aTurn: {TurnElement, [...]string{"{", "{", "{", "{"}, "a turn is no object"},
}

// startContent begins the content of a turn, of a system instruction or of a block. One text is the same as a block of it.
func (r *PrefixReader) startContent(c byte, at int) {
	own := r.contents == 0
	switch {
	case c == '[':
		if r.canon.put(tokenArray); own {
			r.contents = len(r.levels) + 1
		}
		r.enter(level{kind: aContent, array: true, untyped: true, media: r.media()})
	case c == '{' && r.shape.format == googleFormat: // protocol buffers accept one value for a list
		r.canon.put(tokenArray)
		r.enterObject(level{kind: aBlock, one: true, untyped: true})
	case c == '"' && r.shape.format != googleFormat:
		if own {
			r.contents = -1
			r.element.Block = Block{Bytes: transport.Range{From: at}, Type: "text", String: true}
		}
		r.canon.put(tokenArray)
		r.canon.put(tokenObject)
		r.canon.push()
		r.canon.buf = append(append(r.canon.buf, tokenKey), "text"...)
		r.canon.put(tokenEnd)
		r.wrapped = true
		r.startValue(aValue, c)
	case r.shape.format == googleFormat:
		r.fail("the parts of a turn are no array")
	default:
		r.element.other = true
		r.startValue(aValue, c)
	}
}

// media reports whether what is being read is media.
func (r *PrefixReader) media() bool { return len(r.levels) > 0 && r.top().media }

// startValue begins a value that is read as it is, or not at all.
func (r *PrefixReader) startValue(kind valueKind, c byte) {
	switch {
	case c == '{' && kind == unread:
		r.enter(level{kind: unread})
	case c == '{' && kind == aDocument:
		r.enter(level{kind: aDocument})
	case c == '{':
		r.enterObject(level{kind: kind, untyped: true})
	case c == '[':
		if kind != unread {
			r.canon.put(tokenArray)
		}
		r.enter(level{kind: kind, array: true})
	case c == '"' && kind == unread:
		r.state, r.slash = prefixSkip, false
	case c == '"':
		r.state = prefixText
		counts := r.countsNext()
		r.canon.beginText(counts, counts && r.element.Kind >= SystemElement)
	default:
		r.word[0], r.words, r.state = c, 1, prefixInWord
		r.next = kind
	}
}

// countsNext reports whether the string that begins now is text of the element.
func (r *PrefixReader) countsNext() bool {
	l := r.top()
	return !l.media && (l.array || !l.memberMedia && l.member != aRole && l.member != aType)
}

// enterObject begins an object that counts.
func (r *PrefixReader) enterObject(l level) {
	r.canon.put(tokenObject)
	r.canon.spill()
	l.first = len(r.canon.members)
	r.enter(l)
}

// enter begins an object or an array.
func (r *PrefixReader) enter(l level) {
	if len(r.levels) == prefixNesting {
		r.fail("it nests too deep")
		return
	}
	if len(r.levels) > 0 {
		around := r.top()
		l.media = l.media || around.media || around.memberMedia && !around.array
		l.own = around.own || around.memberOwn && !around.array
	}
	r.levels = append(r.levels, l)
	r.state = prefixFirstKey
	if l.array {
		r.state = prefixFirst
	}
}

// leave ends the innermost object or array just before an offset.
func (r *PrefixReader) leave(at int) {
	l := *r.top()
	r.levels = r.levels[:len(r.levels)-1]
	switch {
	case l.kind == unread, l.kind == aDocument, l.kind == aTurns:
	case l.array:
		r.canon.put(tokenEnd)
	default:
		r.endObject(&l)
	}
	r.end(at)
}

// endObject ends an object that counts.
func (r *PrefixReader) endObject(l *level) {
	members := len(r.canon.members) - l.first
	if !r.canon.sortMembers(l.first) {
		r.fail("an object has a member twice")
		return
	}
	if l.kind == aBlock && r.shape.format != googleFormat {
		r.element.other = r.element.other || !l.typed || !l.text || members > 2
		switch {
		case l.typed && !l.text:
			r.canon.put(tokenTyped)
		case l.text && l.untyped:
			r.canon.put(tokenUntyped)
		}
	}
	r.canon.put(tokenEnd)
	if l.one {
		r.canon.put(tokenEnd)
	}
}

// end notes that a value ended just before an offset.
func (r *PrefixReader) end(at int) {
	if r.state == prefixFailed {
		return
	}
	if r.state = prefixComma; len(r.levels) == 0 {
		r.state = prefixDone
		return
	}
	switch l := r.top(); {
	case l.kind == unread:
	case l.kind == aDocument, l.kind == aTurns:
		if r.open {
			r.endElement(at)
		}
	case l.kind == aTools && l.array:
		r.element.Block.Bytes.To = at
		r.element.Set += r.canon.popItem()
	case l.kind == aContent:
		if len(r.levels) == r.contents {
			r.element.Block.Bytes.To = at
		}
	case !l.array:
		r.endMember(l)
	}
}

// endElement ends an element of the prefix.
func (r *PrefixReader) endElement(at int) {
	e := &r.element
	if r.bare {
		r.canon.popPart()
		r.canon.put(tokenEnd)
	}
	e.Bytes.To = at
	r.settleRole(e)
	r.canon.put(tokenRole)
	r.canon.put(byte(e.Kind))
	r.canon.put(byte(e.Role))
	r.canon.finish(e)
	r.open = false
	if r.state != prefixFailed {
		r.prefix.Elements = append(r.prefix.Elements, *e)
	}
}

// settleRole decides which kind of an element a message of a system is, and which roles mean the same.
func (r *PrefixReader) settleRole(e *Element) {
	switch {
	case e.Kind == TurnElement && r.shape.format == googleFormat:
		if e.Role == NoRole {
			e.Role = User
		}
	case e.Kind == TurnElement && r.shape.format == chatFormat && (e.Role == SystemRole || e.Role == Developer):
		if n := len(r.prefix.Elements); n == 0 || r.prefix.Elements[n-1].Kind != TurnElement {
			e.Kind = SystemElement
		} else if r.shape.textOnly {
			r.fail("a system message follows the first turn")
		}
	}
	if e.Kind == SystemElement && e.Role == SystemRole {
		e.Role = NoRole
	}
	e.ToolResult = e.ToolResult || e.Role == ToolRole || e.Role == FunctionRole
}

// endMember ends a member of an object that counts.
func (r *PrefixReader) endMember(l *level) {
	var ok bool
	switch l.member {
	case aMarker:
		return
	case aRole:
		ok = r.readRole(r.canon.text())
	case aType:
		ok = r.readType(l, r.canon.text())
	}
	if r.canon.pop(ok); r.canon.pending() > prefixPending {
		r.fail("an object has too many members")
	}
}

// readRole reads the role of a turn, and reports whether it is known.
func (r *PrefixReader) readRole(name []byte) bool {
	if r.element.Kind == SystemElement {
		return true // a role of a system instruction does not count
	}
	role := roleOf(r.shape.format == googleFormat, name)
	r.element.Role = role
	return role != OtherRole
}

// readText reads on in a string or a name that counts.
func (r *PrefixReader) readText(p []byte, i int) int {
	if r.escaped > 0 {
		return r.resumeEscape(p, i)
	}
	for i < len(p) {
		if r.canon.full() && !r.drain() {
			return len(p)
		}
		if i += r.canon.copyPlain(p[i:]); i == len(p) {
			break
		}
		switch c := p[i]; {
		case c == '"':
			r.endText(r.offset + i)
			return i + 1
		case c == '\\':
			if i = r.readEscapes(p, i); r.escaped > 0 || r.state == prefixFailed {
				return i
			}
		case c < ' ':
			r.fail(prefixInvalid)
			return len(p)
		}
	}
	return i
}

// drain makes room for more of a text. It reports false for a name, which has to fit.
func (r *PrefixReader) drain() bool {
	if r.state == prefixName {
		r.fail("the name of a member is too long")
		return false
	}
	r.canon.drainText()
	return true
}

// readEscapes reads the escapes at p[i], as far as there is room for them.
func (r *PrefixReader) readEscapes(p []byte, i int) int {
	if i += r.canon.copyEscapes(p[i:]); i == len(p) {
		return i
	}
	for i < len(p) && p[i] == '\\' && !r.canon.full() {
		n, char := readEscape(p[i:])
		if n < 0 {
			r.fail(badEscape(n))
			return len(p)
		}
		if n == 0 {
			r.escaped = copy(r.escape[:], p[i:])
			return len(p)
		}
		r.canon.putRune(char)
		i += n
	}
	return i
}

// resumeEscape reads on in an escape that is split between pieces.
func (r *PrefixReader) resumeEscape(p []byte, i int) int {
	r.escape[r.escaped] = p[i]
	r.escaped++
	n, char := readEscape(r.escape[:r.escaped])
	switch {
	case n > 0:
		r.canon.putRune(char)
		r.escaped = 0
	case n < 0:
		r.fail(badEscape(n))
	}
	return i + 1
}

// endText ends a string or a name whose closing quote is at an offset.
func (r *PrefixReader) endText(at int) {
	if r.state == prefixName {
		r.endName()
		return
	}
	if !r.canon.endText(&r.element) {
		r.fail(notUTF8)
		return
	}
	r.canon.put(tokenEnd)
	if r.wrapped {
		r.wrapped = false
		r.canon.popPart()
		r.canon.put(tokenEnd)
		r.canon.put(tokenEnd)
		if r.contents < 0 {
			r.element.Block.Bytes.To = at + 1
		}
	}
	r.end(at + 1)
}

const notUTF8 = "a text is not valid UTF-8"

// skipText reads on in a string or a name that does not count.
func (r *PrefixReader) skipText(p []byte, i int) int {
	for ; i < len(p); i++ {
		switch c := p[i]; {
		case r.slash:
			r.slash = false
		case c == '\\':
			r.slash = true
		case c == '"':
			if r.state == prefixSkipName {
				r.state, r.next = prefixColon, unread
			} else {
				r.end(r.offset + i + 1)
			}
			return i + 1
		}
	}
	return i
}

// startName begins a name.
func (r *PrefixReader) startName(c byte) {
	switch l := r.top(); {
	case c != '"':
		r.fail(prefixInvalid)
	case l.kind == unread:
		r.state, r.slash = prefixSkipName, false
	default:
		r.state = prefixName
		r.canon.beginName()
	}
}

// endName ends a name that counts.
func (r *PrefixReader) endName() {
	l := r.top()
	raw := r.canon.name()
	r.state = prefixColon
	switch {
	case !utf8.Valid(raw):
		r.fail(notUTF8)
		return
	case len(raw) > prefixKey:
		r.fail("the name of a member is too long")
		return
	}
	if l.kind == aDocument {
		r.endDocumentName(l, raw)
		return
	}
	name := raw
	if r.shape.format == googleFormat && !l.own {
		name = googleName(raw)
	}
	l.member, l.memberOwn, l.memberMedia, l.marks = aValue, false, false, 0
	r.classify(l, name)
	r.next = l.member
	if l.member == aMarker {
		r.canon.dropName()
		return
	}
	if !l.media && (l.kind == aValue || l.kind == aTool) {
		r.element.Size += int64(len(name))
	}
	r.canon.endName(name, l.member == aContent)
}

// endDocumentName ends the name of a member of the body.
func (r *PrefixReader) endDocumentName(l *level, name []byte) {
	if r.shape.format == googleFormat {
		name = googleName(name)
	}
	l.member = r.shape.part(name)
	r.canon.dropName()
	if r.next = l.member; l.member > aToolConfig || l.member == unread {
		return
	}
	if r.seen[l.member] {
		r.fail(prefixNames[l.member] + " are there twice")
	}
	r.seen[l.member] = true
}

var prefixNames = [...]string{aTurns: "the turns", aSystem: "the system instructions", aTools: "the tools", aToolConfig: "the tool configs"}

// readWord reads on in a number, or in true, false or null.
func (r *PrefixReader) readWord(p []byte, i int) int {
	for ; i < len(p); i++ {
		switch c := p[i]; c {
		case ' ', '\n', '\t', '\r', ',', ']', '}':
			r.endWord(r.offset + i)
			return i
		}
		if r.words == len(r.word) {
			r.fail("a number is too long")
			return len(p)
		}
		r.word[r.words] = p[i]
		r.words++
	}
	return i
}

// endWord ends a word just before an offset.
func (r *PrefixReader) endWord(at int) {
	word := r.word[:r.words]
	var token byte
	switch string(word) {
	case "true":
		token = tokenTrue
	case "false":
		token = tokenFalse
	case "null":
		token = tokenNull
	default:
		if !isNumber(word) {
			r.fail(prefixInvalid)
			return
		}
	}
	switch {
	case r.next == unread:
	case token != 0:
		r.canon.put(token)
	default:
		r.canon.put(tokenNumber)
		r.canon.buf = append(r.canon.buf, word...)
		r.canon.put(tokenEnd)
		if !r.media() {
			r.element.Size += int64(len(word))
		}
	}
	r.end(at)
}

// isNumber reports whether a word is a number of JSON.
func isNumber(word []byte) bool {
	if len(word) > 0 && word[0] == '-' {
		word = word[1:]
	}
	whole := digits(word)
	if whole == 0 || whole > 1 && word[0] == '0' {
		return false
	}
	word = word[whole:]
	if len(word) > 1 && word[0] == '.' {
		n := digits(word[1:])
		if n == 0 {
			return false
		}
		word = word[1+n:]
	}
	return len(word) == 0 || isExponent(word)
}

// isExponent reports whether a word is the exponent of a number.
func isExponent(word []byte) bool {
	if word[0] != 'e' && word[0] != 'E' {
		return false
	}
	if word = word[1:]; len(word) > 0 && (word[0] == '+' || word[0] == '-') {
		word = word[1:]
	}
	return len(word) > 0 && digits(word) == len(word)
}

// digits returns how many digits a word begins with.
func digits(word []byte) (n int) {
	for n < len(word) && word[n] >= '0' && word[n] <= '9' {
		n++
	}
	return n
}
