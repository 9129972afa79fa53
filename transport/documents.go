package transport

import (
	"bytes"
	"cmp"
	"net/http"
	"strings"
)

// maxValue is the longest value that is kept of a document, unless its Format says otherwise: counts, names, ids.
const maxValue = 1 << 10

// A DocumentHandler receives the documents of a [Documents], one at a time.
type DocumentHandler interface {
	// Document gets the watched members of one document, valid until it returns. It returns [SeenComplete] if the document
	// says that the answer is complete, and [SeenHide] if it is an event that the caller is not to get.
	Document(doc *Fields) Seen
}

// A Format says what the documents of an answer look like, and which of them matter. The zero Format has documents
// without watched members.
type Format struct {
	Paths *Paths // the members to find
	Limit int    // the longest value that is kept of one, in bytes; 0 is 1 KB
	// Stream says that the answer was asked for as a stream. Then a body of any Content-Type may be a stream of events, or
	// an array of documents.
	Stream bool

	// Marks are names of members, in quotes. An event of a stream is only read if it has a member of one of these
	// names, with a value other than null and "", or a name that is among Events. The first event is always read. Without
	// any Marks, all are.
	Marks  [][]byte
	Events [][]byte

	// Done, if not nil, is the data of an event that ends a stream, and is not a document: [DONE].
	Done []byte
	// Last is the name of a member, in quotes. The stream may end after an event that is read and has it with a value
	// other than null and "", so it should be among Marks. Nil is no such member.
	Last []byte
}

// A Completeness says whether the whole answer was seen: see [Documents.End].
type Completeness uint8

const (
	Incomplete Completeness = iota // it was cut off, or its caller did not read on
	Complete                       // its end was seen
	Unmarked                       // it is a stream that was read to its end, but none of its events said that it is complete
	Last                           // an event with the member [Format.Last] was seen; whether there are more is not known
)

type bodyKind uint8

const (
	otherBody     bodyKind = iota // is not read
	undecidedBody                 // its first byte has not come
	jsonBody                      // one JSON document
	arrayBody                     // a JSON array of documents
	eventBody                     // a stream of server-sent events, each a document
)

// A Documents reads a response's body as a sequence of JSON documents, as it arrives, wherever its pieces are split. The
// body is one document, a JSON array of documents, or a stream of server-sent events that hold one each. Documents that may
// matter go to a handler; only their watched values are kept. A Documents is ready for one body after Begin. It is not safe
// for concurrent use.
//
// What a body is depends on how it begins: gateways send streams under application/json, text/json, text/plain or no
// Content-Type at all. A byte order mark and white space at its beginning are skipped.
//
// It is meant as a part of an [Observer]: see [Watcher.Watch].
type Documents struct {
	handler DocumentHandler
	kind    bodyKind
	json    bool     // its Content-Type is that of JSON, or there is none
	sse     bool     // its Content-Type is that of server-sent events
	bom     int      // bytes of a byte order mark seen at the start
	scanner *scanner // and the format of what it reads
	array   *arrayReader
	events  *eventDocuments
	ended   bool // the document, the array or the stream is complete
	last    bool // the stream may end here
}

// Begin prepares d for the body of a response with the headers h.
func (d *Documents) Begin(h http.Header, f Format, handler DocumentHandler) {
	*d = Documents{handler: handler, kind: undecidedBody}
	contentType := ""
	if v := h["Content-Type"]; len(v) > 0 {
		contentType = v[0]
	}
	media := mediaType(contentType)
	d.sse = media == "text/event-stream"
	d.json = media == "application/json" || media == "" || strings.HasSuffix(media, "+json") || media == "text/json"
	d.scanner = scanners.Get().(*scanner)
	d.scanner.format = f
	d.scanner.reset(f.Paths, d.limit())
}

func (d *Documents) limit() int { return cmp.Or(d.scanner.format.Limit, maxValue) }

// mediaType returns the media type without its parameters.
func mediaType(contentType string) string {
	if contentType == "application/json" {
		return contentType // as nearly always
	}
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// Observe reads the next bytes of the body; nil is its end. Its contract is that of [Observer].
func (d *Documents) Observe(p []byte) (int, Seen) {
	skipped := 0
	if d.kind == undecidedBody {
		if skipped = d.decide(p); d.kind == undecidedBody {
			return len(p), SeenEnd
		}
		p = p[skipped:]
	}
	switch {
	case d.kind == eventBody:
		n, seen := d.events.Observe(p)
		return skipped + n, seen
	case p == nil:
		return 0, 0
	case d.kind == arrayBody:
		_, seen := d.array.Observe(p)
		d.ended = d.ended || seen&SeenComplete != 0
		return skipped + len(p), SeenEnd | seen&SeenComplete
	case d.kind == jsonBody && !d.ended:
		return skipped + len(p), SeenEnd | d.readJSON(p)
	}
	return skipped + len(p), SeenEnd
}

const byteOrderMark = "\xEF\xBB\xBF"

// decide decides by the first byte of a body what it is, and returns how many bytes come before that: those of a byte order
// mark, and white space.
func (d *Documents) decide(p []byte) (skipped int) {
	for skipped < len(p) && d.bom < len(byteOrderMark) && p[skipped] == byteOrderMark[d.bom] {
		d.bom++
		skipped++
	}
	skipped = skipSpace(p, skipped)
	if skipped == len(p) {
		return skipped
	}
	switch c := p[skipped]; {
	case c == '[' && d.scanner.format.Stream:
		// This is how Gemini streams if it is not asked for events.
		d.kind = arrayBody
		d.array = &arrayReader{handler: d.handler, scanner: d.scanner, paths: d.scanner.format.Paths, limit: d.limit()}
	case c == '{':
		d.kind = jsonBody
	case d.sse, beginsField(c) && (d.scanner.format.Stream || d.json):
		d.kind = eventBody
		d.events = &eventDocuments{d: d}
		d.events.handler = d.events
	case d.json:
		d.kind = jsonBody
	default:
		d.kind = otherBody
	}
	return skipped
}

// beginsField reports whether a line of server-sent events may begin with c: data, event, id, retry, or a comment.
func beginsField(c byte) bool { return c == 'd' || c == 'e' || c == 'i' || c == 'r' || c == ':' }

// readJSON reads a piece of the one document. What follows it is not read.
func (d *Documents) readJSON(p []byte) Seen {
	if !d.scanner.takeWhole(p) {
		d.scanner.next(p)
	}
	if !d.scanner.complete() {
		return 0
	}
	d.ended = true
	d.handler.Document(&d.scanner.Fields)
	d.scanner.drop()
	return SeenComplete
}

// Events reports whether the body is a stream of server-sent events, or may turn out to be one.
func (d *Documents) Events() bool {
	return d.kind == eventBody || d.kind == undecidedBody && (d.sse || d.scanner.format.Stream)
}

// Last reports whether an event with the member [Format.Last] has been read. The event that the handler has just been given
// counts.
func (d *Documents) Last() bool { return d.last }

// End is called when the body has ended for its reader, and returns whether the whole answer was seen. Events of a stream
// may still be observed after it: see [Observer]. Other bodies may not.
func (d *Documents) End(how End) Completeness {
	c := d.completeness(how == EndEOF || how == EndComplete)
	if d.scanner != nil && d.kind != eventBody {
		release(d.scanner)
		d.scanner, d.array, d.kind = nil, nil, otherBody
	}
	return c
}

func (d *Documents) completeness(toEnd bool) Completeness {
	switch {
	case d.ended:
		return Complete
	case d.last:
		return Last
	case !toEnd, d.kind == arrayBody:
		return Incomplete
	case d.kind == eventBody, d.kind == undecidedBody && d.sse:
		return Unmarked
	case d.kind == otherBody, d.kind == undecidedBody && !d.json, d.scanner.err != nil:
		return Complete // what is not JSON is complete when it has been read
	}
	return Incomplete
}

// An eventDocuments reads the documents of a stream of events.
type eventDocuments struct {
	events
	d         *Documents
	prefilter prefilter
	begun     bool // an event has been read

	// Of an event that comes in pieces:
	reading  bool // the scanner is within it
	marks    memberFinder
	last     memberFinder
	begin    [16]byte // its beginning
	beginLen int
}

// event reads an event that came in one piece.
func (e *eventDocuments) event(name, data []byte) Seen {
	d := e.d
	f := &d.scanner.format
	if e.done(data) {
		return SeenComplete
	}
	if e.begun && f.Marks != nil && !e.prefilter.marked(data, f.Marks) && !e.watched(name) {
		return 0
	}
	e.begun = true
	if d.scanner.scan(data, f.Paths) != nil || d.scanner.open < 0 {
		return 0
	}
	d.scanner.trim(d.limit())
	if f.Last != nil && !d.last {
		names := [1][]byte{f.Last}
		d.last = marked(data, 0, names[:])
	}
	return e.document()
}

// document gives what the scanner has read to the handler.
func (e *eventDocuments) document() Seen {
	seen := e.d.handler.Document(&e.d.scanner.Fields)
	e.d.ended = e.d.ended || seen&SeenComplete != 0
	return seen
}

// piece reads a piece of an event that did not come in one.
func (e *eventDocuments) piece(data []byte) {
	d := e.d
	f := &d.scanner.format
	if !e.reading {
		d.scanner.reset(f.Paths, d.limit())
		e.reading, e.beginLen = true, 0
		e.marks, e.last = memberFinder{}, memberFinder{}
	}
	if f.Marks != nil {
		e.marks.look(data, f.Marks)
	}
	if f.Last != nil {
		names := [1][]byte{f.Last}
		e.last.look(data, names[:])
	}
	e.beginLen += copy(e.begin[e.beginLen:], data)
	d.scanner.Write(data)
}

// endPieces ends the event that came in pieces. It comes to the same as event does for one that came whole.
func (e *eventDocuments) endPieces(name []byte) Seen {
	d := e.d
	e.reading = false
	if e.done(e.begin[:e.beginLen]) {
		return SeenComplete
	}
	if e.begun && d.scanner.format.Marks != nil && !e.marks.end() && !e.watched(name) {
		return 0
	}
	e.begun = true
	if d.scanner.close() != nil || d.scanner.open < 0 {
		return 0
	}
	d.last = d.last || e.last.end()
	return e.document()
}

// watched reports whether events of the name are always read.
func (e *eventDocuments) watched(name []byte) bool {
	if len(name) == 0 {
		return false
	}
	for _, n := range e.d.scanner.format.Events {
		if bytes.Equal(n, name) {
			return true
		}
	}
	return false
}

// done reports whether an event's data ends the stream.
func (e *eventDocuments) done(data []byte) bool {
	if e.d.scanner.format.Done == nil || !bytes.Equal(data, e.d.scanner.format.Done) {
		return false
	}
	e.d.ended = true
	return true
}
