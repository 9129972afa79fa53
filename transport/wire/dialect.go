// Package wire knows how LLM providers speak HTTP: which requests are calls that cost money, where a call names its
// model and tier, how an answer tells what was used and which tier served, and what a refusal means for the bill.
//
// What is true of one provider stands in one file, behind the [Dialect] interface, which a program can implement for
// a provider of its own. Provider facts carry their source.
package wire

import (
	"net/http"
	"net/url"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// The names of operations, as rows and rules use them.
const (
	Chat = "chat" // a chat completion
)

// A Dialect is how one provider, or a family of them, speaks. Its methods are called concurrently, and must not keep
// what they are given. None may panic, whatever bytes a provider or a program sends.
type Dialect interface {
	// Recognise reports whether a request is a call that the dialect understands, by its method and URL alone, and
	// what can be said of it by them. It is asked about every request of a program, so it should be quick to say no.
	Recognise(method string, u *url.URL) (Call, bool)

	// Request completes c with what the members of the request's body say. The body has those of c.RequestPaths
	// that it has, and none if it could not be read.
	Request(c *Call, body *transport.Fields)

	// Edit adds to e how the request has to change to be sent as w wants it. What the request already says is left
	// as it is.
	Edit(c *Call, body *transport.Fields, w Want, e *Edits)

	// Headers notes what the headers of an answer say, whatever its status.
	Headers(c *Call, h http.Header, a *Answer)

	// Answer notes what a JSON document of a 2xx answer says: the whole body or, in a stream, the data of one event,
	// of which Answer is called for those that may matter (see [Call.Marks]).
	Answer(c *Call, doc *transport.Fields, a *Answer)

	// Refusal says what an answer outside of 2xx means. The body is its beginning, up to 64 KB.
	Refusal(c *Call, status int, h http.Header, body []byte, now time.Time) Refusal
}

// A Call is what is known of a recognised call.
type Call struct {
	Provider  string
	Operation string
	Model     string
	Tier      policy.Tier // the tier that the body names, in a policy's terms; zero if it names none
	Stream    bool        // the answer is to be a stream
	Usage     bool        // the caller itself asks for a stream's usage, or declines it
	MaxOutput int64       // the most output tokens that the request allows for a choice; -1 if it does not say
	Choices   int64       // how many answers it asks for; 0 is 1, and -1 that it does not say so plainly
	Tiers     bool        // the operation accepts a tier
	Caches    bool        // the operation accepts a context cache's name
	AskUsage  bool        // a stream's usage comes only on request, and the provider understands that request
	Regional  bool        // the host is bound to a region, for which some models cost more

	RequestPaths *transport.Paths // what to look for in the request's body
	AnswerPaths  *transport.Paths // what to look for in an answer's documents

	// Marks are quoted names of members of which an event of a stream must have one, with a value other than null,
	// to be worth reading. The first event is always read.
	Marks [][]byte

	// Done, if not nil, is the data of an event that ends a stream and is no JSON document.
	Done []byte
}

// Want is how an attempt is to be sent.
type Want struct {
	Tier  policy.Tier // to ask for; zero: name none
	Usage bool        // ask for a stream's usage
}

// Edits are changes to a request.
type Edits struct {
	Body []transport.Edit

	// HideUsage says that the answer will hold an event which the caller did not ask for; [Answer.Hide] finds it.
	HideUsage bool
}

// An Answer is what a provider's answer says about itself, gathered as it arrives.
type Answer struct {
	RequestID  string
	ResponseID string
	Model      string      // the model that served
	Tier       policy.Tier // the tier that served; zero if it does not say

	Usage    price.Usage
	HasUsage bool
	Problem  string // why the usage cannot be trusted; "" if it can

	ErrorCode string // of an error within the answer
	Failed    bool   // there was one
	Complete  bool   // a stream has said that it is complete
	Hide      bool   // the document just read is there only because usage was asked for
}

// A Refusal is what an answer outside of 2xx means.
type Refusal struct {
	Outcome    policy.Outcome
	Evidence   policy.Evidence
	Reason     policy.Reason
	Code       string        // the provider's own, fit for a log
	RetryAfter time.Duration // what it asks to wait; 0 if it does not say
}

// Recognise asks each dialect in turn, and returns the first that recognises the request.
func Recognise(dialects []Dialect, method string, u *url.URL) (Dialect, Call, bool) {
	for _, d := range dialects {
		if c, ok := d.Recognise(method, u); ok {
			return d, c, true
		}
	}
	return nil, Call{}, false
}

// Dialects returns the dialects that this package knows, the particular before the general.
func Dialects() []Dialect { return []Dialect{Compatible{}, OpenAI{}} }
