package limit

// Examined returns how often the head of a line was examined. It is what the work for the waiters amounts to.
func (q *Local) Examined() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.examined
}

// Keys returns how many buckets there are.
func (q *Local) Keys() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, g := range q.groups {
		n += len(g.all)
	}
	return n
}

// Queues returns how much there is that only waiters need.
func (q *Local) Queues() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.lines) + len(q.money) + len(q.dirty) + len(q.alarms)
	for _, g := range q.groups {
		for _, b := range g.all {
			if b.queue != nil {
				n++
			}
		}
	}
	return n
}
