package reuse

import "time"

const (
	slack   = time.Minute     // requests overlap: a time that is earlier by less than this is taken as now
	horizon = 720 * time.Hour // the most that the clock may go forward at once, and the longest that a cache is believed to live
)

// clock turns times of the system's clock, which may jump, into durations that never go back.
type clock struct {
	origin time.Time
	now    time.Duration
}

// read returns the duration at a time of the system's clock.
func (c *clock) read(at time.Time) time.Duration {
	if c.origin.IsZero() {
		c.origin = at
	}
	d := at.Sub(c.origin)
	switch {
	case d < c.now-slack: // the system's clock was set back: go on from here
		c.origin, d = at.Add(-c.now), c.now
	case d > c.now+horizon:
		d = c.now + horizon
		c.origin = at.Add(-d)
	}
	c.now = max(c.now, d)
	return c.now
}

// end returns the duration at which something ends, by the system's clock.
func (c *clock) end(at time.Time) time.Duration {
	return min(max(at.Sub(c.origin), 0), c.now+horizon)
}

// time returns the time of the system's clock at a duration.
func (c *clock) time(d time.Duration) time.Time { return c.origin.Add(d) }
