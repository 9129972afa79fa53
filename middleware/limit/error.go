package limit

import (
	"fmt"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// An Error says that an attempt was not admitted. The limit is one of ours: the provider has not seen the attempt.
type Error struct {
	Name  string        // of the limit; "" if it has none
	Limit string        // all its figures, as Describe returns them: "500 requests per minute, 32 at once"
	Key   string        // which of the limit's values, if it has Per: "tenant acme"
	Wait  time.Duration // how long it would have waited, at least; 0 if that is not known
	Left  time.Duration // how long it had
	Err   error         // why the wait ended; nil if it did not begin

	// Figure and Unit say which of the limit's figures held the attempt back, as it is in force: 200000 "tokens per minute",
	// 32 "at once". They are zero if that is not known.
	Figure int64
	Unit   string

	// Learned says that the figure is not the policy's, but comes from the provider's answers.
	Learned bool

	// Blocked says that none of the figures held it back: the provider has asked that nothing is sent for some time.
	Blocked bool

	// If the attempt needs more than the limit ever admits, Asked is how much of Unit, and Allowed the most that is admitted.
	// Else they are zero.
	Asked, Allowed int64
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
	switch {
	case e.Asked > 0:
		return e.tooLarge()
	case e.Err != nil && e.Blocked:
		return "gave up waiting for " + e.named() + ", because the provider has asked to send nothing for some time"
	case e.Err != nil:
		return "gave up waiting for " + e.subject()
	case e.Blocked:
		return fmt.Sprintf("%s would hold it back for %v, because the provider has asked to send nothing for that long, and it has %v left",
			e.named(), e.Wait.Round(time.Millisecond), e.Left.Round(time.Millisecond))
	}
	return fmt.Sprintf("%s would hold it back for %v, and it has %v left", e.subject(), e.Wait.Round(time.Millisecond), e.Left.Round(time.Millisecond))
}

// tooLarge says that an attempt needs more than the limit ever admits.
func (e *Error) tooLarge() string {
	what, period, ok := strings.Cut(e.Unit, " per ")
	switch {
	case !ok:
		return fmt.Sprintf("it needs %d, and %s allows at most %d", e.Asked, e.subject(), e.Allowed)
	case e.Allowed == e.Figure || e.Figure == 0:
		return fmt.Sprintf("it needs %d %s, and %s allows %d per %s", e.Asked, what, e.named(), e.Allowed, period)
	}
	return fmt.Sprintf("it needs %d %s, and %s allows %d at once", e.Asked, what, e.named(), e.Allowed)
}

// named names the limit without its figures.
func (e *Error) named() string {
	text := "our limit"
	if e.Name != "" {
		text += fmt.Sprintf(" %q", e.Name)
	}
	if e.Key != "" {
		text += " for " + e.Key
	}
	return text
}

// subject names the limit with the figure that held the attempt back. If that is not known, a limit without a name has all of
// its figures.
func (e *Error) subject() string {
	text := "our limit"
	if e.Name != "" {
		text += fmt.Sprintf(" %q", e.Name)
	}
	switch {
	case e.Unit != "":
		text += fmt.Sprintf(" of %d %s", e.Figure, e.Unit)
	case e.Name == "" && e.Limit == ownLimits:
		text += " from the provider's answers"
	case e.Name == "" && e.Limit != "":
		text += " of " + e.Limit
	}
	if e.Key != "" {
		text += " for " + e.Key
	}
	if e.Learned {
		text += ", learned from the provider's answers,"
	}
	return text
}

// Unwrap returns why the wait ended.
// It returns nil for a nil e, so that errors.As does not panic for a Limiter's typed nil.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// ownLimits describes a limit that learns.
const ownLimits = "the provider's own limits"

// NameOf returns what a limit is called: its name, or if it has none its figures.
func NameOf(l policy.Limit) string {
	if l.Name != "" {
		return l.Name
	}
	return Describe(l)
}

// Describe returns the figures of a limit, such as "500 requests per minute, 32 at once".
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
	text := strings.Join(parts, ", ")
	switch {
	case l.Learn && text == "":
		return ownLimits
	case l.Learn:
		return text + ", " + ownLimits
	}
	return text
}
