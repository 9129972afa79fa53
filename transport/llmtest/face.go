package llmtest

import "net/http"

// face is one endpoint of one provider: how it reads requests, and what its responses and
// errors look like. When a fault strikes, and what is billed, is the same for all faces.
//
// The server calls read first, and then, if no fault prevents it, vet and work. The other
// methods may be called at any time after read. All calls for one exchange come one after
// the other.
type face interface {
	// read fills x.params from the path and the body, and returns what is wrong with the
	// request, or nil. It fills in what it can even if something is wrong. A nil body is
	// one that was not read; then only the path counts.
	read(x *exchange, body []byte) *flaw
	// vet returns why a well-formed request is rejected, or nil. The model, the tier and
	// the flex capacity are checked after it.
	vet(x *exchange) *apiError
	// invalid returns the provider's error for a flaw.
	invalid(x *exchange, f *flaw) *apiError
	// errorFor returns the provider's error for a reason.
	errorFor(x *exchange, why reason) *apiError
	// work does what was asked for, and bills it.
	work(x *exchange) answer
	// setHeader sets the provider's headers of a response. Content-Type is already set.
	setHeader(x *exchange, h http.Header, status int)
}

// reason is a reason to answer with an error. Every provider has its own error for each.
type reason uint8

const (
	reasonServerError reason = iota
	reasonOverloaded
	reasonRateLimit // details are in exchange.quota
	reasonQuota     // the credit, or the quota of a day, is used up
	reasonFlexCapacity
	reasonFlexModel // the model does not accept flex
	reasonModel     // no such model
	reasonTier      // no such tier
	reasonScript    // the fault BadRequest
)

// What all faces share.
const (
	// untiered is the tier of an endpoint that has no tiers.
	untiered = "default"

	// organization is the organization that every key belongs to.
	organization = "org-llmtest"

	// rejectedByScript is the message of the fault BadRequest.
	rejectedByScript = "The request was rejected by the fault script."
)
