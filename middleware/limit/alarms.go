package limit

import (
	"container/heap"
	"time"
)

// alarms are the queues whose places time will open, as a heap: the first is the one that opens first.
type alarms []*queue

func (a alarms) Len() int { return len(a) }

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

// set has the queue served at a time; 0: no more.
func (a *alarms) set(p *queue, at time.Duration) {
	p.wake = at
	switch {
	case at == 0 && p.alarm > 0:
		heap.Remove(a, p.alarm-1)
	case at == 0:
	case p.alarm > 0:
		heap.Fix(a, p.alarm-1)
	default:
		heap.Push(a, p)
	}
}
