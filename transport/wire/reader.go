package wire

import (
	"bytes"
	"cmp"
	"net/http"
	"strings"
	"sync"

	"github.com/skinflint-go/skinflint/transport"
)

// maxValue is the longest value that is kept of an answer's document, unless the call wants more: counts, names, ids.
const maxValue = 1 << 10

var scanners = sync.Pool{New: func() any { return new(transport.Scanner) }}

// A Reader turns the bytes of a response into an [Answer], by the call's dialect. A response is one JSON document, a JSON
// array of documents, or a stream of server-sent events of which each holds one. It reads compressed responses, too, when
// they have ended. The zero Reader, after Begin, is ready for one response. It is not safe for concurrent use.
type Reader struct {
	Answer Answer // what the response has said so far

	dialect Dialect
	call    *Call

	json      bool // the body is one JSON document
	stream    bool // the body is a stream of events
	array     bool // the body is a JSON array of documents
	scanner   *transport.Scanner
	events    *transport.Events
	elements  *transport.Elements
	packed    *packed // the body is compressed, and read when it has ended
	prefilter prefilter
	finding   memberFinder // of the member that says that the stream could end
	head      [16]byte     // the beginning of an event that comes in pieces
	headLen   int
	begun     bool // an event has been read
	reading   bool // the scanner is within an event that comes in pieces
	ended     bool // the document, or the stream, is complete
	last      bool // the stream could end here
	unread    bool // it came compressed, and could not be read
}

// Begin prepares the Reader for the body of a 2xx response to a call, by the response's headers. asked says that the
// request asked for an event with the usage that the caller did not ask for.
func (r *Reader) Begin(d Dialect, c *Call, resp *http.Response, asked bool) {
	if c.Shape == nil {
		c.Shape = noShape
	}
	r.dialect, r.call = d, c
	r.packed = newPacked(resp.Header)
	media := mediaType(transport.First(resp.Header, "Content-Type"))
	switch {
	case media == "text/event-stream", r.call.Stream && (media == "" || asked && media == "text/plain"):
		// text/plain is what Go's servers say if nobody tells them; and what we asked for has to be found and hidden.
		r.stream = true
		r.events = &transport.Events{Handler: r}
	case media == "application/json", media == "", strings.HasSuffix(media, "+json"):
		r.json = true
	default:
		return
	}
	r.scanner = scanners.Get().(*transport.Scanner)
	r.scanner.Reset(r.call.AnswerPaths, r.limit())
	if r.json && r.call.Stream {
		// How Gemini streams if it is not asked for events. Whether it does shows in the first byte.
		r.elements = &transport.Elements{Handler: r, Scanner: r.scanner, Paths: r.call.AnswerPaths, Limit: r.limit()}
	}
}

// limit is how long a value may be to be kept.
func (r *Reader) limit() int { return cmp.Or(r.call.AnswerLimit, maxValue) }

// mediaType returns the media type without its parameters.
func mediaType(contentType string) string {
	if contentType == "application/json" {
		return contentType // as nearly always
	}
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// Observe reads the next bytes of the body; nil is its end. It has the form of [transport.Observer]'s method.
func (r *Reader) Observe(p []byte) (int, transport.Seen) {
	if r.packed != nil {
		r.packed.keep(p)
		return len(p), 0
	}
	return r.observePlain(p)
}

func (r *Reader) observePlain(p []byte) (int, transport.Seen) {
	if r.elements != nil && !r.begun {
		if text := bytes.TrimLeft(p, " \t\r\n"); len(text) > 0 {
			r.begun, r.array = true, text[0] == '['
		}
	}
	switch {
	case r.stream:
		return r.events.Observe(p)
	case r.array && p != nil:
		_, seen := r.elements.Observe(p)
		r.ended = r.ended || seen&transport.SeenComplete != 0
		return len(p), seen & transport.SeenComplete
	case r.json && !r.array && !r.ended && p != nil:
		if !r.scanner.Whole(p) {
			r.scanner.Write(p)
		}
		if r.scanner.Complete() {
			r.ended = true
			r.read(&r.scanner.Fields)
			r.scanner.Drop()
			return len(p), transport.SeenComplete
		}
	}
	return len(p), 0
}

// read lets the dialect read a document.
func (r *Reader) read(doc *transport.Fields) (seen transport.Seen) {
	r.Answer.Hide = false
	r.dialect.Answer(r.call, doc, &r.Answer)
	if r.Answer.Hide {
		seen |= transport.SeenHide
	}
	if r.Answer.Complete {
		r.ended = true
		seen |= transport.SeenComplete
	}
	return seen
}

// Element reads an element of an array.
func (r *Reader) Element(doc *transport.Fields) transport.Seen { return r.read(doc) }

// Event reads an event that came in one piece. After the first, only those with a mark, or of a name, are worth it.
func (r *Reader) Event(name, data []byte) transport.Seen {
	if r.done(data) {
		return transport.SeenComplete
	}
	if r.begun && r.call.Marks != nil && !r.prefilter.marked(data, r.call.Marks) && !r.named(name) {
		return 0
	}
	r.begun = true
	r.last = r.last || r.couldEnd() && certain(data, r.call.Last)
	doc, err := r.scanner.Scan(data, r.call.AnswerPaths)
	if err != nil {
		return 0
	}
	return r.read(doc)
}

// Piece reads a piece of an event that did not come in one.
func (r *Reader) Piece(data []byte) {
	if !r.reading {
		r.scanner.Reset(r.call.AnswerPaths, r.limit())
		r.reading, r.headLen = true, 0
		r.finding = memberFinder{seam: r.finding.seam[:0]}
	}
	if r.couldEnd() {
		r.finding.look(data, r.call.Last)
	}
	r.headLen += copy(r.head[r.headLen:], data)
	r.scanner.Write(data)
}

// EndPieces ends the event that came in pieces.
func (r *Reader) EndPieces([]byte) transport.Seen {
	r.reading, r.begun = false, true
	if r.done(r.head[:r.headLen]) {
		return transport.SeenComplete
	}
	if r.scanner.Close() != nil {
		return 0
	}
	seen := r.read(&r.scanner.Fields)
	r.last = r.last || r.couldEnd() && r.finding.found && r.Answer.HasUsage
	return seen
}

// couldEnd reports whether one member can tell that a stream could end: of several answers, one ends before the others.
func (r *Reader) couldEnd() bool {
	return r.call.Last != nil && r.call.Choices == 1
}

// named reports whether events of the name are always worth reading.
func (r *Reader) named(name []byte) bool {
	if len(name) == 0 {
		return false
	}
	for _, n := range r.call.Events {
		if bytes.Equal(n, name) {
			return true
		}
	}
	return false
}

func (r *Reader) done(data []byte) bool {
	if r.call.Done != nil && bytes.Equal(data, r.call.Done) {
		r.ended = true
		return true
	}
	return false
}

// complete reports whether the whole answer was seen, given how its body ended.
func (r *Reader) complete(how transport.End) bool {
	whole := how == transport.EndEOF || how == transport.EndComplete
	switch {
	case r.ended, r.last:
		return true
	case r.unread:
		return whole
	case r.stream:
		// Some hosts end their streams without a last word; the usage is what comes last, unless there was some all along.
		return whole && r.Answer.HasUsage && !r.call.Running
	case r.array:
		return false
	case r.json:
		return whole && r.scanner.Err() != nil // whole, but no JSON
	}
	return whole
}

// End reads what is left to read when the body has ended, and reports whether the whole answer was seen.
func (r *Reader) End(how transport.End) bool {
	r.inflate()
	complete := r.complete(how)
	if r.json { // the events of a stream may still be looked at
		r.json, r.array, r.elements = false, false, nil
		scanners.Put(r.scanner)
	}
	return complete
}

// Events reports whether the response is a stream of events that is read as it arrives.
func (r *Reader) Events() bool { return r.stream && r.packed == nil }

// Whole reports whether body is a whole JSON document.
func Whole(body []byte) bool {
	s := scanners.Get().(*transport.Scanner)
	defer scanners.Put(s)
	s.Reset(nil, 0)
	s.Write(body)
	return s.Complete()
}
