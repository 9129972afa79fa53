package limit

// Examined returns how often the head of a line was examined. It is what the work for the waiters amounts to.
func (q *Local) Examined() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.examined
}
