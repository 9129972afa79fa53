package limit

// A line is the waiters of one class that need the same buckets and budgets, the oldest first.
type line struct {
	list
	batch     bool
	protected bool    // its head was overtaken too often
	overtaken int     // how many later waiters took from the places of its head
	counted   uint64  // the last of them
	spots     []spot  // one for each bucket, and then one for each budget
	at        int     // the one that holds the head back
	total     amounts // of its waiters
	hash      uint64
	next      *line // of the same hash
}

// before reports whether a waiter of the line goes before another one.
func before(batch bool, arrived uint64, otherBatch bool, other uint64) bool {
	if batch != otherBatch {
		return otherBatch
	}
	return arrived < other
}

// late reports whether the line goes after all interactive ones.
func (l *line) late() bool { return l.batch && !l.protected }

// before reports whether the head of the line goes before a waiter that is not in it.
func (l *line) before(late bool, arrived uint64) bool {
	return before(l.late(), l.head.arrived, late, arrived)
}

// fits reports whether a waiter belongs into the line.
func (l *line) fits(w *waiter) bool {
	if l.batch != w.batch || len(l.spots) != len(w.buckets)+len(w.refs()) {
		return false
	}
	for i, b := range w.buckets {
		if l.spots[i].queue.bucket != b {
			return false
		}
	}
	for i, ref := range w.refs() {
		if p := l.spots[len(w.buckets)+i].queue; p.bucket != nil || p.ref != ref {
			return false
		}
	}
	return true
}

// within reports whether the line needs no place that the waiter does not need.
func (l *line) within(w *waiter) bool {
	if len(l.spots) > len(w.buckets)+len(w.refs()) {
		return false
	}
	for i := range l.spots {
		if !w.needs(l.spots[i].queue) {
			return false
		}
	}
	return true
}

// push puts a waiter at the end of the line.
func (l *line) push(w *waiter) {
	w.line = l
	l.list.push(w)
	l.total.add(&w.amounts)
}

// leave takes a waiter out of the line. If it is the head, the line must have been lifted.
func (l *line) leave(w *waiter) {
	if l.head == w {
		l.overtaken, l.protected = 0, false
	}
	l.list.remove(w)
	for u, n := range w.amounts {
		l.total[u] -= n
	}
}
