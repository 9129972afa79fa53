// Package wire knows how LLM providers speak HTTP: which requests are calls that cost money, where a call names its
// model, its tier and its context cache, how an answer tells what was used and which tier served, and what a refusal
// means for the bill.
//
// What is true of one provider stands in one file, behind the [Dialect] interface, which a program can implement for
// a provider of its own; for one that speaks as OpenAI does, a [Compatible] with its hosts and tiers will do. A [Router]
// finds the dialect of a request. Provider facts carry their source.
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
	Chat          = "chat"          // a chat completion
	Responses     = "responses"     // OpenAI's responses
	Compact       = "compact"       // and the compaction of a conversation
	Completions   = "completions"   // OpenAI's older completions
	Embeddings    = "embeddings"    // of any provider
	Transcription = "transcription" // of audio, or its translation
	Images        = "images"        // generated or edited
	Generate      = "generate"      // Gemini's generateContent and streamGenerateContent
	Interactions  = "interactions"  // Gemini's interactions
	CreateCache   = "create_cache"  // a Gemini context cache
	UpdateCache   = "update_cache"  // its time to live; free
	DeleteCache   = "delete_cache"  // free
	CacheStorage  = "cache_storage" // what holding it costs: of rows that stand for no request
	CountTokens   = "count_tokens"  // free
	Messages      = "messages"      // Anthropic's
	Unknown       = "unknown"       // a POST to a known provider that no dialect understands
)

// A Dialect is how one provider, or a family of them, speaks. Its methods are called concurrently, and must not keep
// what they are given. None may panic, whatever bytes a provider or a program sends.
type Dialect interface {
	// Recognise reports whether a request is a call that the dialect understands, by its method and URL alone, and
	// what can be said of it by them. It is asked about every request of a program, so it should be quick to say no.
	Recognise(method string, u *url.URL) (Call, bool)

	// Request completes c with what the request's headers and the members of its body say. The body has those of
	// c.RequestPaths that it has, and none if it could not be read.
	Request(c *Call, h http.Header, body *transport.Fields)

	// Edit adds to e how the request has to change to be sent as w wants it. What the request already says is left
	// as it is.
	Edit(c *Call, body *transport.Fields, w Want, e *Edits)

	// Headers notes what the headers of an answer say, whatever its status.
	Headers(c *Call, h http.Header, a *Answer)

	// Answer notes what a JSON document of a 2xx answer says: the whole body or, in a stream, the data of one event,
	// of which Answer is called for those that may matter (see [Call.Marks]).
	Answer(c *Call, doc *transport.Fields, a *Answer)

	// Refusal says what an answer outside of 2xx means.
	Refusal(c *Call, r *Response) Refusal
}

// A Kind says what a call does to the bill, and so what a chain may do about it.
type Kind uint8

const (
	Billable   Kind = iota // charged for when it is answered; the chain may edit it, and send it again
	Observed               // charged for when it is answered, or perhaps; sent once, as it is
	Submission             // hands in work that is charged for when it is done; sent once, as it is
	Poll                   // asks for the result of an earlier call, and may report its usage; sent as it is
	Free                   // costs nothing; sent as it is
)

// A Call is what is known of a recognised call.
type Call struct {
	Provider  string
	Operation string
	Kind      Kind // what it does to the bill
	Model     string
	Tier      policy.Tier // the tier that the request names, in a policy's terms; zero if it names none
	Cache     string      // the context cache that the request names
	Stream    bool        // the answer is to be a stream
	Usage     bool        // the caller itself asks for a stream's usage, or declines it
	MaxOutput int64       // the most output tokens that the request allows for a choice; -1 if it does not say
	Choices   int64       // how many answers it asks for; 0 is 1, and -1 that it does not say so plainly

	Tiers    []policy.Tier // that the operation accepts; nil if none
	Caches   bool          // the operation accepts a context cache's name
	AskUsage bool          // a stream's usage comes only on request, and the provider understands that request
	Form     bool          // the body is a multipart form, whose fields are read as if they were members
	Foreign  bool          // the host is not known to be the provider's own: it may be a gateway's, or anybody's

	Background bool  // the answer is to be fetched later
	Refers     bool  // the request refers to input that is not in it
	Tools      Tools // whether the model may use tools that are charged for, beside what the usage tells
	Fees       Tools // whether it may use any at all, where that is more

	// Prices is the provider whose prices hold, if they are another's: Vertex AI's are Gemini's.
	Prices string
	// Regional says that the call goes to a region, for which some models cost more.
	Regional bool
	// OnePrice says that all tiers cost the same.
	OnePrice bool
	// Strict has the tiers that serve if they are asked for, or else refuse: an answer that does not say which tier
	// served was then served by the one asked for.
	Strict []policy.Tier
	// Unpriced says why the call's cost cannot be known from its usage, if that is so.
	Unpriced string

	RequestPaths *transport.Paths // what to look for in the request's body
	AnswerPaths  *transport.Paths // what to look for in an answer's documents
	AnswerLimit  int              // the longest value of these that is kept; 0 is 1 KB

	// Running says that a stream tells its usage as it goes, so that only its end has all of it.
	Running bool

	// Marks are quoted names of members of which an event of a stream must have one, with a value other than null,
	// to be worth reading. The first event is always read, as are those whose name is among Events.
	Marks  [][]byte
	Events [][]byte

	// Done, if not nil, is the data of an event that ends a stream and is no JSON document.
	Done []byte
	// Last is a quoted name of a member by which, if its value is not null, an event says that the stream could end
	// after it: what has been said of usage counts, even if the caller does not read on.
	Last []byte

	form   *form  // of an OpenAI-shaped call
	ttl    string // for which the request has its prompt written to a cache, as JSON
	parent string // what the name of a context cache begins with, on Vertex AI
	timed  bool   // the request says how long the server may take
}

// Tools says whether a request lets the model use tools that are charged for beside the tokens.
type Tools uint8

const (
	NoTools      Tools = iota // none, or functions of the program's own
	CountedTools              // such as a web search, and the answer tells how often they were used
	PaidTools                 // others
	MaybeTools                // the list is too long to tell
)

// Want is how an attempt is to be sent.
type Want struct {
	Tier  policy.Tier // to ask for; zero: name none
	Usage bool        // ask for a stream's usage
	Cache string      // the context cache to use; "": whatever the request names

	// Left is how long the attempt has; 0 if nothing ends it. Google is told.
	Left time.Duration
}

// Edits are changes to a request.
type Edits struct {
	Body   []transport.Edit
	Header []HeaderEdit

	// HideUsage says that the answer will hold an event which the caller did not ask for; [Answer.Hide] finds it.
	HideUsage bool
	// Problem says why the request cannot be sent as it is wanted; "" if it can.
	Problem string
}

// A HeaderEdit sets a header, or with an empty Value takes it away.
type HeaderEdit struct{ Key, Value string }

// An Answer is what a provider's answer says about itself, gathered as it arrives.
type Answer struct {
	RequestID  string
	ResponseID string
	Model      string      // the model that served
	Tier       policy.Tier // the tier that served; zero if it does not say

	Usage    price.Usage
	HasUsage bool
	Problem  string // why the usage cannot be trusted; "" if it can
	Extras   string // what was used beside the tokens and is charged for, such as web searches; "" if nothing was

	// Reported is what the provider says that it charged, if it does.
	Reported    price.Pico
	HasReported bool

	ErrorCode  string // of an error within the answer
	Failed     bool   // there was one
	Complete   bool   // a stream has said that it is complete
	Pending    bool   // the provider is still at work: what it uses will be told under ResponseID
	Background bool   // the answer is of a call that was made to be asked for later
	Hide       bool   // the document just read is there only because usage was asked for

	// Stored is the context cache that the answer speaks of, if it does.
	Stored Stored

	parts    parts           // what of the usage was there, where it comes in parts
	queries  map[uint64]bool // of searches, hashed
	grounded bool            // by what a search found
}

// Stored is a context cache, which costs by the time that it is held.
type Stored struct {
	Name    string // "" is none
	Model   string
	Tokens  int64 // 0 if the answer does not say
	Created time.Time
	Expires time.Time
	Deleted bool
}

// A Response is an answer outside of 2xx.
type Response struct {
	Status int
	Header http.Header
	Body   []byte      // its beginning, up to 64 KB
	Asked  policy.Tier // the tier that the attempt asked for
	At     time.Time   // when it came
}

// A Refusal is what an answer outside of 2xx means.
type Refusal struct {
	Outcome    policy.Outcome
	Evidence   policy.Evidence
	Reason     policy.Reason
	Code       string        // the provider's own, fit for a log
	RetryAfter time.Duration // what it asks to wait; 0 if it does not say
}
