package middleware

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Limit returns the link that holds attempts back, each by the limits that match its call: first come, first served,
// with no place in the queue, and no token, lost to a caller that gives up. A permit of a concurrency limit is held
// until the answer has been read. A wait for a rate that would pass the call's deadline fails at once.
func Limit(limits ...policy.Limit) transport.Middleware {
	e := newEngine(policy.Policy{Limits: limits})
	e.governs = false
	return e.limit()
}

func (e *engine) limit() transport.Middleware {
	return e.watcher(func(r *record, req *http.Request, next hop) (*http.Response, error) {
		q := r.rulesOf(e).queue
		if q == nil || r.call.Kind != wire.Billable && r.call.Operation != wire.Unknown {
			return next.send(r, req)
		}
		w := q.matching(r)
		if w == nil {
			return next.send(r, req)
		}
		if r.sending {
			// A foreign link stands between the attempt and this one, and may try several times: each try gives back
			// what the one before it held.
			if before := r.held[q]; before != nil {
				before()
			}
		}
		start := time.Now()
		refusal := q.wait(req, w, r.deadline)
		r.waited += time.Since(start)
		if refusal != nil {
			return nil, r.refuse(refusal)
		}
		release := sync.OnceFunc(func() { q.release(w) })
		if r.sending {
			if r.held == nil {
				r.held = make(map[*queue]func())
			}
			r.held[q] = release
			r.attempt.atEnd = append(r.attempt.atEnd, release)
			resp, err := next.send(r, req)
			if err != nil {
				release()
			}
			return resp, err
		}
		r.atEnd = append(r.atEnd, release)
		sent := r.attempts
		defer func() {
			// An attempt that a link beneath refused, or that panicked, never began, and never ends.
			if r.attempts == sent {
				r.atEnd = nil
				release()
			}
		}()
		return next.send(r, req)
	})
}

// A queue is where attempts wait for their limits. It asks the rate limiters only for whoever is at the head, so that a
// waiter that leaves has taken nothing.
type queue struct {
	mu      sync.Mutex
	buckets []*bucket
	waiters []*waiter
	timer   *time.Timer // fires when a rate limiter next has a token
}

// A bucket is one limit at work.
type bucket struct {
	limit policy.Limit
	rate  *rate.Limiter // nil: any rate
	busy  int           // permits that are out

	// During serve:
	slots  int  // permits kept for waiters who have been overtaken too often
	tokens int  // and tokens
	closed bool // nobody further back can go through
}

type waiter struct {
	buckets []*bucket
	granted chan struct{} // closed when it may go
	passed  int           // how often it was overtaken
}

func newQueue(limits []policy.Limit) *queue {
	q := &queue{}
	for _, l := range limits {
		b := &bucket{limit: l}
		if l.RequestsPerMinute > 0 {
			burst := l.Burst
			if burst == 0 {
				burst = max(1, l.RequestsPerMinute/60)
			}
			b.rate = rate.NewLimiter(rate.Limit(float64(l.RequestsPerMinute)/60), burst)
		}
		q.buckets = append(q.buckets, b)
	}
	return q
}

// String returns the limit in words.
func (b *bucket) String() string {
	switch {
	case b.limit.RequestsPerMinute == 0:
		return fmt.Sprintf("%d at once", b.limit.Concurrency)
	case b.limit.Concurrency == 0:
		return fmt.Sprintf("%d requests per minute", b.limit.RequestsPerMinute)
	}
	return fmt.Sprintf("%d requests per minute, %d at once", b.limit.RequestsPerMinute, b.limit.Concurrency)
}

// open reports whether the bucket would let someone through, beside those for whom it keeps a place; and if not because
// of its rate, how long until it would.
func (b *bucket) open(now time.Time) (wait time.Duration, ok bool) {
	if b.limit.Concurrency > 0 && b.busy+b.slots >= b.limit.Concurrency {
		return 0, false
	}
	wait = b.until(now, 1+b.tokens)
	return wait, wait == 0
}

// until returns how long it is until the bucket's rate allows n more.
func (b *bucket) until(now time.Time, n int) time.Duration {
	if b.rate == nil {
		return 0
	}
	missing := float64(n) - b.rate.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(missing / float64(b.rate.Limit()) * float64(time.Second)))
}

// matching returns a waiter for the limits that match the call; nil if none does.
func (q *queue) matching(r *record) (w *waiter) {
	subject := r.subject()
	for _, b := range q.buckets {
		if !b.limit.Match.Matches(&subject, r.options.Tags()) {
			continue
		}
		if w == nil {
			w = &waiter{granted: make(chan struct{})}
		}
		w.buckets = append(w.buckets, b)
	}
	return w
}

// wait returns when w may go. It fails when the request's context is done, and at once when w could not go before the
// deadline.
func (q *queue) wait(req *http.Request, w *waiter, deadline time.Time) *Error {
	if err := q.enter(w, deadline); err != nil || w.gone() {
		return err
	}
	var late <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-w.granted:
		return nil
	case <-req.Context().Done():
		return q.giveUp(w, contextError(req.Context()))
	case <-req.Cancel: //lint:ignore SA1019 http.Client sets it for a transport that is not net/http's own
		return q.giveUp(w, context.Canceled)
	case <-late:
		return q.giveUp(w, context.DeadlineExceeded)
	}
}

// enter puts w into the queue, or refuses it.
func (q *queue) enter(w *waiter, deadline time.Time) *Error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiters = append(q.waiters, w)
	q.serve()
	if w.gone() || deadline.IsZero() {
		return nil
	}
	now := time.Now()
	wait, b := q.ahead(w, now)
	if !now.Add(wait).After(deadline) {
		return nil
	}
	q.leave(w)
	return &Error{Kind: ErrLimit, Wait: wait,
		Detail: fmt.Sprintf("our limit of %s would hold it back for %v, and it has %v left", b,
			wait.Round(time.Millisecond), deadline.Sub(now).Round(time.Millisecond)),
		Hint: "send less at once, or allow more time"}
}

// ahead returns how long w will wait for its rates at least, and for which bucket longest.
func (q *queue) ahead(w *waiter, now time.Time) (longest time.Duration, slowest *bucket) {
	for _, b := range w.buckets {
		n := 0
		for _, other := range q.waiters {
			if slices.Contains(other.buckets, b) {
				n++
			}
		}
		if wait := b.until(now, n); wait >= longest {
			longest, slowest = wait, b
		}
	}
	return longest, slowest
}

func (q *queue) giveUp(w *waiter, err error) *Error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.gone() {
		return nil // at the last moment; what the context says, the request will find out
	}
	q.leave(w)
	q.serve()
	return &Error{Kind: ErrLimit, Err: err, Detail: fmt.Sprintf("gave up waiting for our limit of %s", w.buckets[0])}
}

func (w *waiter) gone() bool {
	select {
	case <-w.granted:
		return true
	default:
		return false
	}
}

func (q *queue) leave(w *waiter) {
	if i := slices.Index(q.waiters, w); i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
	}
}

// release gives back the permits that w holds.
func (q *queue) release(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range w.buckets {
		b.busy--
	}
	q.serve()
}

// serve lets go whoever may, from the head on: first come, first served, but one that waits for one bucket does not keep
// those behind it from another that is open. It may be overtaken so maxPassed times.
func (q *queue) serve() {
	now := time.Now()
	for _, b := range q.buckets {
		b.slots, b.tokens, b.closed = 0, 0, false
	}
	var soonest time.Duration
	stay := q.waiters[:0]
	for i, w := range q.waiters {
		if q.closed() {
			stay = append(stay, q.waiters[i:]...)
			break
		}
		wait, ok := w.try(now)
		if ok {
			w.overtake(stay)
			continue
		}
		if wait > 0 && (soonest == 0 || wait < soonest) {
			soonest = wait
		}
		stay = append(stay, w)
	}
	clear(q.waiters[len(stay):])
	q.waiters = stay
	q.wake(soonest)
}

// closed reports whether nobody further back can go.
func (q *queue) closed() bool {
	for _, b := range q.buckets {
		if !b.closed {
			return false
		}
	}
	return true
}

// maxPassed is how often a waiter is overtaken before the buckets keep places for it.
const maxPassed = 32

// overtake counts that w went before those of the waiters in front that need one of its buckets.
func (w *waiter) overtake(front []*waiter) {
	for _, other := range front {
		if slices.ContainsFunc(other.buckets, func(b *bucket) bool { return slices.Contains(w.buckets, b) }) {
			other.passed++
		}
	}
}

// try lets w go if all its buckets are open, and else returns when the first of the others may be, by its rate; 0: none.
func (w *waiter) try(now time.Time) (soonest time.Duration, ok bool) {
	ok = true
	var longest time.Duration
	byRate := true // all that are closed are closed by their rate
	for _, b := range w.buckets {
		wait, open := b.open(now)
		b.closed = !open
		if wait > 0 && (soonest == 0 || wait < soonest) {
			soonest = wait
		}
		longest, ok, byRate = max(longest, wait), ok && open, byRate && (open || wait > 0)
	}
	if !ok {
		if w.passed >= maxPassed {
			w.keep(byRate, longest)
		}
		return soonest, false
	}
	for _, b := range w.buckets {
		b.busy++
		if b.rate != nil {
			b.rate.AllowN(now, 1)
		}
	}
	close(w.granted)
	return 0, true
}

// keep has the open buckets keep a place for w: a permit always, and a token where the others will be open before the
// bucket has another one, so that it is not withheld from those behind for long.
func (w *waiter) keep(byRate bool, wait time.Duration) {
	for _, b := range w.buckets {
		if b.closed {
			continue
		}
		b.slots++
		if b.rate != nil && byRate && wait <= time.Minute/time.Duration(b.limit.RequestsPerMinute) {
			b.tokens++
		}
	}
}

// wake has serve called again after d; 0: not by time.
func (q *queue) wake(d time.Duration) {
	switch {
	case d == 0 && q.timer != nil:
		q.timer.Stop()
	case d == 0:
	case q.timer != nil:
		q.timer.Reset(d)
	default:
		q.timer = time.AfterFunc(d, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.serve()
		})
	}
}
