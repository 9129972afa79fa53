package wire

import (
	"net/http"

	"github.com/skinflint-go/skinflint/transport"
)

// A Reader turns the bytes of a response into an [Answer]: a [transport.Documents] finds the documents in them, and the
// call's dialect reads each. A compressed response is read when it has ended. The zero Reader, after Begin, is ready for one
// response. It is not safe for concurrent use.
type Reader struct {
	Answer Answer // what the response has reported so far

	dialect    Dialect
	call       *Call
	documents  transport.Documents
	compressed *compressed // nil if the body is not
	unread     bool        // it came compressed, and could not be read
	final      bool        // the usage came with the event that may be the last, or after it
}

// Begin prepares the Reader for the body of a 2xx response to a call. It reads the response's headers, not its body.
func (r *Reader) Begin(d Dialect, c *Call, resp *http.Response) {
	if c.Shape == nil {
		c.Shape = noShape
	}
	r.dialect, r.call = d, c
	r.compressed = newCompressed(resp.Header)
	f := transport.Format{
		Paths: c.AnswerPaths, Limit: c.AnswerLimit, Stream: c.Stream, Marks: c.Marks, Events: c.Events, Done: c.Done,
	}
	if c.Choices == 1 {
		f.Last = c.Last // of several answers, one ends before the others
	}
	r.documents.Begin(resp.Header, f, (*documentReader)(r))
}

// Observe reads the next bytes of the body; nil is its end. Its contract is that of [transport.Observer].
func (r *Reader) Observe(p []byte) (int, transport.Seen) {
	if r.compressed != nil {
		r.compressed.keep(p)
		return len(p), 0
	}
	return r.documents.Observe(p)
}

// A documentReader is a Reader as its documents see it.
type documentReader Reader

// Document lets the dialect read a document.
func (r *documentReader) Document(doc *transport.Fields) (seen transport.Seen) {
	r.Answer.Hide, r.Answer.counts, r.Answer.several = false, false, r.documents.Events()
	r.dialect.Answer(r.call, doc, &r.Answer)
	r.final = r.final || r.Answer.counts && r.documents.Last()
	if r.Answer.Hide {
		seen |= transport.SeenHide
	}
	if r.Answer.Complete {
		seen |= transport.SeenComplete
	}
	return seen
}

// End reads what is left to read when the body has ended, and reports whether the whole answer was seen.
func (r *Reader) End(how transport.End) bool {
	r.decompress()
	a, toEnd := &r.Answer, how == transport.EndEOF || how == transport.EndComplete
	switch r.documents.End(how) {
	case transport.Complete:
		return true
	case transport.Last:
		if !r.call.lateUsage || !a.HasUsage || r.final {
			return true
		}
		if toEnd && r.settled() {
			return true
		}
		a.Running = true // another usage was to follow
		return false
	case transport.Unmarked:
		return r.unread || r.settled()
	}
	return r.unread && toEnd
}

// settled reports whether a stream that was read to its end has its whole usage. Some hosts end their streams without a final
// event. The usage comes last, so a stream that has it is complete, unless it reports the usage as it goes, or only zeros so far.
func (r *Reader) settled() bool {
	a := &r.Answer
	return a.HasUsage && a.Usage.Prompt() > 0 && !r.call.Running && (!a.Running || a.alone)
}

// Events reports whether the response is a stream of events that is read as it arrives, or may turn out to be one.
func (r *Reader) Events() bool { return r.documents.Events() && r.compressed == nil }
