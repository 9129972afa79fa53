package transport

// An arrayReader splits a JSON array into its elements as it arrives, wherever its pieces are split. Gemini streams in this
// form when it is not asked for server-sent events:
//
//	[{"candidates":[...]}
//	,
//	{"candidates":[...],"usageMetadata":{...}}
//	]
//
// It keeps no more of an element than the watched values. It reports nothing of a document that is not an array, and
// nothing after the first invalid byte. An arrayReader with a handler, a scanner, paths and a limit (see scanner.reset) is
// ready. It is not safe for concurrent use.
type arrayReader struct {
	handler DocumentHandler // gets the elements that are objects
	scanner *scanner
	paths   *Paths
	limit   int

	state arrayState
}

type arrayState uint8

const (
	beforeArray arrayState = iota
	betweenElements
	inElement
	afterArray
)

// Observe reads p, and returns what the handler returned for the elements that ended in it. The array's own end is
// [SeenComplete]. A nil p is the end of the stream. Its contract is that of [Observer].
func (a *arrayReader) Observe(p []byte) (n int, seen Seen) {
	for i := 0; i < len(p); {
		switch c := p[i]; {
		case a.state == inElement:
			i += a.scanner.next(p[i:])
			switch {
			case a.scanner.err != nil:
				a.state = afterArray
			case a.scanner.complete():
				if a.state = betweenElements; a.scanner.open >= 0 {
					seen |= a.handler.Document(&a.scanner.Fields)
				}
			}
		case a.state == afterArray:
			return len(p), seen
		case isSpace(c):
			i++
		case a.state == beforeArray:
			a.state = afterArray
			if c == '[' {
				a.state = betweenElements
			}
			i++
		case c == ']':
			a.state = afterArray
			return len(p), seen | SeenComplete
		case c == ',':
			i++
		default:
			a.scanner.reset(a.paths, a.limit)
			a.state = inElement
		}
	}
	return len(p), seen
}
