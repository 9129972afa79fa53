package policy

// An Outcome says what an attempt did to the bill.
type Outcome string

const (
	NotSent   Outcome = "not_sent"  // no byte of the request's headers was written: free
	Rejected  Outcome = "rejected"  // the provider rejected it completely: free, by the Evidence given
	Ambiguous Outcome = "ambiguous" // the request was written, and it cannot be known whether it was billed
	Billed    Outcome = "billed"    // a complete answer
	Partial   Outcome = "partial"   // an answer began and did not end well: billed in part or in full
	Refused   Outcome = "refused"   // we refused to send it: free
	Storage   Outcome = "storage"   // not an attempt: the rent of a context cache
	Open      Outcome = "open"      // about to be sent: what a ledger records before the outcome is known
)

// Evidence says how it is known that a rejected attempt was free.
type Evidence string

const (
	Documented Evidence = "documented" // by the provider's documentation
	Reported   Evidence = "reported"   // by the provider's own statement in the answer that it did not serve
	Inferred   Evidence = "inferred"   // by what such an answer means
)

// A Reason says why an attempt did not end with an answer. The zero Reason gives none.
type Reason string

const (
	Capacity      Reason = "capacity"        // the tier has no capacity; another tier may have some
	Rate          Reason = "rate"            // a rate limit: a later attempt may succeed
	Overloaded    Reason = "overloaded"      // the model is overloaded: a later attempt may succeed
	ServerError   Reason = "server_error"    // 5xx
	Quota         Reason = "quota"           // credit, a spend cap or a day's quota is used up: waiting does not help
	TooLarge      Reason = "too_large"       // larger than the limit ever allows
	TierRejected  Reason = "tier_refused"    // the model or the project does not have the tier
	UsageRejected Reason = "usage_refused"   // the provider rejects a request for a stream's usage
	WriteRejected Reason = "write_refused"   // the provider rejects a request for writes to its prompt cache, or for none
	CacheDead     Reason = "cache_dead"      // the context cache does not exist any more
	CacheTooSmall Reason = "cache_too_small" // the content is too small for a context cache
	CacheMismatch Reason = "cache_mismatch"  // the context cache is of another model
	CacheConflict Reason = "cache_conflict"  // the request has what may only be in its context cache
	NoCaches      Reason = "no_caches"       // the model, or the project, can have no context caches
	BadRequest    Reason = "bad_request"     // the provider rejects the request for any other reason
	TransportLost Reason = "transport_error" // the connection failed
	Unprocessed   Reason = "unprocessed"     // HTTP/2 says that the server did not process the request
	Redirected    Reason = "redirected"      // a 3xx
	Permanent     Reason = "permanent"       // it was not sent, and cannot be: a bad URL or header, no such host, an unknown certificate
)
