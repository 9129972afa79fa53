package adaptertest

import (
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
)

// An Adapter describes an SDK over a stack, in one of the ways to use it. An SDK with several ways, such as two
// providers or a client and a middleware, has one Adapter for each.
type Adapter struct {
	// Provider is the provider's name in a [ledger.Row].
	Provider string

	// Models are the models to call, at least one. Most cases call the first. The kit knows the prices of gpt-5 and
	// gpt-5-mini, gemini-2.5-flash and gemini-2.5-pro, claude-sonnet-4-5 and claude-haiku-4-5.
	Models []string

	// Tiers are the tiers that the provider accepts besides the standard one: none, or some of policy.Flex and
	// policy.Priority.
	Tiers []policy.Tier

	// Stack holds further options for the stack of every case, such as a catalog of prices.
	Stack []middleware.Option

	// New returns a client over w.Stack, which sends through w.Base. It reports failures by w.Fatal. At this time
	// w.Client is not set yet, and w.Server is nil if MadeOutside is true.
	New func(w *World, o Options) Client

	// MadeOutside makes the stack and the client before the bubble is entered. It is for SDKs whose clients start
	// goroutines that never end.
	MadeOutside bool

	// Middleware says that the stack stands above the SDK's http.Client, as a middleware of the SDK. The timeout of
	// that http.Client then ends an attempt; below an SDK, it ends the whole call.
	Middleware bool

	// AsResponse says that the adapter uses [middleware.AsResponse]: the program sees a refusal as an answer with a
	// status. If it is false, a refusal is a [*middleware.Error] to errors.As.
	AsResponse bool

	// Failure reads an error of the SDK. For an error that is no answer it returns the zero Failure.
	Failure func(error) Failure

	// RetryCount is the header in which the SDK counts its own retries, "" if there is none. The kit checks that every
	// request says "0".
	RetryCount string

	// RetriesTimeout says that Options.Timeout is a timeout of one attempt, which the SDK resends if Options.Retries is
	// set. If it is false, the timeout ends the call.
	RetriesTimeout bool

	// RetriesLost says that the SDK resends an attempt that the timeout of its http.Client has ended, if Options.Retries
	// is set: to the SDK that is a lost connection.
	RetriesLost bool

	// ResendsRefusals says that the SDK, if Options.Retries is set, resends what the stack refused before anything was
	// sent. That costs nothing, but has rows of its own. The cases about refusals then run without retries only.
	ResendsRefusals bool

	// Cut is how a call ends whose answer breaks off. CutStream is the same for a stream. The zero Ending is any error.
	// Their Text is that of HTTP/1, such as "unexpected EOF". Over HTTP/2 it is then "INTERNAL_ERROR".
	Cut, CutStream Ending

	// ErrorEvent is how a stream ends after an error event. The zero Ending is any error.
	ErrorEvent Ending

	// Late is how a call ends when its context's deadline passes before there is an answer, and Cancelled when the
	// context is cancelled. The zero Endings are errors that are context.DeadlineExceeded and context.Canceled to
	// errors.Is. LateStream is the same as Late for a stream that has begun to arrive.
	Late, LateStream, Cancelled Ending

	// CachedContent says that the provider takes the name of a context cache by [policy.CachedContent]. CachePath is
	// what stands before the model's name when such a cache is created, as at Vertex AI.
	CachedContent bool
	CachePath     string

	// Cannot says what the SDK cannot do, and why. A reason may not be empty.
	Cannot map[Ability]string
}

// An Ability is something that some SDKs cannot do.
type Ability string

const (
	// CloseStream: the program can close a stream before its end. It needs Client.Open.
	CloseStream Ability = "close a stream"

	// ReadErrorEvents: a stream with an error event can be read to its end in a bubble.
	ReadErrorEvents Ability = "read an error event"

	// ReadHeaders: the program sees the headers and the code of an answer that is an error. It needs
	// Failure.Refusal, Failure.Code and Failure.RetryAfter.
	ReadHeaders Ability = "read the headers of an error"

	// ReadReasoning: the provider says how many tokens were reasoning.
	ReadReasoning Ability = "read the reasoning tokens"

	// ReadTier: the program sees the tier that served a call. It needs Answer.Tier.
	ReadTier Ability = "read the served tier"

	// ReadUsage: the program sees the usage of a call. It needs Answer.Input and Answer.Output.
	ReadUsage Ability = "read the usage"

	// Retries: the SDK can resend a call on its own. It needs Options.Retries.
	Retries Ability = "retry on its own"

	// StreamUsage: the program can ask for the usage of a stream. It needs Client.StreamUsage.
	StreamUsage Ability = "ask for the usage of a stream"

	// Timeout: the SDK has a timeout of its own. It needs Options.Timeout.
	Timeout Ability = "time out on its own"

	// UseHTTPClient: the adapter takes an http.Client of the program. It needs Options.HTTPClient.
	UseHTTPClient Ability = "use an http.Client of the program"
)

var abilities = []Ability{
	CloseStream, ReadErrorEvents, ReadHeaders, ReadReasoning, ReadTier, ReadUsage, Retries, StreamUsage, Timeout, UseHTTPClient,
}

// Options say how a client is made.
type Options struct {
	// Retries turns the SDK's own retries on: as many as it makes by default, two at least. They are off without it.
	Retries bool

	// Timeout is the SDK's own timeout; 0: none, or what the SDK has by default.
	Timeout time.Duration

	// HTTPClient is the program's http.Client, nil if it has none.
	HTTPClient *http.Client
}

// A Client makes calls by the SDK. Its functions may be called by several goroutines.
type Client struct {
	// Ask makes a call with one message of the user.
	Ask func(ctx context.Context, model, text string) (Answer, error)

	// Stream makes the same call by a stream and reads it to its end. It returns an error if the program sees what it
	// did not ask for, such as a chunk with nothing but the usage.
	Stream func(ctx context.Context, model, text string) (Answer, error)

	// StreamUsage is Stream, but asks for the usage as a program does. It needs Answer.Input and Answer.Output.
	StreamUsage func(ctx context.Context, model, text string) (Answer, error)

	// Open starts a stream, reads its first event, and returns what closes it.
	Open func(ctx context.Context, model, text string) (io.Closer, error)
}

// An Answer is what a program reads from an answer.
type Answer struct {
	Text string // what the model wrote

	// Tier is the served tier by the provider's name, as [llmtest.Generation] has it. Only Ask reads it.
	Tier string

	// Input and Output are the tokens. Output may leave reasoning tokens out, where the SDK counts them apart. Only Ask
	// and StreamUsage read them.
	Input, Output int64
}

// A Failure is an answer that the SDK returned as an error.
type Failure struct {
	Status     int    // of the answer; 0 if the error is no answer
	Code       string // the code or the type of the error
	Message    string // the message, or the whole text of the error
	Refusal    string // the header Skinflint-Refusal
	RetryAfter string // the header Retry-After
}

// An Ending is how a call ends for the program. Each field that is set is checked.
type Ending struct {
	// Status is that of the error's Failure.
	Status int

	// Text is a part of the error's text.
	Text string

	// Hidden says why the SDK returns no error, always or at times. The error is then not checked.
	Hidden string
}

// CloserFunc makes an [io.Closer] of a function, for Client.Open.
type CloserFunc func() error

// Close calls f.
func (f CloserFunc) Close() error { return f() }

// can reports whether the SDK can do something.
func (a *Adapter) can(what Ability) bool {
	_, cannot := a.Cannot[what]
	return !cannot
}

func (a *Adapter) takes(t policy.Tier) bool { return slices.Contains(a.Tiers, t) }

func (a *Adapter) model() string { return a.Models[0] }

// fault returns what is wrong with the description itself; "" if nothing is.
func (a *Adapter) fault() string {
	switch {
	case a.Provider == "":
		return "Provider is empty"
	case len(a.Models) == 0:
		return "Models is empty"
	case a.New == nil:
		return "New is nil"
	case a.Failure == nil:
		return "Failure is nil"
	}
	for what, reason := range a.Cannot {
		if !slices.Contains(abilities, what) {
			return "Cannot has an unknown ability: " + string(what)
		}
		if reason == "" {
			return "Cannot gives no reason why the SDK cannot " + string(what)
		}
	}
	return ""
}

// gap returns which of the abilities of its Adapter a client lacks; "" if none.
func (a *Adapter) gap(c Client) string {
	switch {
	case c.Ask == nil:
		return "Client.Ask is nil"
	case c.Stream == nil:
		return "Client.Stream is nil"
	case c.Open == nil && a.can(CloseStream):
		return "Client.Open is nil, and Cannot does not say why the SDK cannot close a stream"
	case c.StreamUsage == nil && a.can(StreamUsage):
		return "Client.StreamUsage is nil, and Cannot does not say why the SDK cannot ask for the usage of a stream"
	}
	return ""
}
