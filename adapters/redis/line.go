package redis

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// maxOvertaken is how many interactive waiters go before a batch waiter in turn.
const maxOvertaken = 32

// lines are those who wait in this process, by what they wait for. Only the first of each line asks Redis.
type lines struct {
	mu      sync.Mutex
	byKey   map[string]*line
	waiting int
}

// A line is the waiters for the same limits and budgets. Interactive ones go first.
type line struct {
	key       string
	head      *waiter    // asks Redis
	queues    [2]waiters // interactive, batch
	overtaken int
	ahead     amounts   // of all that wait, and of the head
	money     time.Time // since when the head waits for money that others hold; zero: it does not
	last      reply     // that says so
}

// waiters are those of a class, the oldest first.
type waiters struct{ first, last *waiter }

// A waiter stands in a line, or is its head.
type waiter struct {
	line       *line
	batch      bool
	amounts    amounts
	began      time.Time     // when the wait did
	turn       chan struct{} // gets a value when the waiter becomes the head
	poke       chan struct{} // gets a value when the head should ask again, or see whether it is still the head
	prev, next *waiter
}

// enter puts a waiter at the end of its line. It is the head if the line is empty.
func (q *lines) enter(key string, class policy.Class, n *amounts, began time.Time) *waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.byKey[key]
	if l == nil {
		l = &line{key: key}
		if q.byKey == nil {
			q.byKey = make(map[string]*line)
		}
		q.byKey[key] = l
	}
	w := &waiter{line: l, batch: class == policy.ClassBatch, amounts: *n, began: began, turn: make(chan struct{}, 1), poke: make(chan struct{}, 1)}
	q.waiting++
	for i := range n {
		l.ahead[i] += n[i]
	}
	if l.head == nil {
		l.head = w
		w.turn <- struct{}{}
		return w
	}
	l.queues[w.class()].push(w)
	if !w.batch && l.head.batch {
		l.head.wake()
	}
	return w
}

func (w *waiter) class() int {
	if w.batch {
		return 1
	}
	return 0
}

func (w *waiter) wake() {
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

// leave takes a waiter out of its line, which admits the next if it was the head.
func (q *lines) leave(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := w.line
	q.waiting--
	for i := range l.ahead {
		l.ahead[i] -= w.amounts[i]
	}
	if l.head != w {
		l.queues[w.class()].remove(w)
		return
	}
	l.head = nil
	l.advance()
	if l.head == nil {
		delete(q.byKey, l.key)
	}
}

// advance makes the next waiter the head.
func (l *line) advance() {
	from := 0
	switch {
	case l.queues[0].first == nil:
		from = 1
	case l.queues[1].first != nil && l.overtaken >= maxOvertaken:
		from = 1
	}
	w := l.queues[from].first
	if w == nil {
		return
	}
	if from == 1 {
		l.overtaken = 0
	} else if l.queues[1].first != nil {
		l.overtaken++
	}
	l.queues[from].remove(w)
	l.head = w
	w.turn <- struct{}{}
}

// yields has a batch waiter that is the head let an interactive one go first, and reports whether it did. It then waits for its
// turn again.
func (q *lines) yields(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := w.line
	if !w.batch || l.queues[0].first == nil || l.overtaken >= maxOvertaken {
		return false
	}
	l.queues[1].pushFirst(w)
	l.advance()
	return true
}

// before returns what those who stand before a new waiter of the line need.
func (q *lines) before(key string) (n amounts, some bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.byKey[key]
	if l == nil {
		return n, false
	}
	return l.ahead, true
}

// forMoney notes whether the head of a line waits for money that others hold, as a reply says. Those behind it then do, too.
func (q *lines) forMoney(w *waiter, money bool, r reply) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch l := w.line; {
	case !money:
		l.money, l.last = time.Time{}, reply{}
	case l.money.IsZero():
		l.money = time.Now()
		fallthrough
	default:
		l.last = r
	}
}

// firstForMoney is forMoney for one that has just entered a line: what it was replied counts if it is the head, or if nothing is known
// of the line.
func (q *lines) firstForMoney(w *waiter, r reply) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l := w.line; l.head == w {
		l.money, l.last = w.began, r
	}
}

// moneySince returns since when a waiter waits for money, and the reply that says so. The time is zero if it does not.
func (q *lines) moneySince(w *waiter) (since time.Time, last reply) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := w.line
	if l.money.IsZero() || l.money.After(w.began) {
		return l.money, l.last
	}
	return w.began, l.last
}

// waits reports whether someone waits in a line.
func (q *lines) waits(key string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.byKey[key] != nil
}

// waitingFor returns how many wait for a key of Redis, or for another one as well.
func (q *lines) waitingFor(key string) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for of, l := range q.byKey {
		if slices.Contains(strings.Split(of, "\n"), key) {
			n += int(l.ahead[placeRequests])
		}
	}
	return n
}

// any reports whether someone waits.
func (q *lines) any() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting > 0
}

// wakeAll has every head ask again.
func (q *lines) wakeAll() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.byKey {
		if l.head != nil {
			l.head.wake()
		}
	}
}

func (q *waiters) push(w *waiter) {
	if w.prev = q.last; w.prev != nil {
		w.prev.next = w
	} else {
		q.first = w
	}
	q.last = w
}

func (q *waiters) pushFirst(w *waiter) {
	if w.next = q.first; w.next != nil {
		w.next.prev = w
	} else {
		q.last = w
	}
	q.first = w
}

func (q *waiters) remove(w *waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	w.prev, w.next = nil, nil
}

// rest returns how long it is until t; 0 if that is past.
func rest(t time.Time) time.Duration { return max(0, time.Until(t)) }
