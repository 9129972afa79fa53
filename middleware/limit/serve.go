package limit

import (
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
)

// touch notes that something has changed at the place of a queue, which is served next.
func (q *Local) touch(p *queue) {
	if !p.isDirty {
		p.isDirty = true
		q.dirty = append(q.dirty, p)
	}
}

// changed is called after the bucket was changed from outside: its rate, or what is left.
func (q *Local) changed(now instant, b *bucket) {
	if b.queue != nil {
		q.touch(b.queue)
		q.serve(now)
	}
}

// serve admits every waiter that can go since something has changed.
func (q *Local) serve(now instant) {
	for len(q.dirty) > 0 {
		last := len(q.dirty) - 1
		p := q.dirty[last]
		q.dirty[last], q.dirty = nil, q.dirty[:last]
		p.isDirty = false
		q.serveAt(now, p)
	}
	q.ring(now)
}

// serveAt admits the waiters that the place of a queue holds back, until it holds back the one that goes first.
func (q *Local) serveAt(now instant, p *queue) {
	for {
		l := p.first()
		if l == nil {
			q.setAlarm(p, 0)
			return
		}
		q.examined++
		w := l.head
		at, wait, err := q.examine(now, w, l, p)
		switch {
		case err != nil:
			q.behead(l)
			w.refuse(err)
		case at < 0:
			q.behead(l)
			q.admit(now, w)
		case l.spots[at].queue == p:
			q.watch(now, l, wait)
			return
		default:
			q.park(l, at)
			q.watch(now, l, wait)
		}
	}
}

// leave takes a waiter out of its line. If it was the head, the place where the line is parked is served next.
func (q *Local) leave(w *waiter) {
	l := w.line
	if l.head != w {
		l.leave(w)
		return
	}
	q.touch(l.spots[l.at].queue)
	q.behead(l)
}

// behead takes the head out of a line. The next one is parked where it was.
func (q *Local) behead(l *line) {
	q.lift(l)
	l.leave(l.head)
	if l.head == nil {
		q.retire(l)
		return
	}
	q.park(l, l.at)
}

// watch sets the alarm of the place where a line is parked, if the line goes first there. wait is after how long time alone
// opens the place for it; 0 if it does not.
func (q *Local) watch(now instant, l *line, wait time.Duration) {
	p := l.spots[l.at].queue
	switch {
	case p.first() != l:
	case wait > 0:
		// A clock that is set forwards ends the day earlier.
		q.setAlarm(p, now.elapsed+min(wait, time.Minute))
	default:
		q.setAlarm(p, 0)
	}
}

// ring has the timer fire at the first alarm.
func (q *Local) ring(now instant) {
	var at time.Duration
	if len(q.alarms) > 0 {
		at = q.alarms[0].wake
	}
	if at == q.rings {
		return
	}
	q.rings = at
	switch {
	case q.timer == nil:
		q.timer = time.AfterFunc(at-now.elapsed, q.rang)
	case at == 0:
		q.timer.Stop()
	default:
		q.timer.Reset(at - now.elapsed)
	}
}

// rang serves the queues whose time has come.
func (q *Local) rang() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rings = 0
	now := q.now()
	for len(q.alarms) > 0 && q.alarms[0].wake <= now.elapsed {
		p := q.alarms[0]
		q.setAlarm(p, 0)
		q.touch(p)
	}
	q.serve(now)
}

// examine returns the first of the waiter's places that holds it back, and, if time alone will open that, after how long; -1
// if none does. It looks at the place of p before others. l is the waiter's line, of which it is the head; nil if it is in
// none. It fails if a budget refuses the waiter.
func (q *Local) examine(now instant, w *waiter, l *line, p *queue) (at int, wait time.Duration, err error) {
	late := w.batch
	if l != nil {
		late = l.late()
	}
	if w.claim != nil && q.accounts.Check(now.Time, w.refs(), w.ask()) == budget.Refuses {
		return 0, 0, q.poor(now, w, nil)
	}
	if p != nil && p.bucket != nil {
		for i, b := range w.buckets {
			if b == p.bucket {
				if wait, open := q.opens(now, w, late, l, b); !open {
					return i, wait, nil
				}
			}
		}
	}
	for i, b := range w.buckets {
		if wait, open := q.opens(now, w, late, l, b); !open {
			return i, wait, nil
		}
	}
	for i, ref := range w.refs() {
		if q.pays(now, w, late, l, ref, i) {
			continue
		}
		switch {
		case now.elapsed < w.claim.until:
		case l == nil:
			return 0, 0, q.poor(now, w, nil)
		default:
			return 0, 0, q.poor(now, w, errTooLong)
		}
		return len(w.buckets) + i, pause, nil
	}
	return -1, 0, nil
}

// opens reports whether a bucket admits a waiter; if not, after how long time alone opens it.
func (q *Local) opens(now instant, w *waiter, late bool, l *line, b *bucket) (time.Duration, bool) {
	p := b.queue
	if p == nil {
		return b.open(now, &w.amounts, &amounts{}, 0)
	}
	if first := p.first(); first != nil && first != l && first.before(late, w.arrived) {
		return 0, false
	}
	wait, open := b.open(now, &w.amounts, &amounts{}, 0)
	if k := p.keeper; open && k != nil && k != l && k.before(late, w.arrived) {
		kept, permits := q.kept(now, k, b)
		if _, open := b.open(now, &w.amounts, &kept, permits); !open {
			return pause, false // what is kept also depends on other places
		}
	}
	return wait, open
}

// kept returns what a bucket keeps for the head of a line that is held back elsewhere. That is nothing if the head is known to
// be held back for longer than a minute, or by money. Else it is a permit; and of its rates what the head takes, if the places
// that hold it back will be open before the bucket has as much again. So little is withheld from others.
func (q *Local) kept(now instant, k *line, b *bucket) (kept amounts, permits int) {
	w := k.head
	if k.spots[k.at].queue.bucket == nil {
		return kept, 0
	}
	var longest time.Duration
	for _, other := range w.buckets {
		if other == b {
			continue
		}
		wait, open := other.open(now, &w.amounts, &amounts{}, 0)
		first := other.queue.first()
		if !open && wait == 0 || first != nil && first != k && first.before(k.late(), w.arrived) {
			return kept, 1 // it is not known how long it takes
		}
		longest = max(longest, wait)
	}
	if longest > time.Minute {
		return kept, 0
	}
	for i := range b.flows {
		f := &b.flows[i]
		n := min(w.amounts[f.unit], f.burst)
		if longest.Seconds()*float64(f.Limit()) <= float64(n) {
			kept[f.unit] = n
		}
	}
	return kept, 1
}
