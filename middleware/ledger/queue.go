package ledger

// A queue holds rows in chunks. It grows without copying rows, so a push takes the same time however long the queue is.
// Rows are read by their position, counted from the first row, and dropped from the front.
type queue struct {
	size    int // rows of a full chunk
	chunks  [][]Row
	dropped int // rows at the start of the first chunk that were dropped
	n       int // rows in the queue
	spare   [][]Row
}

// maxSpare is how many empty chunks are kept for reuse.
const maxSpare = 4

func (q *queue) push(r *Row) {
	last := len(q.chunks) - 1
	if last < 0 || len(q.chunks[last]) == q.size {
		var chunk []Row
		switch n := len(q.spare); {
		case n > 0:
			chunk, q.spare = q.spare[n-1], q.spare[:n-1]
		case last >= 0: // a full chunk is likely to be followed by another
			chunk = make([]Row, 0, q.size)
		}
		q.chunks = append(q.chunks, chunk)
		last++
	}
	q.chunks[last] = append(q.chunks[last], *r)
	q.n++
}

// batch returns the rows from position i to the end of that row's chunk.
func (q *queue) batch(i int) []Row {
	if i >= q.n {
		return nil
	}
	i += q.dropped
	return q.chunks[i/q.size][i%q.size:]
}

// drop removes the first n rows. Slices that batch returned for them must no longer be used.
func (q *queue) drop(n int) {
	q.n -= n
	for n > 0 {
		chunk := q.chunks[0]
		k := min(n, len(chunk)-q.dropped)
		clear(chunk[q.dropped : q.dropped+k])
		q.dropped += k
		n -= k
		if q.dropped < len(chunk) || q.dropped < q.size && q.n > 0 {
			return // the chunk has more rows, or room for more
		}
		if len(q.spare) < maxSpare {
			q.spare = append(q.spare, chunk[:0])
		}
		q.chunks[0] = nil
		q.chunks, q.dropped = q.chunks[1:], 0
	}
}
