package limit

import (
	"container/heap"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
)

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

// first returns the parked line that goes first; nil if there is none.
func (p *queue) first() *line {
	for i := range p.parked {
		if len(p.parked[i]) > 0 {
			return p.parked[i][0].line
		}
	}
	return nil
}

// A spot is where a line stands in a queue.
type spot struct {
	line  *line
	queue *queue
	in    *spots // the list of the queue that it is in
	pos   int
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

// spots are places of lines, as a heap: the first is the one whose head came first.
type spots []*spot

func (s spots) Len() int { return len(s) }

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
