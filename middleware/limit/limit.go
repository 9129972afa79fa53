// Package limit holds attempts back until the limits of a policy admit them: so many requests per minute, and so many
// under way at once.
//
// A caller waits for a [Limiter] before each attempt. [Local] is the Limiter of a single process; one for several processes,
// on Redis for example, implements the same interface:
//
//	limiter := limit.NewLocal(policy.Limit{RequestsPerMinute: 500, Concurrency: 32})
//	permit, err := limiter.Wait(ctx, limit.Request{Subject: subject})
//	if err != nil {
//		return err
//	}
//	defer permit.Release() // when the response has been read to its end, not when its headers arrive
//
// Package middleware does this in its Limit link; a program needs this package only to implement a Limiter, or to use one
// outside of HTTP.
package limit

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// A Limiter admits attempts. Its methods are called concurrently.
type Limiter interface {
	// Wait returns when every limit that matches the request admits one attempt. It takes from all of these limits at
	// once, or from none. Attempts that wait for the same limits are admitted in the order in which they came.
	//
	// Wait returns a nil Permit, at once, if no limit matches. It fails, with an [*Error], at once if the rates alone would
	// make the attempt wait until the request's deadline or beyond, and else when the deadline comes or ctx is done. An attempt
	// that failed to get a Permit has taken nothing from any limit, and does not hold up those behind it.
	Wait(ctx context.Context, r Request) (Permit, error)
}

// A Permit is held by an attempt that was admitted.
type Permit interface {
	// Release gives the attempt's places in limits on concurrency back. It is called once, when the attempt's response
	// has been read or closed, or the attempt has failed.
	Release()
}

// A Request is an attempt that asks to be admitted.
type Request struct {
	// Subject and Tags are what limits match.
	Subject policy.Subject
	Tags    map[string]string

	// Deadline is when the attempt must have been admitted. The zero Time is never.
	Deadline time.Time

	// Call is the id of the attempt's call, by which a [Holder] can be found in a ledger. It may be "".
	Call string

	// Stalled, if it is not nil, may be called while the attempt waits, with a limit whose permits are all held. [Local]
	// does so when an attempt has waited for 5 seconds, and not more often than once a minute for each limit.
	Stalled func(State)
}

// A State is how a limit stands.
type State struct {
	Limit   policy.Limit
	Busy    int      // attempts that were admitted and hold a permit
	Waiting int      // attempts that wait for this limit, or for another one as well
	Holders []Holder // those that have held a permit for longest, the longest first: at most 5
}

// A Holder is an attempt that holds a permit.
type Holder struct {
	Call      string // as in its [Request]
	Provider  string
	Operation string
	Model     string
	For       time.Duration
}

// String returns the holder for people to read: "openai chat of gpt-5 for 12m0s, call 01K".
func (h Holder) String() string {
	s := fmt.Sprintf("%s %s of %s for %v", h.Provider, h.Operation, cmp.Or(h.Model, "no model"), h.For.Round(time.Second))
	if h.Call != "" {
		s += ", call " + h.Call
	}
	return s
}

// An Error says that an attempt was not admitted.
type Error struct {
	Limit string        // as Describe returns it: "500 requests per minute, 32 at once"
	Wait  time.Duration // how long it would have waited, at least; 0 if that is not known
	Left  time.Duration // how long it had
	Err   error         // why the wait ended; nil if it did not begin, because it would have exceeded the deadline
}

// Error returns [Error.Detail], and why the wait ended.
func (e *Error) Error() string {
	if e.Err == nil {
		return "limit: " + e.Detail()
	}
	return fmt.Sprintf("limit: %s: %v", e.Detail(), e.Err)
}

// Detail names the limit and, if the wait did not begin, both times. It leaves out the cause.
func (e *Error) Detail() string {
	if e.Err != nil {
		return fmt.Sprintf("gave up waiting for our limit of %s", e.Limit)
	}
	return fmt.Sprintf("our limit of %s would hold it back for %v, and it has %v left", e.Limit,
		e.Wait.Round(time.Millisecond), e.Left.Round(time.Millisecond))
}

// Unwrap returns why the wait ended.
func (e *Error) Unwrap() error { return e.Err }

// Describe returns the text of a limit, such as "500 requests per minute, 32 at once".
func Describe(l policy.Limit) string {
	switch {
	case l.RequestsPerMinute == 0:
		return fmt.Sprintf("%d at once", l.Concurrency)
	case l.Concurrency == 0:
		return fmt.Sprintf("%d requests per minute", l.RequestsPerMinute)
	}
	return fmt.Sprintf("%d requests per minute, %d at once", l.RequestsPerMinute, l.Concurrency)
}
