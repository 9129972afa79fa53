package generativeai

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// FlexTimeout is the time that [FlexContext] gives a call: the 15 minutes that are the upper end of flex's target, by
// Google's page on flex inference of 2026, and as much again for a fallback or another attempt.
const FlexTimeout = 30 * time.Minute

// FlexContext returns a context for unary calls on the flex tier. Where ctx has no deadline, it ends after
// [FlexTimeout]; a deadline that ctx has counts as it is, be it longer or shorter. Call the CancelFunc when done.
//
// Without a deadline the SDK would set one of 10 minutes, which is also how long Google's servers wait for flex unless
// they are told otherwise. An answer that takes longer would be lost, and may be billed all the same. Nobody beneath the
// SDK can tell its deadline from one that the program set, so it is neither lifted nor a reason to refuse the call: a call
// that it ends says so, by a [FlexDeadlineError].
func FlexContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, FlexTimeout)
}

// A FlexDeadlineError is a call on the flex tier that was ended by a deadline 10 minutes after it began: the one that
// the SDK sets where a context has none, or one of the program's own that is just as long. It may have been billed. It
// comes by errors.As, and is a context.DeadlineExceeded to errors.Is.
type FlexDeadlineError struct{ Err error }

// Error says what happened, and what to do.
func (e *FlexDeadlineError) Error() string {
	return "generativeai: flex: the 10 minutes are over that the SDK allows where the context has no deadline; use FlexContext: " +
		e.Err.Error()
}

// Unwrap returns the error of the context, or what it made of the call.
func (e *FlexDeadlineError) Unwrap() error { return e.Err }

// Timeout is true.
func (e *FlexDeadlineError) Timeout() bool { return true }

// Temporary is false.
func (e *FlexDeadlineError) Temporary() bool { return false }

// The deadline that the SDK sets, and how far a call may have come by then.
const (
	sdkTimeout = 10 * time.Minute
	sdkSlack   = 5 * time.Second
)

// timeoutOfSDK reports whether the request's deadline may be the SDK's own.
func timeoutOfSDK(req *http.Request) bool {
	deadline, ok := req.Context().Deadline()
	left := time.Until(deadline)
	return ok && left <= sdkTimeout && left > sdkTimeout-sdkSlack
}

// explain returns the error of a call whose deadline may be the SDK's own.
func (a *adapter) explain(req *http.Request, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if e, nope := a.stack.Explain(req); nope == nil && e.Plan.First() == policy.Flex {
		return &FlexDeadlineError{err}
	}
	return err
}
