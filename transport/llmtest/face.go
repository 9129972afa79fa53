package llmtest

import (
	"net/http"
	"time"
)

// face is how one endpoint of one provider puts things. Everything else, such as
// when a fault strikes and what is billed, is the same behind every face.
type face interface {
	// read fills x.ask, and returns what is wrong with the request, or nil. What
	// could be read is there all the same.
	read(x *exchange, body []byte) *flaw
	// vet returns why a request that is well formed is refused, or nil. The model,
	// the tier and the flex capacity are looked at after it.
	vet(x *exchange) *apiError
	// invalid and say put a flaw and a trouble into the provider's words.
	invalid(x *exchange, f *flaw) *apiError
	say(x *exchange, t trouble) *apiError
	// work does what was asked, and bills it.
	work(x *exchange) answer
	// head adds the headers of the provider. Content-Type is already set.
	head(x *exchange, h http.Header, status int)
}

// flaw is what is wrong with a request. Where the provider is OpenAI, code and
// param go on the wire as they are.
type flaw struct {
	param, code, message string
}

// trouble is a reason to refuse that every provider has its own words for.
type trouble uint8

const (
	brokenServer trouble = iota
	busyServer
	throttled // x.quota says for how long
	creditGone
	noFlexRoom
	noFlexForModel
	unknownModel
	unknownTier
	scriptedRefusal
)

// answer is what the work came to.
type answer struct {
	body   []byte
	stream *stream // instead of body
}

// stream is an answer in pieces.
type stream struct {
	contentType string
	frames      [][]byte // with their line ends
	// failure returns what follows the first n frames if it goes wrong there.
	failure func(n int) [][]byte

	// held is the frame that is not sent before until, and only if alive says so
	// then. A nil alive holds nothing.
	held  int
	until time.Time
	alive func() bool
}

// untiered is the tier of an endpoint that has no tiers.
const untiered = "default"
