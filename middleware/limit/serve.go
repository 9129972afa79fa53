package limit

import "time"

// changed is called after the bucket was changed from outside: its rate, or what is left.
func (q *Local) changed(now instant, b *bucket) {
	if b.queue != nil {
		q.touch(b.queue)
		q.serve(now)
	}
}

// serve admits every waiter that can go after what has changed.
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
			q.alarms.set(p, 0)
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

// admit admits the waiter, which takes from all its places.
func (q *Local) admit(now instant, w *waiter) {
	for _, b := range w.buckets {
		b.take(now, &w.amounts)
		w.note(now, b)
		if b.queue != nil {
			q.overtakes(b.queue, w)
		}
	}
	if c := w.claim; c != nil {
		c.hold = q.accounts.Hold(now.Time, c.accounts, w.request.Cost.Pico)
		for _, ref := range w.refs() {
			if p := q.money[ref]; p != nil {
				q.overtakes(p, w)
			}
		}
	}
	q.admitted++
	w.state, w.since, w.turn, w.request, w.line = isAdmitted, now.elapsed, q.admitted, nil, nil
	if w.holder != nil {
		q.holders.push(w)
	}
	if w.decided != nil {
		close(w.decided)
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
		q.alarms.set(p, now.elapsed+min(wait, time.Minute))
	default:
		q.alarms.set(p, 0)
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
		q.alarms.set(p, 0)
		q.touch(p)
	}
	q.serve(now)
}
