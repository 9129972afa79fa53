package adaptertest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A refusal is what the stack refuses, and how a program sees it.
type refusal struct {
	kind   error  // of the middleware.Error
	name   string // in the code and the header of an answer
	status int    // of an answer
	wait   string // the Retry-After of an answer
}

var (
	refusedCost     = refusal{middleware.ErrCost, "max_cost", http.StatusPaymentRequired, ""}
	refusedLimit    = refusal{middleware.ErrLimit, "limit", http.StatusTooManyRequests, "60"}
	refusedPolicy   = refusal{middleware.ErrPolicy, "policy", http.StatusBadRequest, ""}
	refusedDeadline = refusal{middleware.ErrDeadline, "deadline", http.StatusFailedDependency, ""}
	isAmbiguous     = refusal{middleware.ErrAmbiguous, "ambiguous", http.StatusFailedDependency, ""}
	isNotSent       = refusal{middleware.ErrNotSent, "not_sent", http.StatusFailedDependency, ""}
	isRedirect      = refusal{middleware.ErrRedirect, "redirect", http.StatusFailedDependency, ""}
	isRepeat        = refusal{middleware.ErrRepeat, "repeat", http.StatusFailedDependency, ""}
)

// refused checks how the program sees a refusal.
func (w *World) refused(err error, want refusal) {
	w.Helper()
	if !w.adapter.AsResponse {
		var e *middleware.Error
		if !errors.As(err, &e) || !errors.Is(err, want.kind) {
			w.Errorf("error %v, want %v", err, want.kind)
		}
		return
	}
	if err == nil {
		w.Errorf("no error, want %v", want.kind)
		return
	}
	got := w.adapter.Failure(err)
	if got.Status != want.status || !strings.Contains(got.Message, want.kind.Error()) {
		w.Errorf("error %v: %+v, want status %d and %q", err, got, want.status, want.kind)
	}
	if !w.adapter.can(ReadHeaders) {
		return
	}
	if got.Refusal != want.name || got.Code != "skinflint_"+want.name || got.RetryAfter != want.wait {
		w.Errorf("error %v: %+v, want %+v", err, got, want)
	}
}

// refusalCases are about what the stack refuses. None of it is sent, with or without the SDK's retries.
func refusalCases(a *Adapter) []testCase {
	var cs []testCase
	for _, c := range []struct {
		name    string
		want    refusal
		options []policy.Option
		timeout time.Duration // of the context
	}{
		{"max_cost", refusedCost, []policy.Option{policy.MaxCost(price.MustUSD("0.000001"))}, 0},
		{"limit", refusedLimit, []policy.Option{policy.FinishBy(time.Date(2000, 1, 1, 0, 0, 10, 0, time.UTC))}, 0},
		{"limit_of_context", refusedLimit, nil, 3 * time.Second},
		{"policy", refusedPolicy, []policy.Option{policy.OnTier("cheap")}, 0},
		{"deadline", refusedDeadline, []policy.Option{policy.FinishBy(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC))}, 0},
	} {
		cs = append(cs, testCase{
			name: "refusals/" + c.name, retries: !a.ResendsRefusals,
			setup: Setup{Policy: policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: 1}}}},
			test: func(w *World) {
				ctx := policy.With(w.Context(), c.options...)
				if c.timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.timeout)
					defer cancel()
				}
				refuses(w, ctx, c.want)
			},
		})
	}
	return cs
}

// refuses makes a call that is served, and one that is refused.
func refuses(w *World, ctx context.Context, want refusal) {
	w.must(w.Context(), "Who is first?")
	ctx, call := policy.Track(ctx)
	_, err := w.ask(ctx, "Who is refused?")
	w.refused(err, want)
	var why *middleware.Error
	if !errors.As(call.Err(), &why) || !errors.Is(why, want.kind) || call.Attempts() != 0 {
		w.Errorf("tracked: %v after %d attempts", call.Err(), call.Attempts())
	}
	if rows := w.Stack.Rows(); len(rows) != 2 || rows[1].Outcome != policy.Refused || rows[1].Attempt != 0 {
		w.Errorf("rows: %+v", rows)
	}
	w.Wire(1, 1)
	w.Balance()
}
