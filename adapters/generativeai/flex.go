package generativeai

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// FlexTimeout is the time that [FlexContext] gives a call: 15 minutes, the upper end of the target for flex by Google's
// page on flex inference of 2026, and as long again for a fallback or another attempt.
const FlexTimeout = 30 * time.Minute

// FlexContext returns a context for calls on the flex tier that are not streams. If ctx has a deadline, longer or shorter,
// the returned context has the same one. If it has none, the returned context ends after [FlexTimeout]. Call the CancelFunc
// when the call is done.
//
// Without a deadline the SDK would set one of 10 minutes, which is also how long Google's servers work on a flex call that
// sends no X-Server-Timeout. An answer that takes longer would be lost, and may be billed all the same. Below the SDK, its
// deadline looks like one of the program. So the adapter neither removes it nor refuses the call. If it ends the call, the
// error is a [FlexDeadlineError].
func FlexContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, FlexTimeout)
}

// A FlexDeadlineError says that a deadline of 10 minutes ended a call on the flex tier: the one that the SDK sets if a
// context has none, or one of the program that is just as long. The call may have been billed. Find the error by errors.As.
// It is a context.DeadlineExceeded to errors.Is.
type FlexDeadlineError struct{ Err error }

// Error says what happened and what to do.
func (e *FlexDeadlineError) Error() string {
	return "generativeai: the SDK ended a call on the flex tier after 10 minutes, because its context has no deadline; use FlexContext: " +
		e.Err.Error()
}

// Unwrap returns Err: the error of the context, or one that wraps it.
func (e *FlexDeadlineError) Unwrap() error { return e.Err }

// Timeout returns true.
func (e *FlexDeadlineError) Timeout() bool { return true }

// Temporary returns false.
func (e *FlexDeadlineError) Temporary() bool { return false }

// sdkTimeout is the deadline that the SDK sets. sdkSlack is how much of it may be over before the adapter sees the
// request.
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

// explain returns the error of a call whose deadline may be the SDK's own: a FlexDeadlineError for a call on the flex tier.
func (a *adapter) explain(req *http.Request, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if e, failed := a.stack.Explain(req); failed == nil && e.Plan.First() == policy.Flex {
		return &FlexDeadlineError{err}
	}
	return err
}
