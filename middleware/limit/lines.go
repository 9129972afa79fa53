package limit

// maxOvertaken is how often the head of a line is overtaken before it is protected.
const maxOvertaken = 32

// lineOf returns the line in which a waiter stands; nil if there is none.
func (q *Local) lineOf(w *waiter) *line {
	for l := q.lines[w.hash()]; l != nil; l = l.next {
		if l.fits(w) {
			return l
		}
	}
	return nil
}

// newLine returns an empty line for a waiter.
func (q *Local) newLine(w *waiter) *line {
	l := &line{batch: w.batch, hash: w.hash(), spots: make([]spot, 0, len(w.buckets)+len(w.refs()))}
	for _, b := range w.buckets {
		if b.queue == nil {
			b.queue = &queue{bucket: b}
		}
		l.spots = append(l.spots, spot{line: l, queue: b.queue})
	}
	for _, ref := range w.refs() {
		p := q.money[ref]
		if p == nil {
			p = &queue{ref: ref}
			q.money[ref] = p
		}
		l.spots = append(l.spots, spot{line: l, queue: p})
	}
	for i := range l.spots {
		l.spots[i].queue.lines++
	}
	l.next, q.lines[l.hash] = q.lines[l.hash], l
	return l
}

// retire forgets a line that is empty and was lifted.
func (q *Local) retire(l *line) {
	if q.lines[l.hash] == l {
		if l.next == nil {
			delete(q.lines, l.hash)
		} else {
			q.lines[l.hash] = l.next
		}
	} else {
		before := q.lines[l.hash]
		for before.next != l {
			before = before.next
		}
		before.next = l.next
	}
	for i := range l.spots {
		p := l.spots[i].queue
		if p.lines--; p.lines > 0 {
			continue
		}
		q.alarms.set(p, 0)
		if p.bucket != nil {
			p.bucket.queue = nil
		} else {
			delete(q.money, p.ref)
		}
	}
}

// park has the line wait for one of its places.
func (q *Local) park(l *line, at int) {
	moves := l.at != at
	l.at = at
	class := 0
	if l.late() {
		class = 1
	}
	for i := range l.spots {
		s := &l.spots[i]
		p := s.queue
		if i == at {
			s.put(&p.parked[class])
			if p.keeper == l {
				p.keeper = nil
			}
			continue
		}
		s.put(&p.passing[class])
		if l.protected && (p.keeper == nil || l.before(p.keeper.late(), p.keeper.head.arrived)) {
			p.keeper = l
		}
		if moves && p.keeper == l {
			q.touch(p) // what is kept depends on where the line waits
		}
	}
}

// lift takes the line out of all queues, which must be done before its head changes.
func (q *Local) lift(l *line) {
	for i := range l.spots {
		s := &l.spots[i]
		s.out()
		if s.queue.keeper == l {
			s.queue.keeper = nil
			q.touch(s.queue)
		}
	}
}

// overtakes counts that a waiter takes from the place of a queue, before others that wait for it or pass there. It is enough to
// count for those that came first.
func (q *Local) overtakes(p *queue, w *waiter) {
	for _, in := range [...]*spots{&p.passing[0], &p.passing[1], &p.parked[1]} {
		if len(*in) == 0 {
			continue
		}
		l := (*in)[0].line
		if l == w.line || l.head.arrived > w.arrived || l.counted == w.arrived {
			continue
		}
		l.counted = w.arrived
		if l.overtaken++; l.overtaken == maxOvertaken {
			l.protected = true
			q.lift(l)
			q.park(l, l.at)
		}
	}
}

// touch notes that something has changed at the place of a queue, which is served next.
func (q *Local) touch(p *queue) {
	if !p.isDirty {
		p.isDirty = true
		q.dirty = append(q.dirty, p)
	}
}
