package middleware

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The kinds of an [Error], for errors.Is.
var (
	// ErrPolicy: a policy, or a context option, is invalid, or no link enforces it. Nothing was sent.
	ErrPolicy = errors.New("skinflint: bad policy")

	// ErrLimit: a limit of ours would have held the attempt back beyond its deadline. It was not sent.
	ErrLimit = errors.New("skinflint: limit")

	// ErrCost: the call could cost more than its limit, or it is not known how much. It was not sent.
	ErrCost = errors.New("skinflint: cost limit")

	// ErrBudget: a budget of the policy cannot pay for the attempt, or it is not known what the attempt could cost. It was
	// not sent.
	ErrBudget = errors.New("skinflint: budget")

	// ErrDeadline: the call's deadline came before it could be sent. Nothing was sent.
	ErrDeadline = errors.New("skinflint: deadline")

	// ErrWait: the call ended while it waited to be sent again.
	ErrWait = errors.New("skinflint: wait")

	// ErrTimeout: the attempt ran for longer than the policy's AttemptTimeout. It may have been billed.
	ErrTimeout = errors.New("skinflint: attempt timeout")

	// ErrAmbiguous: the attempt was sent, and failed without an answer: it may have been billed. It is not sent again.
	ErrAmbiguous = errors.New("skinflint: ambiguous failure")

	// ErrNotSent: the provider was not reached, or says that it did not process the request. It was tried as often as
	// the policy allows, but only once if it cannot be sent at all, for example because of its URL or a certificate.
	// Nothing was billed.
	ErrNotSent = errors.New("skinflint: not sent")

	// ErrRepeat: the client above repeats, on its own, a call that may have been billed. The repetition was not sent.
	ErrRepeat = errors.New("skinflint: repetition")

	// ErrRedirect: the provider redirects the call to another host, which would get the prompt and the key. It was not
	// sent there.
	ErrRedirect = errors.New("skinflint: redirect")

	// ErrBody: the request's body could not be read. Nothing was sent.
	ErrBody = errors.New("skinflint: request body")
)

// An Error says that this library refused a call or an attempt, gave it up, or will not send it again. In a chain with a
// retry link, an error of the network becomes the cause of an Error of kind [ErrAmbiguous] or [ErrNotSent]. Answers of the
// provider never become errors, whatever their status; [AsFinalResponse] replaces some of them by other responses. errors.As
// also finds an Error in the error of an SDK that wraps it.
type Error struct {
	Kind     error  // one of the errors above
	Provider string // "" if it is not known
	Model    string
	Detail   string        // what was refused, with the figures
	Hint     string        // what to do about it
	Wait     time.Duration // how long the wait would have been, if one was refused
	Attempts int           // how many attempts had been sent before
	Err      error         // the cause, if there is one

	admission error // the *limit.Error or *budget.Error of an attempt that was not admitted, for errors.As
}

// Error says who refused what, why, and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.Error())
	if e.Model != "" {
		fmt.Fprintf(&b, " for %s", e.Model)
	}
	if e.Detail != "" {
		fmt.Fprintf(&b, ": %s", e.Detail)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	switch {
	case e.Attempts == 1:
		b.WriteString(" (after 1 attempt)")
	case e.Attempts > 1:
		fmt.Fprintf(&b, " (after %d attempts)", e.Attempts)
	default:
		b.WriteString(" (nothing was sent)")
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "; %s", e.Hint)
	}
	return b.String()
}

// Unwrap returns the kind, the cause, and the [*limit.Error] or [*budget.Error] of an attempt that was not admitted.
func (e *Error) Unwrap() []error {
	all := append(make([]error, 0, 3), e.Kind)
	for _, err := range []error{e.Err, e.admission} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// Temporary returns false, so that no client above sends again what we refused.
func (e *Error) Temporary() bool { return false }

// Timeout reports whether the caller's own deadline came while the call waited. It returns false for any other error, so
// that no client above sends it again.
func (e *Error) Timeout() bool {
	return (e.Kind == ErrWait || e.Kind == ErrLimit) && errors.Is(e.Err, context.DeadlineExceeded)
}

// NonRetriable marks the error for Azure's SDK core, which then does not send the call again.
func (e *Error) NonRetriable() {}

// kinds are the names of the kinds of errors in rows and responses.
var kinds = map[error]string{
	ErrPolicy: "policy", ErrDeadline: "deadline", ErrLimit: "limit", ErrCost: "max_cost", ErrBudget: "budget", ErrWait: "wait", ErrBody: "body",
	ErrTimeout: "timeout", ErrAmbiguous: "ambiguous", ErrNotSent: "not_sent", ErrRepeat: "repeat", ErrRedirect: "redirect",
}

// refusalCode is the name of a refusal in a row.
func refusalCode(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return "skinflint_" + kinds[e.Kind]
	}
	return ""
}

// A causedError has a text of its own, and a cause for errors.Is and errors.As.
type causedError struct {
	text  string
	cause error
}

func (e *causedError) Error() string { return e.text }

func (e *causedError) Unwrap() error { return e.cause }
