package limit

import (
	"fmt"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// An Error says that an attempt was not admitted. The limit is one of ours: the provider has not seen the attempt.
type Error struct {
	Limit string        // as Describe returns it: "500 requests per minute, 32 at once"
	Key   string        // which of the limit's values, if it has Per: "tenant acme"
	Wait  time.Duration // how long it would have waited, at least; 0 if that is not known
	Left  time.Duration // how long it had
	Err   error         // why the wait ended; nil if it did not begin

	// If the attempt needs more than the limit ever admits, Asked and Allowed are how much of what Unit says, such as "tokens
	// per minute". Else they are zero.
	Asked, Allowed int64
	Unit           string
}

// Error returns [Error.Detail], and why the wait ended.
func (e *Error) Error() string {
	if e.Err == nil {
		return "limit: " + e.Detail()
	}
	return fmt.Sprintf("limit: %s: %v", e.Detail(), e.Err)
}

// Detail names the limit and, if the wait did not begin, the figures. It leaves out the cause.
func (e *Error) Detail() string {
	limit := "our limit of " + e.Limit
	if e.Key != "" {
		limit += " for " + e.Key
	}
	switch {
	case e.Err != nil:
		return "gave up waiting for " + limit
	case e.Asked > 0:
		return fmt.Sprintf("it needs %d %s, and %s admits at most %d of one attempt", e.Asked, e.Unit, limit, e.Allowed)
	}
	return fmt.Sprintf("%s would hold it back for %v, and it has %v left", limit, e.Wait.Round(time.Millisecond), e.Left.Round(time.Millisecond))
}

// Unwrap returns why the wait ended.
// It returns nil for a nil e, so that errors.As does not panic for a Limiter's typed nil.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Describe returns the text of a limit, such as "500 requests per minute, 32 at once". A limit with a name has it in
// parentheses at the end.
func Describe(l policy.Limit) string {
	var parts []string
	for _, figure := range [...]struct {
		n    int64
		unit string
	}{
		{int64(l.RequestsPerMinute), "requests per minute"},
		{l.TokensPerMinute, "tokens per minute"},
		{l.InputTokensPerMinute, "input tokens per minute"},
		{l.OutputTokensPerMinute, "output tokens per minute"},
		{int64(l.RequestsPerDay), "requests per day"},
		{l.TokensPerDay, "tokens per day"},
		{int64(l.Concurrency), "at once"},
	} {
		if figure.n != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", figure.n, figure.unit))
		}
	}
	if l.Learn {
		parts = append(parts, "what the provider's answers say")
	}
	text := strings.Join(parts, ", ")
	if l.Name != "" {
		text += " (" + l.Name + ")"
	}
	return text
}
