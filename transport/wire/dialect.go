package wire

import (
	"net/http"
	"net/url"

	"github.com/skinflint-go/skinflint/transport"
)

// A Dialect describes the API of one provider, or of several that share one. Implement it for a provider that package
// wire does not know, and give it to a [Router]. If the API is compatible with OpenAI's, a [Compatible] is enough.
//
// Methods are called concurrently, for any number of calls. They must not keep or change their arguments, except for the
// one that they fill in (c in Request, e in Edit, a in Headers and Answer). They must not panic, whatever bytes a program or
// a provider sends. What they put into a Call, an Answer or a Rejection ends up in rows and logs: no keys, no text of
// prompts or answers.
type Dialect interface {
	// Recognise reports whether a request is a call that the dialect understands, and returns what its method and URL say
	// about it. It is called for every request of a program, so it must return false quickly. It should set the call's
	// Shape, Choices, and Tools ([NoTools] if none of the provider's tools are charged for).
	Recognise(method string, u *url.URL) (Call, bool)

	// Request completes c with what the request's headers and the members of its body say. body has those members of
	// c.RequestPaths that the request has; it has none if the body could not be read.
	Request(c *Call, h http.Header, body *transport.Fields)

	// Edit adds to e what has to change in the request so that it is sent as w wants. What the request already says is
	// left as it is. If the request cannot be sent as wanted, Edit sets e.Problem. If it takes out what w.Held describes, it
	// sets e.Taken.
	Edit(c *Call, body *transport.Fields, w Want, e *Edits)

	// Headers notes what an answer's headers say, whatever its status.
	Headers(c *Call, h http.Header, a *Answer)

	// Answer notes what one JSON document of a 2xx answer says, by the members of c.AnswerPaths. The document is the whole
	// body or, in a stream, the data of one event; [Shape.Marks] says which events are read. Later documents add to the
	// same Answer, or correct it.
	Answer(c *Call, doc *transport.Fields, a *Answer)

	// Rejection returns what an answer outside of 2xx means. Only what the provider documents as free, or says itself that
	// it did not serve, is [policy.Rejected]: a rejected call may be sent again. In doubt it is [policy.Ambiguous].
	Rejection(c *Call, r *Response) Rejection
}
