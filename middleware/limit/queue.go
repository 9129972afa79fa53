package limit

import (
	"container/heap"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
)

// maxOvertaken is how often the head of a line is overtaken before it is protected.
const maxOvertaken = 32

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

// A spot is where a line stands in a queue.
type spot struct {
	line  *line
	queue *queue
	in    *spots // the list of the queue that it is in
	pos   int
}

// A queue is the lines that need a bucket, or a budget. A line is parked at the place that holds its head back: only when
// something changes there is it looked at again. At its other places it is passing.
type queue struct {
	bucket *bucket    // nil: it is the queue of a budget
	ref    budget.Ref // of the budget

	parked, passing [2]spots // of interactive lines and those that are protected, and of batch lines
	keeper          *line    // a passing line for whose head a place is kept; nil if none
	lines           int
	isDirty         bool
	reported        time.Duration // when a waiter learned who holds the permits; 0: none has
	wake            time.Duration // when time alone may open the place for its first line
	alarm           int           // its place among the alarms, from 1; 0: none
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

// first returns the parked line that goes first; nil if there is none.
func (p *queue) first() *line {
	for i := range p.parked {
		if len(p.parked[i]) > 0 {
			return p.parked[i][0].line
		}
	}
	return nil
}

// spots are places of lines, as a heap: the first is the one whose head came first.
type spots []*spot

func (s spots) Len() int           { return len(s) }
func (s spots) Less(i, j int) bool { return s[i].line.head.arrived < s[j].line.head.arrived }
func (s spots) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].pos, s[j].pos = i, j
}
func (s *spots) Push(x any) {
	x.(*spot).pos = len(*s)
	*s = append(*s, x.(*spot))
}
func (s *spots) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return x
}

// put puts the spot into one of the lists of its queue.
func (s *spot) put(in *spots) {
	if s.in == in {
		return
	}
	s.out()
	s.in = in
	heap.Push(in, s)
}

// out takes the spot out of its list.
func (s *spot) out() {
	if s.in != nil {
		heap.Remove(s.in, s.pos)
		s.in = nil
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
		q.setAlarm(p, 0)
		if p.bucket != nil {
			p.bucket.queue = nil
		} else {
			delete(q.money, p.ref)
		}
	}
}

// hash returns the same number for waiters of one line.
func (w *waiter) hash() uint64 {
	h := uint64(len(w.refs()))
	if w.batch {
		h += 1 << 32
	}
	for _, b := range w.buckets {
		h = (h ^ b.id) * 0x9E3779B97F4A7C15
		h ^= h >> 29
	}
	for _, ref := range w.refs() {
		h ^= hashRef(ref)
		h *= 0x9E3779B97F4A7C15
	}
	return h
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

// needs reports whether the queue is of one of the waiter's places.
func (w *waiter) needs(p *queue) bool {
	if p.bucket != nil {
		return slices.Contains(w.buckets, p.bucket)
	}
	return slices.Contains(w.refs(), p.ref)
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

// A list is waiters in the order in which they were put into it.
type list struct {
	head, tail *waiter
	length     int
}

// push puts a waiter at the end.
func (l *list) push(w *waiter) {
	if w.prev = l.tail; w.prev != nil {
		w.prev.next = w
	} else {
		l.head = w
	}
	l.tail = w
	l.length++
}

// remove takes a waiter out.
func (l *list) remove(w *waiter) {
	if l.head == w {
		l.head = w.next
	} else {
		w.prev.next = w.next
	}
	if l.tail == w {
		l.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
	l.length--
}

// alarms are the queues whose places time will open, as a heap: the first is the one that opens first.
type alarms []*queue

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].wake < a[j].wake }
func (a alarms) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].alarm, a[j].alarm = i+1, j+1
}
func (a *alarms) Push(x any) {
	*a = append(*a, x.(*queue))
	x.(*queue).alarm = len(*a)
}
func (a *alarms) Pop() any {
	last := len(*a) - 1
	p := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	p.alarm = 0
	return p
}

// setAlarm has the queue served at a time; 0: no more.
func (q *Local) setAlarm(p *queue, at time.Duration) {
	p.wake = at
	switch {
	case at == 0 && p.alarm > 0:
		heap.Remove(&q.alarms, p.alarm-1)
	case at == 0:
	case p.alarm > 0:
		heap.Fix(&q.alarms, p.alarm-1)
	default:
		heap.Push(&q.alarms, p)
	}
}
