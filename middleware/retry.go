package middleware

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Retry returns the only link that sends a call again. Whether, how and when is decided by [policy.Next] from what
// became of the attempts so far. In the end the caller gets the last answer, its body unread, or the last error.
func Retry(p policy.Policy) transport.Middleware { return newEngine(p).retry() }

func (e *engine) retry() transport.Middleware {
	return e.watcher(func(r *record, req *http.Request, next hop) (resp *http.Response, err error) {
		if r.governed || r.call.Free || r.call.Poll {
			return next.send(r, req) // there is one above, or nothing to pay twice
		}
		r.governed = true
		s := r.settle(e)
		if r.call.Passive {
			r.lookAhead(req)
		}
		if err := r.repeated(s); err != nil || r.call.Passive {
			if err != nil {
				return nil, err
			}
			return r.sendHeld(req, next)
		}
		if release := r.hold(); release != nil {
			defer release()
		}
		for {
			d := policy.Next(r.history(s))
			if !d.Send && r.attempts == 0 {
				return nil, r.refuse(&Error{Kind: ErrDeadline, Detail: "no time is left"})
			}
			if d.Send && d.UsesQuota && !e.quotas.take(quotaOf(r, req), s.RetryQuota) {
				r.exhausted = s.RetryQuota
				d.Send = false
			}
			if !d.Send {
				return resp, err
			}
			if resp != nil {
				resp.Body.Close() // it was read to its end, if that was to be had: see attempt.refused
			}
			if err := r.sleep(req, d.Wait); err != nil {
				e.giveBack(r, req, d.UsesQuota)
				return nil, r.refuse(&Error{Kind: ErrWait, Err: err, Wait: d.Wait, Detail: fmt.Sprintf("it was to wait %v before it is sent again (%s)", d.Wait.Round(time.Millisecond), d.Why)})
			}
			r.step = d.Step
			before := r.attempts
			resp, err = r.sendHeld(req, next)
			e.refill(r, req, d.UsesQuota)
			if r.attempts == before {
				e.giveBack(r, req, d.UsesQuota)
			}
			if r.refusal != nil || r.attempts == before || req.Context().Err() != nil {
				return resp, err
			}
		}
	})
}

// refill gives back to the retry quota what an attempt that succeeded gives; cost says that it was taken from it.
func (e *engine) refill(r *record, req *http.Request, cost bool) {
	n := len(r.results)
	switch {
	case n == 0 || r.results[n-1].Outcome != policy.Billed || !e.quotas.any.Load():
	case cost:
		e.quotas.give(quotaOf(r, req), retryCost)
	default:
		e.quotas.give(quotaOf(r, req), successGives)
	}
}

// giveBack gives back to the retry quota what was taken for an attempt that was not sent after all.
func (e *engine) giveBack(r *record, req *http.Request, cost bool) {
	if cost {
		e.quotas.give(quotaOf(r, req), retryCost)
	}
}

func (r *record) history(s *policy.Settings) policy.History {
	var elapsed time.Duration
	if n := len(r.results); n > 0 {
		elapsed = r.results[n-1].Ended // a moment ago
	}
	return policy.History{
		Settings: s, Results: r.results, Elapsed: elapsed, Left: r.left(elapsed),
		Replayable: r.body.Replayable(), MaxBilled: r.maxBilled, Random: rand.Uint64(),
	}
}

// sleep waits, unless the request's context is done first; the error is then its cause, and is the context's own too.
func (r *record) sleep(req *http.Request, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	start := time.Now()
	defer func() { r.waited += time.Since(start) }()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-req.Context().Done():
		return contextError(req.Context())
	case <-req.Cancel: //lint:ignore SA1019 http.Client sets it for a transport that is not net/http's own
		return context.Canceled
	}
}

// contextError returns the error of a context that is done, together with its cause if that is another.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return errors.Join(err, cause)
}
