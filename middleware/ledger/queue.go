package ledger

// A queue holds rows in chunks, so that it never copies what it holds: a row that comes waits for no other, however many
// there are. Rows are taken from it by their position, counted from the first, and dropped from the front.
type queue struct {
	size   int // of a chunk
	chunks [][]Row
	gone   int // rows of the first chunk that were dropped
	n      int
	spare  [][]Row
}

// maxSpare is how many chunks are kept to be filled again.
const maxSpare = 4

func (q *queue) push(r *Row) {
	last := len(q.chunks) - 1
	if last < 0 || len(q.chunks[last]) == q.size {
		var chunk []Row
		switch n := len(q.spare); {
		case n > 0:
			chunk, q.spare = q.spare[n-1], q.spare[:n-1]
		case last >= 0: // there are many rows
			chunk = make([]Row, 0, q.size)
		}
		q.chunks = append(q.chunks, chunk)
		last++
	}
	q.chunks[last] = append(q.chunks[last], *r)
	q.n++
}

// batch returns rows from the i-th on: all that its chunk has.
func (q *queue) batch(i int) []Row {
	if i >= q.n {
		return nil
	}
	i += q.gone
	return q.chunks[i/q.size][i%q.size:]
}

// drop drops the first n rows. Nobody may have them any more.
func (q *queue) drop(n int) {
	q.n -= n
	for n > 0 {
		chunk := q.chunks[0]
		k := min(n, len(chunk)-q.gone)
		clear(chunk[q.gone : q.gone+k])
		q.gone += k
		n -= k
		if q.gone < len(chunk) || q.gone < q.size && q.n > 0 {
			return // there are others, or more to come
		}
		if len(q.spare) < maxSpare {
			q.spare = append(q.spare, chunk[:0])
		}
		q.chunks[0] = nil
		q.chunks, q.gone = q.chunks[1:], 0
	}
}
