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
	// Stream says that the answer was asked for as a stream. Then one without a Content-Type is a stream of events, and
	// one of JSON may be an array of documents.
	Stream bool
	// Plain says that text/plain is a stream of events as well, if Stream is set. It is the Content-Type that Go's servers
	// write if a handler sets none.
	Plain bool

	// Marks are names of members, in quotes. An event of a stream is only parsed if it has a member of one of these
	// names, with a value other than null, or a name that is among Events. The first event is always parsed. Without any
	// Marks, all are.
	Marks  [][]byte
	Events [][]byte

	// Done, if not nil, is the data of an event that ends a stream, and is not a document: [DONE].
	Done []byte
	// Last is the name of a member, in quotes. The stream may end after an event that has it with a value other than null.
	// Nil is no such member.
	Last []byte
}

// A Completeness says whether the whole answer was seen: see [Documents.End].
type Completeness uint8

const (
	Incomplete Completeness = iota // it was cut off, or its caller did not read on
	Complete                       // its end was seen
	Unmarked                       // it is a stream that was read to its end, but none of its events said that it is complete
)

type bodyKind uint8

const (
	otherBody  bodyKind = iota // is not read
	jsonBody                   // one JSON document
	streamBody                 // JSON, and the first byte shows whether it is one document or an array of them
	arrayBody                  // a JSON array of documents
	eventBody                  // a stream of server-sent events, each a document
)

// A Documents reads a response's body as a sequence of JSON documents, as it arrives, wherever its pieces are split. The
// body is one document, a JSON array of documents, or a stream of server-sent events that hold one each. Documents that may
// matter go to a handler; only their watched values are kept. A Documents is ready for one body after Begin. It is not safe
// for concurrent use.
//
// It is meant as a part of an [Observer]: see [Watcher.Watch].
type Documents struct {
	handler DocumentHandler
	format  Format
	kind    bodyKind
	scanner *scanner
	array   *arrayReader
	events  *eventDocuments
	ended   bool // the document, the array or the stream is complete
	last    bool // the stream may end here
}

// Begin prepares d for the body of a response with the headers h. A body that is neither JSON nor a stream of server-sent
// events is not read.
func (d *Documents) Begin(h http.Header, f Format, handler DocumentHandler) {
	*d = Documents{handler: handler, format: f}
	contentType := ""
	if v := h["Content-Type"]; len(v) > 0 {
		contentType = v[0]
	}
	switch media := mediaType(contentType); {
	case media == "text/event-stream", f.Stream && (media == "" || f.Plain && media == "text/plain"):
		d.kind = eventBody
		d.events = &eventDocuments{d: d}
		d.events.handler = d.events
	case media == "application/json", media == "", strings.HasSuffix(media, "+json"):
		if d.kind = jsonBody; f.Stream {
			d.kind = streamBody
		}
	default:
		return
	}
	d.scanner = scanners.Get().(*scanner)
	d.scanner.reset(f.Paths, d.limit())
}

func (d *Documents) limit() int { return cmp.Or(d.format.Limit, maxValue) }

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
	if d.kind == eventBody {
		return d.events.Observe(p)
	}
	if d.kind == streamBody {
		d.decide(p)
	}
	switch {
	case p == nil:
		return 0, 0
	case d.kind == arrayBody:
		_, seen := d.array.Observe(p)
		d.ended = d.ended || seen&SeenComplete != 0
		return len(p), seen & SeenComplete
	case d.kind == jsonBody && !d.ended:
		return len(p), d.readJSON(p)
	}
	return len(p), 0
}

// decide decides by the first byte of a body whether it is one document or an array of documents, which is how Gemini
// streams if it is not asked for events.
func (d *Documents) decide(p []byte) {
	i := skipSpace(p, 0)
	if i == len(p) {
		return
	}
	if d.kind = jsonBody; p[i] == '[' {
		d.kind = arrayBody
		d.array = &arrayReader{handler: d.handler, scanner: d.scanner, paths: d.format.Paths, limit: d.limit()}
	}
}

// readJSON reads a piece of the one document.
func (d *Documents) readJSON(p []byte) Seen {
	if !d.scanner.takeWhole(p) {
		d.scanner.Write(p)
	}
	if !d.scanner.complete() {
		return 0
	}
	d.ended = true
	d.handler.Document(&d.scanner.Fields)
	d.scanner.drop()
	return SeenComplete
}

// Events reports whether the body is a stream of server-sent events.
func (d *Documents) Events() bool { return d.kind == eventBody }

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
	case d.ended, d.last:
		return Complete
	case !toEnd, d.kind == arrayBody:
		return Incomplete
	case d.kind == eventBody:
		return Unmarked
	case d.kind == otherBody, d.scanner.err != nil:
		return Complete // what is not JSON is complete when it has been read
	}
	return Incomplete
}

// An eventDocuments reads the documents of a stream of events.
type eventDocuments struct {
	events
	d         *Documents
	prefilter prefilter
	finding   memberFinder // of the member after which the stream may end
	begin     [16]byte     // the beginning of an event that comes in pieces
	beginLen  int
	begun     bool // an event has been read
	reading   bool // the scanner is within an event that comes in pieces
}

// event reads an event that came in one piece.
func (e *eventDocuments) event(name, data []byte) Seen {
	d := e.d
	f := &d.format
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
	d.last = d.last || f.Last != nil && certain(data, f.Last)
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
	if !e.reading {
		d.scanner.reset(d.format.Paths, d.limit())
		e.reading, e.beginLen = true, 0
		e.finding = memberFinder{seam: e.finding.seam[:0]}
	}
	if d.format.Last != nil {
		e.finding.look(data, d.format.Last)
	}
	e.beginLen += copy(e.begin[e.beginLen:], data)
	d.scanner.Write(data)
}

// endPieces ends the event that came in pieces.
func (e *eventDocuments) endPieces([]byte) Seen {
	d := e.d
	e.reading, e.begun = false, true
	if e.done(e.begin[:e.beginLen]) {
		return SeenComplete
	}
	if d.scanner.close() != nil || d.scanner.open < 0 {
		return 0
	}
	d.last = d.last || e.finding.found
	return e.document()
}

// watched reports whether events of the name are always read.
func (e *eventDocuments) watched(name []byte) bool {
	if len(name) == 0 {
		return false
	}
	for _, n := range e.d.format.Events {
		if bytes.Equal(n, name) {
			return true
		}
	}
	return false
}

// done reports whether an event's data ends the stream.
func (e *eventDocuments) done(data []byte) bool {
	if e.d.format.Done == nil || !bytes.Equal(data, e.d.format.Done) {
		return false
	}
	e.d.ended = true
	return true
}
