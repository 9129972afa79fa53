package wire

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// An Answer is what a 2xx answer reports about itself. It is filled in as the answer arrives: by [Dialect.Headers], and by
// [Dialect.Answer] for each of its documents. The zero Answer reports nothing.
type Answer struct {
	// RequestID is the provider's id of the request, from a header; "" if there is none.
	RequestID string
	// ResponseID is the provider's id of the answer, from its body; "" if there is none.
	ResponseID string
	// Model is the model that served; "" if the answer does not say.
	Model string
	// Tier is the tier that served; "" if the answer does not say.
	Tier policy.Tier

	// Usage is what was used, in counts that do not overlap. It is valid if HasUsage is set.
	Usage    price.Usage
	HasUsage bool
	// HasReported says that Reported is valid.
	HasReported bool
	// Problem says why the usage cannot be trusted; "" if it can.
	Problem string
	// Extras says what was used in addition to the usage and is charged for, such as web searches; "" if nothing was. The
	// cost is then not known.
	Extras string

	// Reported is what the provider says that it charged, in picodollars, if HasReported is set.
	Reported price.Pico

	// ErrorCode is the code of an error within the answer, if Failed is set; "" if it has none.
	ErrorCode string
	// Running says that the usage is that of a stream so far: only its end has all of it. See [Shape.Running], which says it
	// of every stream.
	Running bool
	// TTLAssumed says that the answer does not say for how long tokens were written to a cache. Usage then has the time that
	// the request asks for as a whole. Parts of the request may have asked for another.
	TTLAssumed bool
	// WriteTTL is the time to live of the writes to a prompt cache that we asked for: see [Edits.WriteTTL]. It counts where the
	// answer does not say it. It is set before the answer is read.
	WriteTTL time.Duration
	// Failed says that the answer holds an error.
	Failed bool
	// Complete says that a stream has said that it is complete.
	Complete bool
	// Pending says that the provider is still at work. It will report the usage under ResponseID.
	Pending bool
	// Background says that the answer belongs to a call whose result is fetched later.
	Background bool
	// WindowUnknown says that the answer is the result of a call that another process made, and does not say within which
	// completion window it was to be done. Its cost may then be lower than that of its tier.
	WindowUnknown bool
	// Hide says that the document just read is there only because usage was asked for. A [Reader] clears it before each
	// document.
	Hide bool

	// Stored is the context cache that the answer describes, if it does.
	Stored Stored

	counted  *usageState     // the counts of usages of OpenAI's shape, if there may be several
	images   bool            // the usage says how many of the output's tokens are of images
	several  bool            // there may be several documents
	counts   bool            // the document just read has a usage of a chat
	alone    bool            // that usage, the last one, came without choices
	gemini   *geminiCounts   // those of Gemini's, if there may be several
	parts    usageParts      // which parts of the usage have come, where they come apart
	window   policy.Tier     // the completion window that the provider kept to; "" if there is none
	queries  map[uint64]bool // the different searches, hashed
	grounded bool            // a search found something
}

// usageParts are the parts without which a usage is not complete.
type usageParts uint8

const (
	inputPart usageParts = 1 << iota
	outputPart
)

// Stored is a context cache, which costs by the time that it is held.
type Stored struct {
	Name    string    // its name; "" is no cache
	Model   string    // the model that it is for; "" if the answer does not say
	Tokens  int64     // how many tokens it holds; 0 if the answer does not say
	Created time.Time // zero if the answer does not say
	Expires time.Time // zero if the answer does not say
	Deleted bool      // it does not exist any more
}
