package middleware

import (
	"bytes"
	"cmp"
	"net/http"
	"strings"
	"sync"

	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// maxValue is the longest value that is kept of an answer's document, unless the call wants more: counts, names, ids.
const maxValue = 1 << 10

var scanners = sync.Pool{New: func() any { return new(transport.Scanner) }}

// An answerReader reads an answer for its dialect: one JSON document, or a stream of events of which each holds one.
type answerReader struct {
	dialect wire.Dialect
	call    *wire.Call
	answer  wire.Answer

	json     bool // the body is one JSON document
	stream   bool // the body is a stream of events
	array    bool // the body is a JSON array of documents
	scanner  *transport.Scanner
	events   *transport.Events
	elements *transport.Elements
	packed   *packed // the body is compressed, and read when it has ended
	glance   glance
	finding  finding  // of the member that says that the stream could end
	head     [16]byte // the beginning of an event that comes in pieces
	headLen  int
	begun    bool // an event has been read
	reading  bool // the scanner is within an event that comes in pieces
	ended    bool // the document, or the stream, is complete
	last     bool // the stream could end here
	unread   bool // it came compressed, and could not be read
}

// begin looks at the answer's headers, to know what to expect of its body; asked says that it may hold an event that we
// asked for.
func (a *answerReader) begin(r *record, resp *http.Response, asked bool) {
	a.dialect, a.call = r.dialect, &r.call
	a.packed = newPacked(resp.Header)
	media := mediaType(resp.Header.Get("Content-Type"))
	switch {
	case media == "text/event-stream", r.call.Stream && (media == "" || asked && media == "text/plain"):
		// text/plain is what Go's servers say if nobody tells them; and what we asked for has to be found and hidden.
		a.stream = true
		a.events = &transport.Events{Handler: a}
	case media == "application/json", media == "", strings.HasSuffix(media, "+json"):
		a.json = true
	default:
		return
	}
	a.scanner = scanners.Get().(*transport.Scanner)
	a.scanner.Reset(a.call.AnswerPaths, a.limit())
	if a.json && a.call.Stream {
		// How Gemini streams if it is not asked for events. Whether it does shows in the first byte.
		a.elements = &transport.Elements{Handler: a, Scanner: a.scanner, Paths: a.call.AnswerPaths, Limit: a.limit()}
	}
}

// limit is how long a value may be to be kept.
func (a *answerReader) limit() int { return cmp.Or(a.call.AnswerLimit, maxValue) }

// mediaType returns the media type without its parameters.
func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// observe reads the next bytes of the body; nil is its end.
func (a *answerReader) observe(p []byte) (int, transport.Seen) {
	if a.packed != nil {
		a.packed.keep(p)
		return len(p), 0
	}
	return a.observePlain(p)
}

func (a *answerReader) observePlain(p []byte) (int, transport.Seen) {
	if a.elements != nil && !a.begun {
		if text := bytes.TrimLeft(p, " \t\r\n"); len(text) > 0 {
			a.begun, a.array = true, text[0] == '['
		}
	}
	switch {
	case a.stream:
		return a.events.Observe(p)
	case a.array && p != nil:
		_, seen := a.elements.Observe(p)
		a.ended = a.ended || seen&transport.SeenComplete != 0
		return len(p), seen & transport.SeenComplete
	case a.json && !a.array && !a.ended && p != nil:
		a.scanner.Write(p)
		if a.scanner.Complete() {
			a.ended = true
			a.read(&a.scanner.Fields)
			return len(p), transport.SeenComplete
		}
	}
	return len(p), 0
}

// read lets the dialect read a document.
func (a *answerReader) read(doc *transport.Fields) (seen transport.Seen) {
	a.answer.Hide = false
	a.dialect.Answer(a.call, doc, &a.answer)
	if a.answer.Hide {
		seen |= transport.SeenHide
	}
	if a.answer.Complete {
		a.ended = true
		seen |= transport.SeenComplete
	}
	return seen
}

// Element reads an element of an array.
func (a *answerReader) Element(doc *transport.Fields) transport.Seen { return a.read(doc) }

// Event reads an event that came in one piece. After the first, only those with a mark, or of a name, are worth it.
func (a *answerReader) Event(name, data []byte) transport.Seen {
	if a.done(data) {
		return transport.SeenComplete
	}
	if a.begun && !a.glance.marked(data, a.call.Marks) && !a.named(name) {
		return 0
	}
	a.begun = true
	a.last = a.last || a.couldEnd() && certain(data, a.call.Last)
	doc, err := a.scanner.Scan(data, a.call.AnswerPaths)
	if err != nil {
		return 0
	}
	return a.read(doc)
}

// Piece reads a piece of an event that did not come in one.
func (a *answerReader) Piece(data []byte) {
	if !a.reading {
		a.scanner.Reset(a.call.AnswerPaths, a.limit())
		a.reading, a.headLen = true, 0
		a.finding = finding{seam: a.finding.seam[:0]}
	}
	if a.couldEnd() {
		a.finding.look(data, a.call.Last)
	}
	a.headLen += copy(a.head[a.headLen:], data)
	a.scanner.Write(data)
}

// EndPieces ends the event that came in pieces.
func (a *answerReader) EndPieces([]byte) transport.Seen {
	a.reading, a.begun = false, true
	if a.done(a.head[:a.headLen]) {
		return transport.SeenComplete
	}
	if a.scanner.Close() != nil {
		return 0
	}
	seen := a.read(&a.scanner.Fields)
	a.last = a.last || a.couldEnd() && a.finding.found && a.answer.HasUsage
	return seen
}

// couldEnd reports whether one member can tell that a stream could end: of several answers, one ends before the others.
func (a *answerReader) couldEnd() bool {
	return a.call.Last != nil && (a.call.Choices == 0 || a.call.Choices == 1)
}

// named reports whether events of the name are always worth reading.
func (a *answerReader) named(name []byte) bool {
	if len(name) == 0 {
		return false
	}
	for _, n := range a.call.Events {
		if bytes.Equal(n, name) {
			return true
		}
	}
	return false
}

func (a *answerReader) done(data []byte) bool {
	if a.call.Done != nil && bytes.Equal(data, a.call.Done) {
		a.ended = true
		return true
	}
	return false
}

// complete reports whether the whole answer was seen, given how its body ended.
func (a *answerReader) complete(how transport.End) bool {
	whole := how == transport.EndEOF || how == transport.EndComplete
	switch {
	case a.ended, a.last:
		return true
	case a.unread:
		return whole
	case a.stream:
		// Some hosts end their streams without a last word; the usage is what comes last, unless there was some all along.
		return whole && a.answer.HasUsage && !a.call.Running
	case a.array:
		return false
	case a.json:
		return whole && a.scanner.Err() != nil // whole, but no JSON
	}
	return whole
}

// finish gives the scanner back, unless events may still be looked at.
func (a *answerReader) finish() {
	if a.json {
		a.json, a.array, a.elements = false, false, nil
		scanners.Put(a.scanner)
	}
}
