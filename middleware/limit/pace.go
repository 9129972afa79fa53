package limit

import "time"

// The rate that is found without figures falls to fallTenths of what was achieved, and never below one floorShare of the best
// that was ever achieved. In every riseTime with a success it rises by one riseShare of that.
const (
	fallTenths = 7
	floorShare = 20
	riseShare  = 20
	riseTime   = 10 * time.Second
)

// A pace is a rate of requests that is found without figures: it falls with rejections, and rises with success. The zero pace
// is no limit.
type pace struct {
	perMinute int64         // 0: no limit
	best      int64         // the highest rate that was ever achieved
	from      int64         // the best when it fell last
	cut       time.Duration // when that was
	rose      time.Duration // when it rose last

	// The answers of the last minute that were not rejected, in slots of riseTime.
	recent [paceSlots]int64
	slot   int64 // the number of the newest slot, since the limiter was made
}

const paceSlots = int64(time.Minute / riseTime)

// learn counts an answer, of an attempt that was admitted at the time since. states says that the provider states its
// limits: then there is nothing to find.
func (p *pace) learn(now, since time.Duration, limited, states bool) {
	p.turn(now)
	if !limited {
		p.recent[p.slot%paceSlots]++
		p.best = max(p.best, p.achieved(now))
	}
	switch {
	case states:
		p.perMinute = 0
	case limited:
		p.fall(now, since)
	case p.perMinute > 0 && since > p.cut && now-max(p.cut, p.rose) >= riseTime:
		p.rose = now
		if p.perMinute += max(1, p.from/riseShare); p.perMinute >= 2*p.from {
			p.perMinute = 0
		}
	}
}

// fall lowers the pace, unless it has fallen since the attempt was admitted.
func (p *pace) fall(now, since time.Duration) {
	if p.perMinute > 0 && since <= p.cut {
		return
	}
	to := p.achieved(now) * fallTenths / 10
	if p.perMinute > 0 {
		to = min(to, p.perMinute*fallTenths/10)
	}
	p.perMinute, p.from, p.cut = max(1, p.best/floorShare, to), max(1, p.best), now
}

// achieved returns how many attempts a minute were not rejected, since the first of those of the last minute.
func (p *pace) achieved(now time.Duration) int64 {
	var n int64
	span := riseTime
	for back := range paceSlots {
		slot := p.slot - back
		if slot < 0 {
			break
		}
		if k := p.recent[slot%paceSlots]; k > 0 {
			n += k
			span = max(span, now-time.Duration(slot)*riseTime)
		}
	}
	return n * int64(time.Minute/time.Millisecond) / int64(span/time.Millisecond)
}

// turn empties the slots that are over.
func (p *pace) turn(now time.Duration) {
	slot := int64(now / riseTime)
	for range min(slot-p.slot, paceSlots) {
		p.slot++
		p.recent[p.slot%paceSlots] = 0
	}
	p.slot = slot
}
