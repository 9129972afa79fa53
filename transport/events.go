package transport

import (
	"bytes"
	"strings"
)

// An eventHandler receives the events of an [events]. If the data of an event came in one piece, event is called with it.
// Else piece is called for each piece, and endPieces at the end, so that an event of any length takes bounded memory. The
// lines of a multi-line event are joined by "\n", as in the standard. Events without data are not reported.
//
// The name is the value of the event's "event" field, cut at 64 bytes. All slices are valid until the method returns.
type eventHandler interface {
	event(name, data []byte) Seen
	piece(data []byte)
	endPieces(name []byte) Seen
}

// An events splits a stream of server-sent events into its events as it arrives, wherever its pieces are split. An events
// with a handler is ready. It is not safe for concurrent use. It follows
// https://html.spec.whatwg.org/multipage/server-sent-events.html (LF, CRLF and CR, comments), with two
// exceptions: an event at the end of the stream counts even if its blank line is missing, and a line that begins with a
// brace is data, as are the lines after it up to the blank line. Gemini reports an error in the middle of a stream in that
// form.
//
// Most streams consist of events of one line, which arrive whole, and are read by oneLine:
//
//	data: {"choices":[{"delta":{"content":"Hi"}}]}⏎
//	⏎
//
// Everything else goes through line and part, which can stop between any two bytes. After
//
//	event: message_start⏎
//	data: {"type":"mess   (the piece ends here)
//
// the name is message_start, the field is data, and its first part was given to piece.
type events struct {
	handler eventHandler

	skipLF bool // the last line ended in a carriage return, to which a line feed may still come
	tail   bool // that line feed belongs to the event just reported
	last   Seen // what the handler said of that event

	field   eventField // of the line being read
	head    [6]byte    // its beginning, until its field is known
	headLen int
	space   bool // the next byte, if a space, follows the colon
	bare    bool // the event is data without a field's name

	ahead     int // how many of the next bytes have been read already
	aheadSeen Seen

	lines  int    // data lines of the event so far
	held   []byte // the only data line so far, complete, in the chunk being read
	pieces bool   // pieces were given to the handler
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

// Observe reads the stream up to a blank line, or to the end of p. It returns how many bytes it took, and what the handler
// returned for the event that ended there, if one did. Several events for which the handler returned zero may be taken
// together. The next call must go on where this one stopped. A nil p is the end of the stream.
func (e *events) Observe(p []byte) (n int, seen Seen) {
	if p == nil {
		return 0, e.finish()
	}
	if n, seen := e.owed(p); n > 0 {
		return n, seen
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
		if e.fresh() {
			if data, next := oneLine(p, i, nl, cr); next > 0 {
				seen := e.handler.event(nil, data)
				if i = next; seen != 0 {
					return e.stop(start, i, seen)
				}
				start = i
				continue
			}
		}
		next, seen, ended := e.line(p, i, min(nl, cr))
		if i = next; !ended {
			continue
		}
		if seen != 0 {
			return e.stop(start, i, seen)
		}
		start = i
	}
	e.unhold()
	switch {
	case start == 0:
		return i, 0
	case start < i:
		e.ahead, e.aheadSeen = i-start, 0 // of an event that has not ended
	}
	return start, SeenEnd
}

// owed takes what Observe read in an earlier call without taking it, or the line feed of a split CRLF.
func (e *events) owed(p []byte) (n int, seen Seen) {
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
	return 0, 0
}

// fresh reports whether no event has begun.
func (e *events) fresh() bool {
	return e.field == fieldUnknown && e.headLen == 0 && e.lines == 0 && e.named == 0
}

// line reads the line that goes on at p[i], and ends at p[end] if it ends in p. It returns the index after it and, if it was
// blank, true and what the handler returned for the event that it ended, if there was one.
func (e *events) line(p []byte, i, end int) (next int, seen Seen, ended bool) {
	if end == len(p) {
		e.part(p[i:], false)
		return end, 0, false
	}
	blank := end == i && e.field == fieldUnknown && e.headLen == 0
	if !blank {
		e.part(p[i:end], true)
	}
	next = end + 1
	if p[end] == '\r' {
		switch {
		case next == len(p):
			e.skipLF = true
		case p[next] == '\n':
			next++
		}
	}
	if !blank {
		return next, 0, false
	}
	// There may be no event to end: a comment that keeps the connection alive, for example, is followed by a blank line too.
	seen = e.dispatch()
	e.tail, e.last = e.skipLF, seen
	return next, seen, true
}

// stop ends a call of Observe with the event that ended before i, and for which the handler did not return zero. Events
// before start are taken first, and this one with the next call, because it may be one to hide.
func (e *events) stop(start, i int, seen Seen) (int, Seen) {
	if start == 0 {
		return i, seen | SeenEnd
	}
	e.ahead, e.aheadSeen = i-start, seen|SeenEnd
	return start, SeenEnd
}

// oneLine returns the data of the event that begins at p[i], and the index after its blank line, given the indexes of the
// next line feed and carriage return. The index is 0 unless the event is one line of data, and complete.
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

// skipStart returns how many bytes at the start of p are part of a CRLF that was split.
func (e *events) skipStart(p []byte) (i int) {
	if e.skipLF && len(p) > 0 {
		e.skipLF = false
		if p[0] == '\n' {
			i++
		}
	}
	return i
}

// part reads a part of a line; complete says that the line ends with it.
func (e *events) part(p []byte, complete bool) {
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
func (e *events) readField(p []byte, complete bool) []byte {
	if e.bare || e.headLen == 0 && e.lines == 0 && len(p) > 0 && p[0] == '{' {
		e.bare = true
		e.startData()
		return p
	}
	n := copy(e.head[e.headLen:], p)
	head := e.head[:e.headLen+n]
	nameOnly := complete && n == len(p) // a line without a colon
	switch {
	case bytes.HasPrefix(head, []byte("data:")):
		e.startData()
		e.space = true
		return p[5-e.headLen:]
	case bytes.HasPrefix(head, []byte("event:")):
		e.field, e.named, e.space = fieldEvent, 0, true
		return p[6-e.headLen:]
	case nameOnly && string(head) == "data":
		e.startData()
		return nil
	case nameOnly && string(head) == "event":
		e.field, e.named = fieldEvent, 0
		return nil
	case !strings.HasPrefix("data:", string(head)) && !strings.HasPrefix("event:", string(head)):
		e.field = fieldOther
		return nil
	}
	e.headLen += n
	return nil
}

func (e *events) startData() {
	e.field = fieldData
	if e.lines++; e.lines > 1 {
		e.unhold()
		e.give(newline)
	}
}

func (e *events) data(p []byte, whole bool) {
	if whole && e.lines == 1 {
		e.held = p
		return
	}
	if len(p) > 0 {
		e.give(p)
	}
}

func (e *events) give(p []byte) {
	e.pieces = true
	e.handler.piece(p)
}

// unhold gives the held line to the handler as a piece: another line follows it, or the memory it stands in is the
// caller's again.
func (e *events) unhold() {
	if e.held != nil {
		held := e.held
		e.held = nil
		e.give(held)
	}
}

// dispatch ends the event, if there is one.
func (e *events) dispatch() (seen Seen) {
	name := e.name[:e.named]
	switch {
	case e.held != nil:
		seen = e.handler.event(name, e.held)
	case e.pieces:
		seen = e.handler.endPieces(name)
	case e.lines > 0:
		seen = e.handler.event(name, nil)
	}
	e.lines, e.held, e.pieces, e.named, e.bare = 0, nil, false, 0, false
	return seen
}

func (e *events) finish() Seen {
	if e.field == fieldUnknown && e.headLen > 0 {
		e.part(nil, true)
	}
	e.field, e.headLen = fieldUnknown, 0
	return e.dispatch() | SeenEnd
}
