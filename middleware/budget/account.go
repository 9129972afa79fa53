package budget

import (
	"cmp"
	"slices"

	"github.com/skinflint-go/skinflint/policy/price"
)

// An account is what was spent and is held for one key.
type account struct {
	key    string
	held   price.Pico
	slices []slice // by leaves; those that have left the window may still be there
	quiet  int64   // until when notices that were given are not repeated
	said   kinds
}

// A slice is what was spent within a slice of a window; for a window of the calendar, within all of it.
type slice struct {
	leaves   int64 // when all of it has left the window, in nanoseconds of Unix time
	cost     price.Pico
	exposure price.Pico
	unknown  int32  // rows of which it is not known what they cost
	serial   uint32 // tells it from an earlier slice of the same time, which was dropped before the clock was set back
}

// A sum is an account at a moment.
type sum struct {
	spent    price.Pico // with the exposure
	exposure price.Pico
	held     price.Pico
	unknown  int
}

// kinds is a set of Kinds.
type kinds uint8

func (a *account) at(now int64) sum {
	s := sum{held: a.held}
	for i := range a.slices {
		if p := &a.slices[i]; p.leaves > now {
			s.exposure = plus(s.exposure, p.exposure)
			s.spent = plus(plus(s.spent, max(0, p.cost)), p.exposure)
			s.unknown += int(p.unknown)
		}
	}
	return s
}

// find returns the place of the slice that leaves the window at the time, and whether it is there.
func (a *account) find(leaves int64) (int, bool) {
	return slices.BinarySearchFunc(a.slices, leaves, func(p slice, t int64) int { return cmp.Compare(p.leaves, t) })
}

// has reports whether the slice is still there.
func (a *account) has(leaves int64, serial uint32) bool {
	i, found := a.find(leaves)
	return found && a.slices[i].serial == serial
}

// drop removes the slices that have left the window.
func (a *account) drop(now int64) {
	n := 0
	for n < len(a.slices) && a.slices[n].leaves <= now {
		n++
	}
	a.slices = slices.Delete(a.slices, 0, n)
}
