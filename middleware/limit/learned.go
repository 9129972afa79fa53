package limit

import "time"

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

// unset has the bucket count a unit no longer. The caller then calls [Local.changed].
func (b *bucket) unset(u unit) {
	for i := range b.flows {
		if b.flows[i].unit == u {
			b.flows = append(b.flows[:i], b.flows[i+1:]...)
			return
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
