package limit

import "time"

// An instant is a time, and the time that has passed since the limiter was made. Clocks are set forwards and back, but the time
// that has passed only grows.
type instant struct {
	time.Time
	elapsed time.Duration
	turn    uint64 // how many attempts were admitted before
}

// slack is by how much the clock may differ from the time that has passed before it counts as set. A leap second and the
// rounding of clocks are less.
const slack = 2 * time.Second

// now returns the time.
func (q *Local) now() instant {
	now := time.Now()
	return q.at(now, now.Sub(q.start))
}

// at returns the instant at which the clock shows a time. If the clock was set since the last call, the accounts learn it.
func (q *Local) at(now time.Time, elapsed time.Duration) instant {
	ahead := now.Round(0).Sub(q.start.Round(0)) - elapsed // Round takes the time that has passed out
	if d := ahead - q.clockSet; d.Abs() > slack {
		q.clockSet = ahead
		q.accounts.ClockSet(now, d)
	}
	return instant{now, elapsed, q.admitted}
}
