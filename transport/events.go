package transport

import "bytes"

// An EventHandler receives the events of an [Events]. An event whose data came in one piece is given to Event. The
// data of any other comes in pieces, to Piece, in bounded memory however long it is, and then EndPieces is called; the
// lines of a multi-line event are joined by "\n", as the standard has it. Events without data are not reported.
//
// The name is that of the event's "event" field, cut at 64 bytes. All slices are valid until the method returns.
type EventHandler interface {
	Event(name, data []byte) Seen
	Piece(data []byte)
	EndPieces(name []byte) Seen
}

// Events takes a stream of server-sent events apart, as it arrives, wherever its pieces are split. It follows
// https://html.spec.whatwg.org/multipage/server-sent-events.html (LF, CRLF and CR, comments, a byte order mark),
// except that an event at the end of the stream counts even if its blank line is missing, and that a line which begins
// with a brace is data, with those after it up to the blank line: so Gemini reports an error in the middle of a stream.
// The zero Events with a Handler is ready. It is not safe for concurrent use.
type Events struct {
	Handler EventHandler

	started bool
	bom     int // bytes of a byte order mark seen at the start
	skipLF  bool
	tail    bool // that line feed belongs to the event just reported
	last    Seen // what was said of that event

	field   eventField
	head    [6]byte // the line's beginning, until its field is known
	headLen int
	space   bool // the next byte, if a space, follows the colon
	bare    bool // the event is data without a field's name

	ahead     int // how much of what comes next has been read already
	aheadSeen Seen

	lines  int    // data lines of the event so far
	held   []byte // the only data line so far, complete, in the chunk being read
	pieces bool   // pieces were given to Piece
	name   [64]byte
	named  int
}

type eventField uint8

const (
	fieldUnknown eventField = iota
	fieldData
	fieldEvent
	fieldOther
)

// Observe reads the stream up to a blank line, or to the end of p, and says how many bytes that took and what the handler
// said of the event that ended there, if one did. Events of which it has nothing to say may be taken together. The next
// call must go on where this one stopped. A nil p is the end of the stream.
func (e *Events) Observe(p []byte) (n int, seen Seen) {
	if p == nil {
		return 0, e.finish()
	}
	if e.ahead > 0 {
		n, e.ahead = e.ahead, 0
		return n, e.aheadSeen
	}
	if e.tail {
		e.tail = false
		if len(p) > 0 && p[0] == '\n' {
			e.skipLF = false
			return 1, e.last&SeenHide | SeenEnd
		}
	}
	i, start := e.skipStart(p), 0
	nl, cr := -1, -1 // the next line feed and carriage return at or after i; each byte is looked at once for either
	for i < len(p) {
		if nl < i {
			nl = indexFrom(p, i, '\n')
		}
		if cr < i {
			cr = indexFrom(p, i, '\r')
		}
		if e.field == fieldUnknown && e.headLen == 0 && e.lines == 0 && e.named == 0 {
			if data, next := oneLine(p, i, nl, cr); next > 0 {
				seen := e.Handler.Event(nil, data)
				if i = next; seen != 0 {
					return e.stop(start, i, seen)
				}
				start = i
				continue
			}
		}
		end := min(nl, cr)
		if end == len(p) {
			e.piece(p[i:], false)
			i = end
			break
		}
		blank := end == i && e.field == fieldUnknown && e.headLen == 0
		if !blank {
			e.piece(p[i:end], true)
		}
		i = end + 1
		if p[end] == '\r' {
			switch {
			case i == len(p):
				e.skipLF = true
			case p[i] == '\n':
				i++
			}
		}
		if blank {
			// Without an event, too: what came before it, such as a comment that keeps the connection alive, is over.
			seen := e.dispatch()
			e.tail, e.last = e.skipLF, seen
			if seen != 0 {
				return e.stop(start, i, seen)
			}
			start = i
		}
	}
	e.unhold()
	switch {
	case start == 0:
		return i, 0
	case start < i:
		e.ahead, e.aheadSeen = i-start, 0 // of an event that has yet to end
	}
	return start, SeenEnd
}

// stop ends a look at a stream with the event that ended before i, and of which the handler had something to say. Where
// others came before start, they are taken first, as this one may be one to hide.
func (e *Events) stop(start, i int, seen Seen) (int, Seen) {
	if start == 0 {
		return i, seen | SeenEnd
	}
	e.ahead, e.aheadSeen = i-start, seen|SeenEnd
	return start, SeenEnd
}

// oneLine returns the data of the event that begins at p[i], and the index after its blank line, given where the next line
// feed and carriage return stand. The index is 0 unless the event is one line of data, and all there.
func oneLine(p []byte, i, nl, cr int) (data []byte, next int) {
	if nl-i < 6 || nl == len(p) || string(p[i:i+5]) != "data:" {
		return nil, 0
	}
	from, to := i+5, nl
	switch rest := p[nl+1:]; {
	case cr > nl && len(rest) > 0 && rest[0] == '\n':
		next = nl + 2
	case cr == nl-1 && len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
		next = nl + 3
		to--
	default:
		return nil, 0
	}
	if p[from] == ' ' {
		from++
	}
	if from > to {
		return nil, 0
	}
	return p[from:to], next
}

func indexFrom(p []byte, i int, c byte) int {
	if at := bytes.IndexByte(p[i:], c); at >= 0 {
		return i + at
	}
	return len(p)
}

var newline = []byte{'\n'}

const byteOrderMark = "\xEF\xBB\xBF"

// skipStart returns how many bytes at the start of p are part of a byte order mark, or of a CRLF that was split.
func (e *Events) skipStart(p []byte) (i int) {
	for !e.started && i < len(p) {
		if e.bom == len(byteOrderMark) || p[i] != byteOrderMark[e.bom] {
			e.started = true
			if e.bom < len(byteOrderMark) && e.bom > 0 {
				// No mark after all: its bytes begin a line that is no field we know.
				e.field = fieldOther
			}
			break
		}
		e.bom++
		i++
	}
	if e.skipLF && i < len(p) {
		e.skipLF = false
		if p[i] == '\n' {
			i++
		}
	}
	return i
}

// piece reads a part of a line; complete says that the line ends with it.
func (e *Events) piece(p []byte, complete bool) {
	whole := e.field == fieldUnknown && e.headLen == 0 && complete
	if e.field == fieldUnknown {
		p = e.readField(p, complete)
	}
	if e.space && len(p) > 0 {
		e.space = false
		if p[0] == ' ' {
			p = p[1:]
		}
	}
	switch e.field {
	case fieldData:
		e.data(p, whole)
	case fieldEvent:
		e.named += copy(e.name[e.named:], p)
	}
	if complete {
		e.field, e.headLen, e.space = fieldUnknown, 0, false
	}
}

// readField reads the line up to its colon and returns the rest.
func (e *Events) readField(p []byte, complete bool) []byte {
	if e.bare || e.headLen == 0 && e.lines == 0 && len(p) > 0 && p[0] == '{' {
		e.bare = true
		e.startData()
		return p
	}
	n := copy(e.head[e.headLen:], p)
	head := e.head[:e.headLen+n]
	switch {
	case bytes.HasPrefix(head, []byte("data:")):
		e.startData()
		rest := p[5-e.headLen:]
		e.space = true
		return rest
	case bytes.HasPrefix(head, []byte("event:")):
		e.field, e.named, e.space = fieldEvent, 0, true
		return p[6-e.headLen:]
	case complete && n == len(p) && string(head) == "data":
		e.startData()
		return nil
	case complete && n == len(p) && string(head) == "event":
		e.field, e.named = fieldEvent, 0
		return nil
	case !bytes.HasPrefix([]byte("data:"), head) && !bytes.HasPrefix([]byte("event:"), head):
		e.field = fieldOther
		return nil
	}
	e.headLen += n
	return nil
}

func (e *Events) startData() {
	e.field = fieldData
	if e.lines++; e.lines > 1 {
		e.unhold()
		e.give(newline)
	}
}

func (e *Events) data(p []byte, whole bool) {
	if whole && e.lines == 1 {
		e.held = p
		return
	}
	if len(p) > 0 {
		e.give(p)
	}
}

func (e *Events) give(p []byte) {
	e.pieces = true
	e.Handler.Piece(p)
}

// unhold gives the held line away as a piece: another follows it, or the memory it stands in goes.
func (e *Events) unhold() {
	if e.held != nil {
		held := e.held
		e.held = nil
		e.give(held)
	}
}

// dispatch ends the event, if there is one.
func (e *Events) dispatch() (seen Seen) {
	name := e.name[:e.named]
	switch {
	case e.held != nil:
		seen = e.Handler.Event(name, e.held)
	case e.pieces:
		seen = e.Handler.EndPieces(name)
	case e.lines > 0:
		seen = e.Handler.Event(name, nil)
	}
	e.lines, e.held, e.pieces, e.named, e.bare = 0, nil, false, 0, false
	return seen
}

func (e *Events) finish() Seen {
	if e.field == fieldUnknown && e.headLen > 0 {
		e.piece(nil, true)
	}
	e.field, e.headLen = fieldUnknown, 0
	return e.dispatch() | SeenEnd
}
