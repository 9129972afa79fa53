package limit

import "slices"

// A permit is what [Local] returns for a waiter that is admitted.
type permit struct {
	waiter

	local *Local
}

// newPermit returns a permit for the waiter of a request for which the limits were matched last.
func (q *Local) newPermit(r *Request) *permit {
	if !q.holds() {
		return &permit{local: q}
	}
	p := &struct { // so that it is a single allocation
		permit
		holder
	}{permit{local: q}, holderOf(r)}
	p.permit.holder = &p.holder
	return &p.permit
}

// admitted returns the permit for the attempt. One of limits that learn is also a [LearningPermit].
func (p *permit) admitted() Permit {
	if p.notes != nil {
		return learningPermit{p}
	}
	return p
}

// A learningPermit is a permit of limits of which at least one learns.
type learningPermit struct{ *permit }

// Learn implements [LearningPermit].
func (p learningPermit) Learn(a Answer) {
	q := p.local
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	n := p.notes
	for i := range n.marks {
		m := &n.marks[i]
		m.bucket.learn(now, n, m, &a)
		q.changed(now, m.bucket)
	}
}

// Release implements [Permit].
func (p *permit) Release(c Count) {
	q, w := p.local, &p.waiter
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.state != isAdmitted {
		return
	}
	w.state = isReleased
	if w.holder != nil {
		q.holders.remove(w)
	}
	counts := amountsOf(c.Tokens)
	counts[unitRequests] = int64(max(0, c.Requests))
	changes := func(b *bucket) bool { return b.queue != nil || b.settles(w.turn, &w.amounts, &counts) }
	var now instant
	if w.claim != nil || slices.ContainsFunc(w.buckets, changes) { // time.Now takes as long as the rest
		now = q.now()
	}
	for _, b := range w.buckets {
		b.busy--
		b.settle(now, w.turn, &w.amounts, &counts)
		if b.queue != nil {
			q.touch(b.queue)
		}
	}
	switch {
	case w.claim != nil:
		q.accounts.SettleBoth(now.Time, &w.claim.hold, c.Row, c.Storage)
		for _, ref := range w.refs() {
			if p := q.money[ref]; p != nil {
				q.touch(p)
			}
		}
	case c.Storage != nil: // a budget may have come since
		q.accounts.Spend(q.now().Time, c.Storage)
	}
	if len(q.dirty) > 0 {
		q.serve(now)
	}
}
