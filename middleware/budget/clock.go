package budget

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// ClockSet says that the clock was set forwards by d since the last method was called, or back if d is negative. now is what it
// says since then.
//
// What was spent then counts for as long as it would have without that, by the time that passes: a clock that is wrong for a
// moment makes nothing free, and one that was wrong by years does not keep budgets shut. A window of the calendar that has begun
// ends when its length has passed, and no earlier than the clock says if that was set back. The next one is that of the clock.
func (a *Accounts) ClockSet(now time.Time, d time.Duration) {
	at, by := nanos(now), int64(d)
	a.clock = shifted(a.clock, by)
	for _, b := range a.books {
		b.clockSet(at, by)
	}
	for e := a.known.order.Front(); e != nil; e = e.Next() {
		places := e.Value.(*exposed).places
		for i := range places {
			places[i].leaves = places[i].ref.book.moved(places[i].leaves, by)
		}
	}
	for _, b := range a.books {
		b.ended = 0
	}
}

// clockSet moves a book's window and slices to the times that the clock now has for them.
func (b *book) clockSet(now, by int64) {
	if b.width == 0 && b.until != 0 {
		b.ended = b.until
		b.from, b.until = shifted(b.from, by), shifted(b.until, by)
		if by < 0 {
			_, until := b.windowAt(now)
			b.until = max(b.until, until)
		}
	}
	for _, a := range b.all {
		a.quiet = shifted(a.quiet, by)
		for i := range a.slices {
			a.slices[i].leaves = b.moved(a.slices[i].leaves, by)
		}
		slices.SortFunc(a.slices, func(x, y slice) int { return cmp.Compare(x.leaves, y.leaves) })
	}
}

// moved returns when a slice leaves the window by the clock that was set, if it left it at a time before that. Its book was
// moved already.
func (b *book) moved(leaves, by int64) int64 {
	if b.ended != 0 && leaves == b.ended {
		return b.until
	}
	return shifted(leaves, by)
}

// shifted returns t+by, or the nearest time.
func shifted(t, by int64) int64 {
	switch {
	case by > 0 && t > math.MaxInt64-by:
		return math.MaxInt64
	case by < 0 && t < math.MinInt64-by:
		return math.MinInt64
	}
	return t + by
}
