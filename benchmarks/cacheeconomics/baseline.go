package main

import (
	"container/heap"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A baseline is a simple policy for explicit caches, as programs have them.
type baseline struct {
	name string
	// depth returns how many blocks of a request a new cache should have, 0 for none.
	depth func(r *request) int
	// life returns the time to live of a cache.
	life func(s *setting) time.Duration
	// keep has every cache live for its whole time to live, whether it is used or not, and creates one although a shorter one
	// serves most of the request. Otherwise a cache lives on with each use, and gives way to a longer one.
	keep bool
}

var simple = []baseline{
	{"always 1 h", func(r *request) int { return r.full },
		func(*setting) time.Duration { return time.Hour }, true},
	{"second sighting", func(r *request) int { return r.repeated }, breakEven, false},
	{"branch", func(r *request) int { return r.branch }, breakEven, false},
}

// breakEven is how long a cache may be stored for what one use of it saves.
func breakEven(s *setting) time.Duration {
	return s.breakEven(s.model.rates.Input - s.model.rates.Cached)
}

// living is a cache of a baseline.
type living struct {
	id    uint64 // of its last block
	size  int    // blocks
	since time.Duration
	until time.Duration
	dead  bool
	place int // in the queue
}

func (l *living) tokens() int64 { return int64(l.size) * block }

// baselines is the simulation of one.
type baselines struct {
	*baseline
	setting
	cost  price.Pico
	byID  map[uint64]*living
	queue byEnd
}

// run returns what the requests from a time on cost.
func (policy *baseline) run(requests []request, s setting, from time.Duration) price.Pico {
	b := &baselines{baseline: policy, setting: s, byID: make(map[uint64]*living)}
	started := false
	var now time.Duration
	for i := range requests {
		r := &requests[i]
		now = s.time(r.at)
		for len(b.queue) > 0 && b.queue[0].until <= now {
			b.end(b.queue[0], b.queue[0].until)
		}
		if !started && r.at >= from {
			started = true
			b.endAll(now)
			b.cost = 0
		}
		b.serve(r, now)
	}
	b.endAll(now)
	return b.cost
}

func (b *baselines) serve(r *request, now time.Duration) {
	var use *living
	for d := r.full; d >= leastBlocks && use == nil; d-- {
		use = b.byID[r.blocks[d-1]]
	}
	size := 0
	if use != nil {
		size = use.size
	}
	if want := b.depth(r); want >= leastBlocks && want > size && (b.keep || size*10 < want*7) {
		made := b.begin(r.blocks[want-1], want, now)
		if use != nil && !b.keep {
			b.end(use, now)
		}
		if !b.beside() {
			use = made
		}
	}
	if use == nil {
		b.cost += b.setting.input(r, 0)
	} else {
		b.cost += b.setting.input(r, use.tokens())
		if !b.keep && !use.dead {
			use.until = now + b.life(&b.setting)
			heap.Fix(&b.queue, use.place)
		}
	}
}

func (b *baselines) begin(id uint64, size int, now time.Duration) *living {
	made := &living{id: id, size: size, since: now, until: now + b.life(&b.setting)}
	b.cost += b.setting.create(made.tokens())
	b.byID[id] = made
	heap.Push(&b.queue, made)
	return made
}

func (b *baselines) end(l *living, at time.Duration) {
	b.cost += b.setting.rent(l.tokens(), at-l.since)
	l.dead = true
	delete(b.byID, l.id)
	heap.Remove(&b.queue, l.place)
}

func (b *baselines) endAll(now time.Duration) {
	for len(b.queue) > 0 {
		b.end(b.queue[0], now)
	}
}

// byEnd is a heap of caches, the one that ends first on top.
type byEnd []*living

func (q byEnd) Len() int           { return len(q) }
func (q byEnd) Less(i, j int) bool { return q[i].until < q[j].until }
func (q byEnd) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}
func (q *byEnd) Push(x any) {
	l := x.(*living)
	l.place = len(*q)
	*q = append(*q, l)
}
func (q *byEnd) Pop() any {
	l := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return l
}
