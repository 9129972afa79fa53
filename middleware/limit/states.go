package limit

import (
	"cmp"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

const (
	maxHolders = 5   // attempts that hold a permit which a State names
	maxStates  = 100 // keys of a limit that have a State
)

// A waiter learns who holds the permits of a limit after stallTime, and then one waiter once in every reportTime.
const (
	stallTime  = 5 * time.Second
	reportTime = time.Minute
)

// States returns how the limits stand, in their order. A limit with Per has a State for each of its keys for which attempts
// wait or hold permits, or something is used or learned: those with the most attempts first, at most 100. A limit that has none
// has one State without a key.
func (q *Local) States() []State {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	var states []State
	of := make(map[*bucket]int)
	for _, g := range q.groups {
		buckets := g.inUse(now)
		for _, b := range buckets {
			of[b] = len(states)
			states = append(states, b.state(now))
		}
		if len(buckets) == 0 {
			states = append(states, State{Limit: g.limit, Levels: g.levels()})
		}
	}
	for w := q.holders.head; w != nil; w = w.next {
		for _, b := range w.buckets {
			if i, ok := of[b]; ok && b.rule.limit.Concurrency > 0 && len(states[i].Holders) < maxHolders {
				states[i].Holders = append(states[i].Holders, w.holds(now))
			}
		}
	}
	return states
}

// inUse returns the buckets that are not as good as new, those with the most attempts first.
func (g *group) inUse(now instant) (buckets []*bucket) {
	type standing struct {
		*bucket
		attempts int
	}
	most := func(a, b standing) int {
		return cmp.Or(cmp.Compare(b.attempts, a.attempts), cmp.Compare(a.key, b.key))
	}
	var first []standing
	for _, b := range g.all {
		if b.idle(now) && !b.learned.inForce(now) {
			continue
		}
		here, elsewhere := b.waiting()
		s := standing{b, int(b.busy) + here + elsewhere}
		if len(first) == maxStates && most(first[maxStates-1], s) < 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(first, s, most)
		first = slices.Insert(first, i, s)
		first = first[:min(len(first), maxStates)]
	}
	for _, s := range first {
		buckets = append(buckets, s.bucket)
	}
	return buckets
}

// waiting returns how many attempts the bucket holds back, and how many that need it are held back elsewhere.
func (b *bucket) waiting() (here, elsewhere int) {
	if b.queue == nil {
		return 0, 0
	}
	for i := range b.queue.parked {
		for _, s := range b.queue.parked[i] {
			here += s.line.length
		}
		for _, s := range b.queue.passing[i] {
			elsewhere += s.line.length
		}
	}
	return here, elsewhere
}

// state returns how the bucket stands, without its holders.
func (b *bucket) state(now instant) State {
	s := State{Limit: b.rule.limit, Key: policy.KeyText(b.rule.per, b.key), Busy: int(b.busy)}
	s.Waiting, s.Elsewhere = b.waiting()
	for i := range b.flows {
		f := &b.flows[i]
		burst := f.burst
		s.Levels = append(s.Levels, Level{
			Unit: perMinute[f.unit], Limit: f.perMinute, Left: f.left(now.Time), Most: burst, Full: f.until(now.Time, burst, 0),
			Learned: b.isLearned(f),
		})
	}
	if d := b.days; d != nil {
		d.roll(now)
		s.Levels = append(s.Levels, b.rule.daysLeft(d.requests, d.tokens, d.rest(now))...)
	}
	if b.learned != nil {
		s.Levels = append(s.Levels, b.learned.daysLearned(now, &b.rule.limit)...)
		s.Blocked = b.untilLearned(now)
	}
	return s
}

// stalled returns a limit whose permits are all held, and which keeps the waiter waiting; false if there is none, or if a
// waiter got it less than reportTime ago.
func (q *Local) stalled(w *waiter) (State, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	if w.state != isWaiting {
		return State{}, false
	}
	for _, b := range w.buckets {
		p := b.queue
		if !b.full() || p.reported != 0 && now.elapsed-p.reported < reportTime {
			continue
		}
		p.reported = now.elapsed
		s := b.state(now)
		for h := q.holders.head; h != nil && len(s.Holders) < maxHolders; h = h.next {
			if slices.Contains(h.buckets, b) {
				s.Holders = append(s.Holders, h.holds(now))
			}
		}
		return s, true
	}
	return State{}, false
}
