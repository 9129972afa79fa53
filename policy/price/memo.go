package price

import (
	"slices"
	"strings"
	"sync/atomic"
)

// memoBits is the binary logarithm of how many names a memo remembers at most.
const memoBits = 6

// memo remembers what a catalog has under the names that it was asked for. A program asks for few models, each of them
// many times: for the bound of a call, for its limits and for its cost.
//
// Each name has one slot. A slot takes the first name that comes, and keeps it: two names that share a slot would only
// replace each other, and allocate each time. The second name is then looked up as if there were no memo. A catalog never
// changes, so an entry is never out of date. The zero memo is empty. A memo is safe for concurrent use.
type memo[T any] [1 << memoBits]atomic.Pointer[remembered[T]]

// remembered is what a catalog has under one name.
type remembered[T any] struct {
	provider, name string
	all            []T
}

// slot returns the slot of a name: by its length and three of its bytes, because hashing all of it would cost as much as
// looking it up.
func (m *memo[T]) slot(name string) *atomic.Pointer[remembered[T]] {
	n := len(name)
	if n == 0 {
		return &m[0]
	}
	sum := uint32(n)<<24 ^ uint32(name[n-1])<<16 ^ uint32(name[n/2])<<8 ^ uint32(name[0])
	return &m[sum*0x9E3779B1>>(32-memoBits)] // multiplied by 2^32 over the golden ratio, which spreads the bits
}

// get returns what was remembered of the name.
func (m *memo[T]) get(provider, name string) ([]T, bool) {
	r := m.slot(name).Load()
	if r == nil || r.name != name || r.provider != provider {
		return nil, false
	}
	return r.all, true
}

// put remembers a name, if its slot is free. It does not remember names that the catalog does not have: answers can bring
// any number of those. It copies its arguments, because a name may be a part of a large text.
func (m *memo[T]) put(provider, name string, all []T) {
	if slot := m.slot(name); len(all) > 0 && slot.Load() == nil {
		slot.CompareAndSwap(nil, &remembered[T]{strings.Clone(provider), strings.Clone(name), slices.Clone(all)})
	}
}
