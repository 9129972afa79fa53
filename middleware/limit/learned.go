package limit

import "time"

// learned is what a bucket has learned about the provider's own limit.
type learned struct {
	until time.Time // nothing is admitted before
}

// setRate has the bucket admit so many of a unit in a minute, and so many at once after a pause. A unit that the bucket has
// not counted so far begins with all of its burst. The caller then calls [Local.changed].
func (b *bucket) setRate(now time.Time, u unit, perMinute, burst int64) {
	f := b.flow(u)
	if f == nil {
		b.flows = append(b.flows, flow{unit: u})
		f = &b.flows[len(b.flows)-1]
		f.set(time.Time{}, perMinute, burst)
		return
	}
	f.set(now, perMinute, burst)
}

// drain lowers what is left of a unit to at most so much. The caller then calls [Local.changed].
func (b *bucket) drain(now time.Time, u unit, remaining int64) {
	if f := b.flow(u); f != nil {
		if n := f.left(now) - remaining; n > 0 {
			f.take(now, n)
		}
	}
}

// block has the bucket admit nothing until a time. The caller then calls [Local.changed].
func (b *bucket) block(until time.Time) {
	if b.learned == nil {
		b.learned = new(learned)
	}
	if until.After(b.learned.until) {
		b.learned.until = until
	}
}
