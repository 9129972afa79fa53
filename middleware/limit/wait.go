package limit

import (
	"context"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/policy"
)

// Wait implements [Limiter].
func (q *Local) Wait(ctx context.Context, r *Request) (Permit, error) {
	p, err := q.enter(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return nil, nil
	case p.decided != nil:
		if err := q.await(ctx, &p.waiter, r); err != nil {
			return nil, err
		}
	}
	return p.admitted(), nil
}

// await returns when the waiter is admitted. It fails if the waiter is refused, or gives up.
func (q *Local) await(ctx context.Context, w *waiter, r *Request) error {
	var late, poor, stall <-chan time.Time
	if !r.Deadline.IsZero() {
		timer := time.NewTimer(time.Until(r.Deadline))
		defer timer.Stop()
		late = timer.C
	}
	if w.pays {
		timer := time.NewTimer(r.MaxWait)
		defer timer.Stop()
		poor = timer.C
	}
	if r.Stalled != nil {
		ticker := time.NewTicker(stallTime)
		defer ticker.Stop()
		stall = ticker.C
	}
	for {
		select {
		case <-w.decided:
			return w.err
		case <-ctx.Done():
			return q.giveUp(w, context.Cause(ctx))
		case <-late:
			return q.giveUp(w, context.DeadlineExceeded)
		case <-poor:
			q.hurry(w)
		case <-stall:
			if s, ok := q.stalled(w); ok {
				r.Stalled(s)
			}
		}
	}
}

// enter returns the permit of the request. If it has no channel, it was admitted at once. Else its waiter stands in a line. It returns nil if nothing matches.
func (q *Local) enter(ctx context.Context, r *Request) (*permit, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	q.match(now, r)
	if len(q.buckets)+len(q.refs) == 0 {
		return nil, nil
	}
	if ctx.Err() != nil {
		return nil, q.ended(context.Cause(ctx))
	}
	q.arrived++
	p := q.newPermit(r)
	p.arrived, p.batch, p.request, p.amounts = q.arrived, r.Class == policy.ClassBatch, r, amountsOf(r.Tokens)
	if len(q.refs) > 0 {
		p.pays, p.claim = true, &claim{until: now.elapsed + r.MaxWait}
	}
	if err := q.join(now, &p.waiter); err != nil {
		return nil, err
	}
	return p, nil
}

// ended is the error of a request whose context is done before it begins to wait.
func (q *Local) ended(cause error) error {
	if len(q.buckets) > 0 {
		return q.buckets[0].error(&Error{Err: cause})
	}
	return &Error{Limit: "the budgets", Err: cause}
}

// join admits the waiter to what was matched last, or puts it into a line. It fails if the waiter can never be admitted, or
// if rates alone would not admit it before its deadline.
func (q *Local) join(now instant, w *waiter) error {
	w.buckets = append(w.room[:0], q.buckets...)
	switch {
	case len(q.refs) == 0:
		w.claim = nil
	case w.claim == nil: // by an Update
		w.claim = &claim{until: now.elapsed + w.request.MaxWait}
		fallthrough
	default:
		w.claim.accounts = slices.Clone(q.refs)
	}
	for _, b := range w.buckets {
		if err := b.tooLarge(&w.amounts); err != nil {
			return err
		}
	}
	at, wait, err := q.examine(now, w, nil, nil)
	switch {
	case err != nil:
		return err
	case at < 0:
		q.admit(now, w)
		return nil
	}
	l := q.lineOf(w)
	if !w.request.Deadline.IsZero() {
		ahead, slowest, front := q.ahead(now, w, l)
		if slowest != nil && !now.Add(ahead).Before(w.request.Deadline) {
			return slowest.slow(now, &Error{Wait: ahead, Left: w.request.Deadline.Sub(now.Time)}, &w.amounts, &front)
		}
	}
	if w.decided == nil {
		w.decided = make(chan struct{})
	}
	if l != nil {
		l.push(w)
		return nil
	}
	l = q.newLine(w)
	l.push(w)
	q.park(l, at)
	q.watch(now, l, wait)
	q.ring(now)
	return nil
}

// ahead returns the least time for which rates and days will hold back a waiter that has just come, the bucket that holds
// it back longest, and what others take from that before. It counts waiters in front that need no place which it does not need. Any other may be held back by a limit
// of its own, and then takes no token before it. Of other lines it looks at a few only.
func (q *Local) ahead(now instant, w *waiter, own *line) (longest time.Duration, slowest *bucket, others amounts) {
	const most = 16
	for _, b := range w.buckets {
		var front amounts
		if own != nil {
			front = own.total
		}
		if b.queue != nil {
			for class, parked := range b.queue.parked {
				if class == 1 && !w.batch {
					break
				}
				for _, s := range parked[:min(len(parked), most)] {
					if s.line != own && s.line.within(w) {
						front.add(&s.line.total)
					}
				}
			}
		}
		if wait := b.until(now, &w.amounts, &front); wait > longest {
			longest, slowest, others = wait, b, front
		}
	}
	return longest, slowest, others
}

// giveUp takes a waiter out of its line and returns why. If the waiter has just been admitted, it returns nil; if it has just
// been refused, the error of that.
func (q *Local) giveUp(w *waiter, err error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.state != isWaiting {
		return w.err
	}
	now := q.now()
	refusal := q.gaveUp(now, w, err)
	q.leave(w)
	w.state, w.request = isRefused, nil
	q.serve(now)
	return refusal
}

// gaveUp is the error of a waiter that gives up. It names the place that holds it back.
func (q *Local) gaveUp(now instant, w *waiter, err error) error {
	p := w.line.spots[w.line.at].queue
	if p.bucket == nil {
		return q.poor(now, w, err)
	}
	return p.bucket.stuck(now, &Error{Err: err})
}

// hurry ends a wait for money whose time is over. A waiter that only rates hold back continues to wait.
func (q *Local) hurry(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	if w.state != isWaiting {
		return
	}
	for _, ref := range w.refs() {
		p := q.money[ref]
		if first := p.first(); first != nil && (first == w.line || first.before(w.line.late(), w.arrived)) || q.accounts.Check(now.Time, w.refs(), w.ask()) != budget.Admits {
			refusal := q.poor(now, w, errTooLong)
			q.leave(w)
			w.refuse(refusal)
			q.serve(now)
			return
		}
	}
}
