package transport

// An ElementHandler receives the elements of an [Elements], once for each that is an object.
type ElementHandler interface {
	// Element is given the watched members of an element, valid until it returns.
	Element(doc *Fields) Seen
}

// Elements takes a JSON array apart, as it arrives, wherever its pieces are split: the form in which Gemini streams when
// it is not asked for server-sent events. It keeps no more of an element than the watched values. What is no array, or
// no longer one, is passed over. An Elements with a Handler, a Scanner, Paths and a Limit (see [Scanner.Reset]) is ready.
// It is not safe for concurrent use.
type Elements struct {
	Handler ElementHandler
	Scanner *Scanner
	Paths   *Paths
	Limit   int

	state elementsState
}

type elementsState uint8

const (
	beforeArray elementsState = iota
	betweenElements
	inElement
	afterArray
)

// Observe reads p, and says what the handler said of the elements that ended in it. The array's own end is
// [SeenComplete]. A nil p is the end of the stream. It has the form of [Observer]'s method.
func (e *Elements) Observe(p []byte) (n int, seen Seen) {
	for i := 0; i < len(p); {
		switch c := p[i]; {
		case e.state == inElement:
			i += e.Scanner.Next(p[i:])
			switch {
			case e.Scanner.Err() != nil:
				e.state = afterArray
			case e.Scanner.Complete():
				if e.state = betweenElements; e.Scanner.open >= 0 {
					seen |= e.Handler.Element(&e.Scanner.Fields)
				}
			}
		case e.state == afterArray:
			return len(p), seen
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
			i++
		case e.state == beforeArray:
			e.state = afterArray
			if c == '[' {
				e.state = betweenElements
			}
			i++
		case c == ']':
			e.state = afterArray
			return len(p), seen | SeenComplete
		case c == ',':
			i++
		default:
			e.Scanner.Reset(e.Paths, e.Limit)
			e.state = inElement
		}
	}
	return len(p), seen
}
