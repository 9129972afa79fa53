package middleware

import (
	"context"
	"errors"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Limit returns the link that holds each attempt back until all limits that match its call admit it, first come, first
// served. A caller that gives up takes no token, and does not hold up those behind it. A permit of a concurrency limit is
// held until the answer has been read. A wait for a rate that would exceed the call's deadline fails at once. If calls wait
// for seconds because all permits are held, the log says once a minute which calls hold them.
func Limit(limits ...policy.Limit) transport.Middleware {
	r, e := new(ruling), newEngine()
	if err := r.set(policy.Policy{Limits: limits}, e); err != nil {
		return alone(member{link: badLink{err: err}, rank: limitRank})
	}
	r.warn(e)
	return LimitBy(limit.NewLocal(limits...))
}

// LimitBy is [Limit] with a limiter of the program's own, such as one that several processes share.
func LimitBy(l limit.Limiter) transport.Middleware {
	if l == nil {
		return alone(member{link: badLink{err: errors.New("LimitBy: the limiter is nil")}, rank: limitRank})
	}
	return alone(member{link: limitLink{limiter: l}, rank: limitRank})
}

type limitLink struct {
	noLink
	limiter limit.Limiter // nil: that of the policy in force
}

func (l limitLink) before(c *call) error {
	limiter := l.limiter
	if limiter == nil && c.rules.limiter != nil {
		limiter = c.rules.limiter
	}
	if limiter == nil || c.wire.Kind == wire.Free || c.wire.Kind == wire.Poll {
		return nil
	}
	start := time.Now()
	ctx, stop := c.cancelable()
	defer stop()
	c.identify()
	permit, err := limiter.Wait(ctx, &limit.Request{
		Subject: c.subject(), Tags: c.options.Tags(), Deadline: c.deadline, Call: c.id, Stalled: c.engine.stalled,
	})
	c.waited += time.Since(start)
	if err != nil {
		return c.refuse(limitError(ctx, err))
	}
	if permit != nil {
		c.atEnd = append(c.atEnd, guarded(func(row *ledger.Row) { permit.Release(limit.Count{Row: row}) }, c.engine.logger(), "the limiter"))
	}
	return nil
}

// cancelable returns a context that is done when the request's is, or when the request's Cancel channel is closed.
func (c *call) cancelable() (ctx context.Context, stop func()) {
	cancel := c.request.Cancel //lint:ignore SA1019 http.Client sets it for a transport that is not net/http's own
	if cancel == nil {
		return c.Context, func() {}
	}
	ctx, end := context.WithCancel(c.Context)
	go func() {
		select {
		case <-cancel:
			end()
		case <-ctx.Done():
		}
	}()
	return ctx, end
}

// limitError is the refusal of an attempt that a limiter did not admit.
func limitError(ctx context.Context, err error) *Error {
	var e *limit.Error
	if !errors.As(err, &e) || e == nil {
		e = &limit.Error{Limit: "the program's own limiter", Err: err}
	}
	refusal := &Error{Kind: ErrLimit, Wait: e.Wait, Detail: e.Detail(), Err: e.Err}
	switch {
	case e.Err == nil:
		refusal.Hint = "send less at once, or allow more time"
	case ctx.Err() != nil:
		refusal.Err = contextError(ctx)
	}
	return refusal
}
