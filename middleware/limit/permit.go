package limit

import "slices"

// Release implements [Permit].
func (w *waiter) Release(c Count) {
	q := w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.state != isAdmitted {
		return
	}
	w.state = isReleased
	q.holders.remove(w)
	counts := amountsOf(c.Tokens)
	counts[unitRequests] = int64(max(0, c.Requests))
	changes := func(b *bucket) bool { return b.queue != nil || b.settles(&w.amounts, &counts) }
	var now instant
	if w.claim != nil || slices.ContainsFunc(w.buckets, changes) { // it takes as long as the rest to ask for the time
		now = q.now()
	}
	for _, b := range w.buckets {
		b.busy--
		b.settle(now, w.since, &w.amounts, &counts)
		if b.queue != nil {
			q.touch(b.queue)
		}
	}
	if w.claim != nil {
		q.accounts.Settle(now.Time, &w.claim.hold, c.Row)
		for _, ref := range w.refs() {
			if p := q.money[ref]; p != nil {
				q.touch(p)
			}
		}
	}
	if len(q.dirty) > 0 {
		q.serve(now)
	}
}
