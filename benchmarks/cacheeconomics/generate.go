package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

const generatedTime = time.Hour // of each generated trace

// generated returns the traces that need no file.
func generated() []*trace {
	return []*trace{newTrace("apps", apps()), newTrace("twice", twice()), newTrace("shift", shift())}
}

// A maker makes the requests of a trace. Its numbers are random, and the same in each run.
type maker struct {
	*rand.Rand
	next     uint64 // id of a block
	requests []request
}

func newMaker(seed uint64) *maker { return &maker{Rand: rand.New(rand.NewPCG(13, seed))} }

// fresh returns n blocks that no request has had.
func (m *maker) fresh(n int) []uint64 {
	ids := make([]uint64, n)
	for i := range ids {
		m.next++
		ids[i] = m.next
	}
	return ids
}

// between returns a number from low to high.
func (m *maker) between(low, high int) int { return low + m.IntN(high-low+1) }

// sometime returns a time of the trace.
func (m *maker) sometime() time.Duration { return m.upTo(generatedTime) }

func (m *maker) upTo(d time.Duration) time.Duration { return time.Duration(m.Int64N(int64(d))) }

// wait returns a time that is distributed exponentially.
func (m *maker) wait(mean time.Duration) time.Duration {
	return time.Duration(m.ExpFloat64() * float64(mean))
}

// ask adds a request: a prefix and n fresh blocks, of which the last is not full.
func (m *maker) ask(at time.Duration, prefix []uint64, n, output int) {
	blocks := slices.Concat(prefix, m.fresh(n))
	m.requests = append(m.requests, request{
		at: at.Truncate(time.Millisecond), tokens: int64(len(blocks)*block - 100), output: int64(output), blocks: blocks,
	})
}

// sorted returns the requests in the order of their times.
func (m *maker) sorted() []request {
	slices.SortStableFunc(m.requests, func(a, b request) int { return cmp.Compare(a.at, b.at) })
	return m.requests
}

// apps has 40 applications with instructions of their own, which each of their calls begins with. Calls come at random, in
// some applications every few seconds and in others once an hour. There are 1,500 calls that share nothing as well.
func apps() []request {
	m := newMaker(1)
	sizes := []int{4, 6, 8, 12, 20, 40, 80}
	for range 40 {
		instructions := m.fresh(sizes[m.IntN(len(sizes))])
		gap := time.Duration(math.Pow(10, 0.5+3.1*m.Float64()) * float64(time.Second))
		for at := m.upTo(gap); at < generatedTime; at += m.wait(gap) {
			m.ask(at, instructions, m.between(1, 8), m.between(10, 800))
		}
	}
	for range 1500 {
		m.ask(m.sometime(), nil, m.between(2, 40), m.between(10, 800))
	}
	return m.sorted()
}

// twice has 3,000 documents that are each used exactly twice, a minute apart on average. A policy that caches what it has
// seen twice is always late.
func twice() []request {
	m := newMaker(2)
	for range 3000 {
		document, at := m.fresh(m.between(5, 60)), m.sometime()
		m.ask(at, document, 2, 200)
		if at += m.wait(time.Minute); at < generatedTime {
			m.ask(at, document, 2, 200)
		}
	}
	return m.sorted()
}

// shift has 1,500 documents that are used five times on average, a minute apart, in the first half of the trace. In the
// second half none is used again.
func shift() []request {
	m := newMaker(3)
	for range 1500 {
		document := m.fresh(m.between(5, 60))
		for at := m.sometime(); at < generatedTime; at += m.wait(time.Minute) {
			m.ask(at, document, 2, 200)
			if at > generatedTime/2 || m.Float64() < 0.2 {
				break
			}
		}
	}
	return m.sorted()
}
