package reuse

import "math/bits"

// lru holds values by hash. When it is full, the one that was touched least recently makes room. Values are in one slice: a
// value has no allocation of its own.
type lru[V any] struct {
	limit       int
	slots       []slot[V]
	heads       []int32 // first slot of each chain of equal places; -1: none
	first, last int32   // most and least recently touched; -1: none
}

type slot[V any] struct {
	hash         uint64
	chain        int32 // next slot with the same place
	newer, older int32
	value        V
}

func newLRU[V any](limit int) *lru[V] {
	s := &lru[V]{limit: limit, first: -1, last: -1}
	s.grow(16)
	return s
}

// place returns the chain of a hash. Hashes may be anything, so their bits are mixed.
func (s *lru[V]) place(hash uint64) int {
	return int(hash * 0x9e3779b97f4a7c15 >> (64 - bits.Len(uint(len(s.heads)-1))))
}

// grow makes a number of chains, a power of two.
func (s *lru[V]) grow(chains int) {
	s.heads = make([]int32, chains)
	for i := range s.heads {
		s.heads[i] = -1
	}
	for i := range s.slots {
		s.link(int32(i))
	}
}

func (s *lru[V]) link(i int32) {
	head := &s.heads[s.place(s.slots[i].hash)]
	s.slots[i].chain, *head = *head, i
}

func (s *lru[V]) unlink(i int32) {
	at := &s.heads[s.place(s.slots[i].hash)]
	for *at != i {
		at = &s.slots[*at].chain
	}
	*at = s.slots[i].chain
}

// find returns the value with a hash; nil if there is none.
func (s *lru[V]) find(hash uint64) *V {
	if i := s.index(hash); i >= 0 {
		return &s.slots[i].value
	}
	return nil
}

func (s *lru[V]) index(hash uint64) int32 {
	i := s.heads[s.place(hash)]
	for i >= 0 && s.slots[i].hash != hash {
		i = s.slots[i].chain
	}
	return i
}

// touch makes the value with a hash the most recent one and returns it, or a new zero value and true. The pointer is good
// until the next touch.
func (s *lru[V]) touch(hash uint64) (value *V, isNew bool) {
	i := s.index(hash)
	if isNew = i < 0; isNew {
		i = s.room()
		s.slots[i].hash = hash
		s.link(i)
	} else {
		s.leave(i)
	}
	s.enter(i)
	return &s.slots[i].value, isNew
}

// room returns a free slot, that of the least recent value if there is no other.
func (s *lru[V]) room() int32 {
	if n := len(s.slots); n < s.limit {
		if n == cap(s.slots) {
			s.slots = append(make([]slot[V], 0, min(s.limit, n+n/2+16)), s.slots...)
		}
		s.slots = append(s.slots, slot[V]{})
		if n >= len(s.heads) {
			s.slots = s.slots[:n]
			s.grow(2 * len(s.heads))
			s.slots = s.slots[:n+1]
		}
		return int32(n)
	}
	i := s.last
	s.leave(i)
	s.unlink(i)
	var zero V
	s.slots[i].value = zero
	return i
}

func (s *lru[V]) leave(i int32) {
	it := &s.slots[i]
	if it.newer >= 0 {
		s.slots[it.newer].older = it.older
	} else {
		s.first = it.older
	}
	if it.older >= 0 {
		s.slots[it.older].newer = it.newer
	} else {
		s.last = it.newer
	}
}

func (s *lru[V]) enter(i int32) {
	it := &s.slots[i]
	it.newer, it.older = -1, s.first
	if s.first >= 0 {
		s.slots[s.first].newer = i
	} else {
		s.last = i
	}
	s.first = i
}
