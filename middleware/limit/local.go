package limit

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// maxOvertaken is how often the head of a line is overtaken before its buckets keep places for it.
const maxOvertaken = 32

// A waiter learns who holds the permits of a limit after stallTime, and then one waiter once in every reportTime.
const (
	stallTime  = 5 * time.Second
	reportTime = time.Minute
)

// maxHolders is how many attempts that hold a permit a [State] names.
const maxHolders = 5

// Local is the [Limiter] of one process. It must be made by [NewLocal].
//
// Waiters that need the same limits stand in one line. Only the head of a line takes a token, and only when it is admitted,
// so a waiter that leaves has taken nothing (x/time/rate does not give back all of a cancelled reservation). A line that
// waits for limit A does not hold up a line that needs only B. But then later waiters for B could overtake the head of a
// line for A and B for ever, so after maxOvertaken of them a place in B is kept for it. The work for each waiter does not
// depend on how many wait: only the heads are examined, one for each combination of limits in use.
type Local struct {
	mu      sync.Mutex
	buckets []*bucket
	lines   []*line
	holders list        // those that were admitted and hold a permit
	arrived uint64      // waiters so far; their order
	timer   *time.Timer // fires when a rate next admits the head of a line

	examined uint64 // how often the head of a line was examined: what the work for the waiters amounts to
}

// A line is the waiters that need the same buckets, the oldest first.
type line struct {
	list
	buckets   []*bucket
	overtaken int // how many later waiters took from the head's buckets
}

// A list is waiters in the order in which they were put into it.
type list struct {
	head, tail *waiter
	length     int
}

// A waiter stands in a line until it is admitted or leaves. If it is admitted, it is the attempt's Permit, and one of the
// holders until it is released.
type waiter struct {
	queue      *Local
	line       *line
	arrived    uint64
	admitted   chan struct{} // closed when it is admitted; nil if it was at once
	isAdmitted bool
	isReleased bool
	prev, next *waiter // in the line, or among the holders

	since                            time.Time // when it was admitted
	call, provider, operation, model string
}

// NewLocal returns a Local with the given limits, which must be valid: see [policy.Policy.Validate].
func NewLocal(limits ...policy.Limit) *Local {
	q := &Local{}
	for _, l := range limits {
		q.buckets = append(q.buckets, newBucket(l))
	}
	return q
}

// Wait implements [Limiter].
func (q *Local) Wait(ctx context.Context, r *Request) (Permit, error) {
	var room [8]*bucket
	buckets := q.matching(room[:0], r)
	if len(buckets) == 0 {
		return nil, nil
	}
	w, err := q.enter(buckets, r)
	switch {
	case err != nil:
		return nil, err
	case w.admitted == nil:
		return w, nil
	}
	return q.await(ctx, w, r)
}

// await returns when the waiter is admitted, or gives up.
func (q *Local) await(ctx context.Context, w *waiter, r *Request) (Permit, error) {
	var late <-chan time.Time
	if !r.Deadline.IsZero() {
		timer := time.NewTimer(time.Until(r.Deadline))
		defer timer.Stop()
		late = timer.C
	}
	var stall <-chan time.Time
	if r.Stalled != nil {
		ticker := time.NewTicker(stallTime)
		defer ticker.Stop()
		stall = ticker.C
	}
	for {
		select {
		case <-w.admitted:
			return w, nil
		case <-ctx.Done():
			return q.giveUp(w, context.Cause(ctx))
		case <-late:
			return q.giveUp(w, context.DeadlineExceeded)
		case <-stall:
			if s, ok := q.stalled(w); ok {
				r.Stalled(s)
			}
		}
	}
}

// stalled returns a limit whose permits are all held, and which keeps the waiter waiting; false if there is none, or if a
// waiter got it less than reportTime ago.
func (q *Local) stalled(w *waiter) (State, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, b := range w.line.buckets {
		if !w.isAdmitted && b.full() && (b.said.IsZero() || now.Sub(b.said) >= reportTime) {
			b.said = now
			return q.state(b, now), true
		}
	}
	return State{}, false
}

// States returns how the limits stand, in the order in which they were given to [NewLocal].
func (q *Local) States() []State {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	states := make([]State, len(q.buckets))
	for i, b := range q.buckets {
		states[i] = q.state(b, now)
	}
	return states
}

func (q *Local) state(b *bucket, now time.Time) State {
	s := State{Limit: b.limit, Busy: b.busy}
	for _, l := range q.lines {
		if slices.Contains(l.buckets, b) {
			s.Waiting += l.length
		}
	}
	for w := q.holders.head; w != nil && len(s.Holders) < maxHolders; w = w.next {
		if slices.Contains(w.line.buckets, b) {
			s.Holders = append(s.Holders, Holder{w.call, w.provider, w.operation, w.model, now.Sub(w.since)})
		}
	}
	return s
}

// matching appends the buckets whose limits match the request.
func (q *Local) matching(buckets []*bucket, r *Request) []*bucket {
	for _, b := range q.buckets {
		if b.limit.Match.Matches(&r.Subject, r.Tags) {
			buckets = append(buckets, b)
		}
	}
	return buckets
}

// enter returns a waiter for the buckets: one without a channel if it was admitted at once, and else one that stands in a
// line. It fails if the buckets' rates alone would not admit the waiter before the deadline.
func (q *Local) enter(buckets []*bucket, r *Request) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	w := &waiter{queue: q, arrived: q.arrived, line: q.lineOf(buckets),
		call: r.Call, provider: r.Subject.Provider, operation: r.Subject.Operation, model: r.Subject.Model}
	q.arrived++
	w.line.push(w)
	q.serve(now)
	if w.isAdmitted {
		return w, nil
	}
	if !r.Deadline.IsZero() {
		wait, slowest := q.ahead(w.line, now)
		if !now.Add(wait).Before(r.Deadline) {
			w.line.leave(w)
			return nil, &Error{Limit: Describe(slowest.limit), Wait: wait, Left: r.Deadline.Sub(now)}
		}
	}
	w.admitted = make(chan struct{})
	return w, nil
}

// ahead returns the least time for which the rates will hold back the last waiter of a line, which came after all others,
// and the bucket that holds it back longest. It counts the waiters in front that need no limit which it does not need. Any
// other may be held back by a limit of its own, and then takes no token before it.
func (q *Local) ahead(l *line, now time.Time) (longest time.Duration, slowest *bucket) {
	for _, b := range l.buckets {
		n := 0
		for _, other := range q.lines {
			if slices.Contains(other.buckets, b) && other.within(l) {
				n += other.length
			}
		}
		if wait := b.until(now, n); wait >= longest {
			longest, slowest = wait, b
		}
	}
	return longest, slowest
}

// lineOf returns the line for the buckets, which is new if there is none.
func (q *Local) lineOf(buckets []*bucket) *line {
	for _, l := range q.lines {
		if slices.Equal(l.buckets, buckets) {
			return l
		}
	}
	l := &line{buckets: slices.Clone(buckets)}
	q.lines = append(q.lines, l)
	return l
}

// giveUp takes a waiter out of its line, unless it was admitted at the last moment.
func (q *Local) giveUp(w *waiter, err error) (Permit, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.isAdmitted {
		return w, nil
	}
	w.line.leave(w)
	q.serve(time.Now())
	return nil, &Error{Limit: Describe(w.line.closed(time.Now()).limit), Err: err}
}

// Release implements [Permit].
func (w *waiter) Release(Count) {
	q := w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.isReleased {
		return
	}
	w.isReleased = true
	q.holders.remove(w)
	for _, b := range w.line.buckets {
		b.busy--
	}
	q.serve(time.Now())
}

// serve admits every waiter that can go. It goes through the heads of the lines in the order in which they arrived.
func (q *Local) serve(now time.Time) {
	for _, b := range q.buckets {
		b.keptPermits, b.keptTokens = 0, 0
	}
	var room [8]*line
	blocked := room[:0] // lines whose head cannot go, the oldest head first
	var soonest time.Duration
	for {
		l := q.oldest(blocked)
		if l == nil {
			break
		}
		q.examined++
		wait, ok := l.admit(now)
		if ok {
			for _, other := range blocked {
				if l.shares(other) {
					other.overtaken++
				}
			}
			continue
		}
		if wait > 0 && (soonest == 0 || wait < soonest) {
			soonest = wait
		}
		blocked = append(blocked, l)
	}
	q.wake(soonest)
}

// oldest returns the line whose head arrived first, of those that have one and are not blocked.
func (q *Local) oldest(blocked []*line) (first *line) {
	for _, l := range q.lines {
		if l.head != nil && (first == nil || l.head.arrived < first.head.arrived) && !slices.Contains(blocked, l) {
			first = l
		}
	}
	return first
}

// wake calls serve after d; 0 means that no waiter waits for a rate.
func (q *Local) wake(d time.Duration) {
	switch {
	case q.timer != nil && d == 0:
		q.timer.Stop()
	case q.timer != nil:
		q.timer.Reset(d)
	case d > 0:
		q.timer = time.AfterFunc(d, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.serve(time.Now())
		})
	}
}

// leave takes a waiter out of the line.
func (l *line) leave(w *waiter) {
	if l.head == w {
		l.overtaken = 0
	}
	l.remove(w)
}

// push puts a waiter at the end.
func (l *list) push(w *waiter) {
	if w.prev = l.tail; w.prev != nil {
		w.prev.next = w
	} else {
		l.head = w
	}
	l.tail = w
	l.length++
}

// remove takes a waiter out.
func (l *list) remove(w *waiter) {
	if l.head == w {
		l.head = w.next
	} else {
		w.prev.next = w.next
	}
	if l.tail == w {
		l.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
	l.length--
}

// closed returns the first of the line's buckets that holds it back.
func (l *line) closed(now time.Time) *bucket {
	for _, b := range l.buckets {
		if _, open := b.open(now); !open {
			return b
		}
	}
	return l.buckets[0]
}

// shares reports whether two lines have a bucket in common.
func (l *line) shares(other *line) bool {
	return slices.ContainsFunc(l.buckets, func(b *bucket) bool { return slices.Contains(other.buckets, b) })
}

// within reports whether a line needs no other buckets than another does.
func (l *line) within(other *line) bool {
	return !slices.ContainsFunc(l.buckets, func(b *bucket) bool { return !slices.Contains(other.buckets, b) })
}

// admit admits the line's head if all its buckets are open. Else it returns after how long the first of those that are
// closed by their rate will be open; 0 if there is none.
func (l *line) admit(now time.Time) (soonest time.Duration, ok bool) {
	ok = true
	var longest time.Duration
	byRate := true // every bucket that is closed is closed by its rate
	for _, b := range l.buckets {
		wait, open := b.open(now)
		ok, byRate, longest = ok && open, byRate && (open || wait > 0), max(longest, wait)
		if wait > 0 {
			soonest = min(cmp.Or(soonest, wait), wait)
		}
	}
	if !ok {
		if l.overtaken >= maxOvertaken {
			l.keep(now, byRate, longest)
		}
		return soonest, false
	}
	w := l.head
	l.leave(w)
	for _, b := range l.buckets {
		b.take(now)
	}
	w.isAdmitted, w.since = true, now
	w.queue.holders.push(w)
	if w.admitted != nil {
		close(w.admitted)
	}
	return 0, true
}

// keep has the open buckets keep a place for the line's head: a permit always, and a token if the closed ones will be open
// before the bucket has another token, so that no token is withheld from others for long.
func (l *line) keep(now time.Time, byRate bool, wait time.Duration) {
	for _, b := range l.buckets {
		if _, open := b.open(now); !open {
			continue
		}
		b.keptPermits++
		if b.rate != nil && byRate && wait <= b.interval() {
			b.keptTokens++
		}
	}
}
