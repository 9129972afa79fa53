// Package transport moves bytes: it composes [net/http.RoundTripper]s, edits JSON request bodies in place, reads
// responses while their caller reads them, and says what happened on the wire. It knows no provider and no money.
//
// A program's chain is a list of [Middleware], the first of which is outermost:
//
//	rt := transport.Chain(transport.Base(), logging, retrying)
//	// a request passes: logging -> retrying -> Base -> network
//
// The pieces below it can be used on their own:
//
//   - [Body] looks through a request's body once, and gives each attempt a fresh copy, edited or not.
//   - [Scanner] finds members of a JSON document that arrives in pieces, in bounded memory.
//   - [Events] does the same for a stream of server-sent events.
//   - [Watcher.Watch] wraps a response's body, so that an [Observer] sees each byte that the caller reads, and its end
//     once; [Peek] looks at the beginning of one that nobody has read yet.
//   - [Trace] tells whether a request was written, and how often.
package transport
