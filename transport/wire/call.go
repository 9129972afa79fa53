package wire

import (
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// The names of operations, as rows and rules use them.
const (
	Chat          = "chat"          // a chat completion
	Responses     = "responses"     // a response of OpenAI's Responses API
	Compact       = "compact"       // the compaction of a conversation of that API
	Completions   = "completions"   // OpenAI's older text completions
	Embeddings    = "embeddings"    // embeddings, of any provider
	Transcription = "transcription" // the transcription of audio, or its translation
	Images        = "images"        // images, generated or edited
	Generate      = "generate"      // Gemini's generateContent and streamGenerateContent
	Interactions  = "interactions"  // Gemini's interactions
	CreateCache   = "create_cache"  // the creation of a Gemini context cache
	UpdateCache   = "update_cache"  // a change of its time to live; free
	DeleteCache   = "delete_cache"  // its deletion; free
	CacheStorage  = "cache_storage" // holding a context cache: rows that stand for no request
	CountTokens   = "count_tokens"  // a count of tokens; free
	Messages      = "messages"      // Anthropic's messages
	Unknown       = "unknown"       // a POST to a known provider that no dialect understands
)

// A Kind says what a call does to the bill, and so what a chain may do with it.
type Kind uint8

const (
	Billable   Kind = iota // charged for when it is answered; may be edited, and sent again
	Observed               // charged for, at least perhaps, when it is answered; sent once, as it is
	Submission             // submits work that is charged for when it is done; sent once, as it is
	Poll                   // asks for the result of an earlier call, and may report its usage; sent as it is
	Free                   // costs nothing; sent as it is
)

// A Call is what is known about one recognised call. Its [Shape] says what is the same for every call of the operation; the
// other fields say what this request asks for. [Dialect.Recognise] returns it, and [Dialect.Request] completes it.
//
// Zero fields are safe: a field that a dialect does not set counts as not known, and what is not known is bounded by the
// dearest case, or has no bound.
type Call struct {
	// Shape is what all calls of the operation have in common. A [Router] replaces nil with an empty Shape: the call is
	// then sent as it is, and its usage is not read.
	*Shape

	// Model is the model that the request names; "" if it names none.
	Model string
	// Tier is the service tier that the request names, in a policy's terms; "" if it names none.
	Tier policy.Tier
	// Cache is the context cache that the request names; "" if it names none.
	Cache string
	// MaxOutput is the most output tokens that the request allows for one answer. Zero or less means that it does not
	// say: the bound is then the model's own limit. An operation without output says so in [Shape.NoOutput].
	MaxOutput int64
	// Choices is how many answers the request asks for. Zero or less means that it is not known, and the call's cost
	// then has no bound. An operation with a single answer has to say 1.
	Choices int64

	// Kind is what the call does to the bill; zero is [Billable].
	Kind Kind
	// Stream says that the answer is to be a stream of events.
	Stream bool
	// Usage says that the caller itself asks for a stream's usage, or declines it. Such a request is left as it is.
	Usage bool

	// TierFixed says that the request names another way of processing, such as a completion window, with which no tier may
	// be combined. Tier is then that way.
	TierFixed bool
	// Foreign says that the host is not known to be the provider's own: it may be a gateway's. What the provider documents
	// as free is then not taken as documented. The Router sets it.
	Foreign bool
	// Regional says that the call goes to a region, where some models cost more.
	Regional bool
	// Background says that the answer is to be fetched later.
	Background bool
	// Refers says that the call has input that is not in the request, and that [Shape.Harmless] does not show: what tools
	// bring in. Its input then has no bound but the model's own limit.
	Refers bool
	// Unlimited says that the model's own limits of input and output may not hold, as for a longer context on request.
	Unlimited bool
	// NotRead says that the request's body could not be read: see [Call.Unread].
	NotRead bool
	// Tools says whether the model may use tools that are charged for and that the answer's usage does not report in full.
	// Zero is not known.
	Tools Tools
	// Fees says whether the model may use tools that are charged for at all, whether or not the usage reports them. It
	// counts where it is more than Tools; zero is the same as Tools.
	Fees Tools
	// CacheAsked is what the request says about a prompt cache.
	CacheAsked CacheAsked

	media  bool   // something else than text is embedded, or may be
	timed  bool   // the request says how long the server may take
	ttl    string // the time to live of what the request has written to a prompt cache, as JSON
	parent string // what the name of a context cache begins with, on Vertex AI: "projects/P/locations/L/"
}

// TTL returns the time to live that the request asks for as a whole, for what it has written to a prompt cache; "" if it asks
// for none.
func (c *Call) TTL() string { return strings.Trim(c.ttl, `"`) }

// A Shape is what all calls of one operation of a dialect have in common. A dialect makes its shapes once and has each
// [Call] point to one. A Shape must not be changed after that: it is read concurrently.
//
// In the zero Shape nothing is edited and nothing is looked for, and the operation has no price.
type Shape struct {
	// Provider is the provider's name, in rows, in rules, and in a catalog of prices.
	Provider string
	// Operation is the operation's name: [Chat], or any other.
	Operation string
	// Prices is the provider whose prices hold, if they are another's: Vertex AI has those of "gemini". "" is Provider.
	Prices string
	// Unpriced says why the call's cost cannot be known from its usage; "" if it can.
	Unpriced string

	// Tiers are the service tiers that the operation accepts. Nil is none: no tier is then set or removed.
	Tiers []policy.Tier
	// Strict are the tiers that either serve or reject a call that asks for them. An answer that does not name its tier
	// was then served by the one asked for. For any other tier, such an answer's tier is not known.
	Strict []policy.Tier
	// OnePrice says that all tiers have the price of the standard tier.
	OnePrice bool
	// Caches says that the operation accepts the name of a context cache.
	Caches bool
	// Writes are the times to live of what can be written to the provider's prompt cache at a price, the shortest first: see
	// [PromptCache]. Not every model has such writes: those that have a price for them do. Nil is none.
	Writes []time.Duration
	// AskUsage says that a stream reports its usage only on request, and that the provider understands the request.
	AskUsage bool
	// Form says that the request's body is a multipart form. Its fields are read as if they were members of an object.
	Form bool
	// NoOutput says that the answer has no output tokens, as for embeddings.
	NoOutput bool

	// Metering is what the provider counts against its limits on tokens.
	Metering Metering

	// Harmless are the members of a request that add nothing to its cost but their bytes. Nil is none: what a call can cost
	// then has no bound. See [Outline].
	Harmless *Outline
	// OwnTools has only such tools in "tools" as are the program's own: a list that is too long to be kept is compared with it.
	// Nil is none: such a list is searched for the names of tools that are charged for.
	OwnTools *Outline
	// Added is how many tokens of its own the provider adds to a request at most: a system prompt, a text about tools. Zero
	// is 1,024; for a host that is not the provider's own, 1,024 is the least.
	Added int64

	// RequestPaths are the members to look for in the request's body. Nil is none: [Dialect.Request] gets no fields.
	RequestPaths *transport.Paths
	// Prefix says where a request has its context. Nil is for an operation of which that is not known: nothing of it is then
	// cached.
	Prefix *PrefixShape
	// AnswerPaths are the members to look for in an answer's documents. Nil is none: no event of a stream is read, and the
	// usage is not known.
	AnswerPaths *transport.Paths
	// AnswerLimit is the longest value of a member that is kept, in bytes; zero is 1 KB.
	AnswerLimit int

	// Marks are names of members, in quotes: an event of a stream is read only if it has one of them, with a value other
	// than null and "". The first event is always read. Nil reads every event, which is safe, and slower.
	//
	// With the marks {`"usage"`}, these events are read or not:
	//
	//	{"id":"c-1","choices":[{"delta":{"role":"assistant"}}],"usage":null}            read: it is the first
	//	{"id":"c-1","choices":[{"delta":{"content":"Hello"}}],"usage":null}             not read
	//	{"id":"c-1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}     read: it has a mark
	Marks [][]byte
	// Events are names of server-sent events ("event: NAME") that are read whatever marks they have.
	Events [][]byte
	// Done is the data of the event that ends a stream and is no JSON document: [DONE]. Nil if there is none.
	Done []byte
	// Last is the name of a member, in quotes: an event in which its value is neither null nor "" may be the stream's last
	// with content. If the caller stops reading after it, the usage reported so far counts. It is for calls with one answer
	// (Choices is 1), and should be among Marks. Nil if there is none.
	Last []byte
	// Running says that a stream reports its usage as it goes, so that only the end of the stream has all of it. Otherwise
	// usage is what a stream reports last.
	Running bool

	request  func(c *Call, body *transport.Fields)                               // of an operation of OpenAI's API
	answer   func(c *Call, doc *transport.Fields, a *Answer) (at transport.Path) // returns where the document names its tier
	grounded *Shape                                                              // for a request whose answer counts searches

	// Only a usage that comes with an event that has Last, or after it, is that of the whole stream.
	lateUsage bool

	usages          *usageTable // of a usage of OpenAI's shape
	exactTotal      bool        // the total of a usage is the sum of its parts
	reasoningApart  bool        // reasoning is neither in the count of the output nor in the total
	hiddenReasoning bool        // reasoning may be in the total only
	freshImages     bool        // images of the prompt were not cached, whatever the count of cached tokens
}

// noShape is the Shape of a call whose dialect gave none.
var noShape = new(Shape)

// newCall returns a billable call that asks for one answer and uses no tools, which its body may change.
func newCall(s *Shape) Call { return Call{Shape: s, Choices: 1, Tools: NoTools, Fees: NoTools} }

// Tools says whether a request lets the model use tools that are charged for in addition to its tokens.
type Tools uint8

const (
	UnknownTools Tools = iota // the dialect does not say: the request is searched for names of tools that are charged for
	NoTools                   // none, or functions of the program's own
	CountedTools              // some, such as a web search, whose uses the answer counts
	PaidTools                 // others
	MaybeTools                // the list of tools is too long to be read; as UnknownTools
)

// unknownTier is the tier of a request that does not say plainly which one it asks for.
const unknownTier policy.Tier = "unknown"

// Unread notes that the request's body could not be read: nothing that it may ask for is then known.
func (c *Call) Unread() {
	c.NotRead, c.Choices, c.media = true, 0, true
	if !c.NoOutput {
		c.Tools, c.Fees = PaidTools, PaidTools
	}
}
