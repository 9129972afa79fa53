package limit

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
)

// A waiter stands in a line until it is decided. If it is admitted, it is one of the holders until its permit is
// released, unless it has only taken from rates, days and budgets.
type waiter struct {
	line    *line // nil if it never stood in one
	arrived uint64
	batch   bool
	pays    bool // a budget matched it when it came
	state   state
	err     error         // if it is refused
	decided chan struct{} // closed when it is admitted or refused
	request *Request      // nil once it is decided
	since   time.Duration // when it was admitted
	turn    uint64        // its number among those that were admitted, from 1

	buckets []*bucket
	room    [3]*bucket
	amounts amounts
	claim   *claim // on money; nil if no budget matches
	notes   *notes // for buckets that learn; nil if none does

	prev, next *waiter // in the line, or among the holders
	holder     *holder // nil if none of the limits is on concurrency
}

// A state is what has become of a waiter.
type state uint8

const (
	isWaiting state = iota
	isAdmitted
	isRefused
	isReleased
)

// A claim is what a waiter wants of budgets, or holds.
type claim struct {
	accounts []budget.Ref
	until    time.Duration // how long it may wait
	hold     budget.Hold
}

// refs returns the accounts that the waiter needs.
func (w *waiter) refs() []budget.Ref {
	if w.claim == nil {
		return nil
	}
	return w.claim.accounts
}

// ask returns what a waiter asks of budgets.
func (w *waiter) ask() *budget.Ask {
	r := w.request
	return &budget.Ask{Most: r.Cost, NoBound: r.NoBound, Cheapest: r.Cheapest}
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

var seed = maphash.MakeSeed()

// hashRef returns a hash of an account.
func hashRef(r budget.Ref) uint64 { return maphash.Comparable(seed, r) }

// needs reports whether the queue is of one of the waiter's places.
func (w *waiter) needs(p *queue) bool {
	if p.bucket != nil {
		return slices.Contains(w.buckets, p.bucket)
	}
	return slices.Contains(w.refs(), p.ref)
}

// note notes how a bucket stands that has just admitted the waiter, if the bucket learns.
func (w *waiter) note(now instant, b *bucket) {
	if !b.rule.limit.Learn {
		return
	}
	if w.notes == nil {
		w.notes = &notes{since: now.elapsed, tier: w.request.Tier, zone: w.request.Zone}
	}
	w.notes.marks = append(w.notes.marks, b.mark(now))
}

// A holder is what a [Holder] says of an attempt.
type holder struct{ call, provider, operation, model string }

func holderOf(r *Request) holder {
	return holder{r.Call, r.Subject.Provider, r.Subject.Operation, r.Subject.Model}
}

// holds returns the attempt as one that holds a permit, which it must.
func (w *waiter) holds(now instant) Holder {
	h := w.holder
	return Holder{h.call, h.provider, h.operation, h.model, now.elapsed - w.since}
}

// refuse ends the wait of a waiter that is in no line any more.
func (w *waiter) refuse(err error) {
	w.state, w.err, w.request = isRefused, err, nil
	close(w.decided)
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
