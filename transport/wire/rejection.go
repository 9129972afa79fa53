package wire

import (
	"net/http"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// A Response is an answer outside of 2xx.
type Response struct {
	Status int
	Header http.Header
	Body   []byte      // its beginning, up to 64 KB, without its compression
	Asked  policy.Tier // the tier that the attempt asked for; "" if it named none
	At     time.Time   // when it came
}

// A Rejection is what an answer outside of 2xx means. The zero Rejection is of an unknown meaning: it is taken as
// ambiguous, and the call is not sent again.
type Rejection struct {
	// Outcome is what the attempt did to the bill. [policy.Rejected] says that it was free, and needs Evidence;
	// [policy.Ambiguous], like "", that it may have been billed.
	Outcome policy.Outcome
	// Evidence is why a rejected attempt is taken to be free; "" if it is not.
	Evidence policy.Evidence
	// Reason is why the provider did not serve; "" if that is not known.
	Reason policy.Reason
	// Code is the provider's own error code. It must be fit for a log: a code, never a text, which could quote the prompt.
	Code string
	// RetryAfter is how long the provider asks to wait; 0 if it does not say. See [RetryAfter].
	RetryAfter time.Duration
	// MinTokens is how many tokens a context cache must have at least, if the reason is [policy.CacheTooSmall]; 0 if the
	// provider does not say.
	MinTokens int64
	// Quotas are the provider's limits that the body of an answer names which was rejected for one of them. Those that its
	// headers name come in addition: see [ReadQuotas].
	Quotas []Quota
}
