package policy

// An Outcome says what an attempt did to the bill.
type Outcome string

const (
	NotSent   Outcome = "not_sent"  // no byte of the request's headers was written: free
	Rejected  Outcome = "rejected"  // the provider completely refused: free, on the Evidence given
	Ambiguous Outcome = "ambiguous" // written, and it cannot be known whether it was billed
	Billed    Outcome = "billed"    // a complete answer
	Partial   Outcome = "partial"   // an answer began and did not end well: billed in part or whole
	Refused   Outcome = "refused"   // we refused to send it: free
	Storage   Outcome = "storage"   // no attempt: rent for a cache
	Open      Outcome = "open"      // about to be sent: what a ledger notes before it is known what became of the attempt
)

// Evidence says how it is known that a rejected attempt was free.
type Evidence string

const (
	Documented Evidence = "documented" // by the provider's documentation
	Reported   Evidence = "reported"   // by the provider's own statement in the answer that it did not serve
	Inferred   Evidence = "inferred"   // by what such an answer means
)

// A Reason says why an attempt did not end with an answer.
type Reason string

const (
	NoReason      Reason = ""
	Capacity      Reason = "capacity"        // the tier has no room: another may
	Rate          Reason = "rate"            // too fast: later
	Overloaded    Reason = "overloaded"      // the model is overloaded: later
	ServerError   Reason = "server_error"    // 5xx
	Quota         Reason = "quota"           // credit, spend or a day's quota is used up: waiting does not help
	TooLarge      Reason = "too_large"       // more than the limit ever allows
	TierRefused   Reason = "tier_refused"    // the model, or project, does not have the tier
	UsageRefused  Reason = "usage_refused"   // the request for a stream's usage is not understood
	CacheDead     Reason = "cache_dead"      // the named context cache is gone
	BadRequest    Reason = "bad_request"     // any other refusal of the request as it is
	TransportLost Reason = "transport_error" // the connection failed
	Unprocessed   Reason = "unprocessed"     // the server says, by HTTP/2's own means, that it did not process the request
	Redirected    Reason = "redirected"      // a 3xx
)
