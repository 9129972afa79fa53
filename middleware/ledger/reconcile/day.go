package reconcile

import "time"

const daySecs = 24 * 60 * 60

// A day is a day in UTC, as the number of days since 1970.
type day int64

// dayOf returns the day of a time.
func dayOf(t time.Time) day {
	n := t.Unix()
	d := n / daySecs
	if n%daySecs < 0 {
		d--
	}
	return day(d)
}

// begin returns the midnight at which the day begins.
func (d day) begin() time.Time { return time.Unix(int64(d)*daySecs, 0).UTC() }

// midnight returns the beginning of the day of a time.
func midnight(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// A side is one end of a day. It indexes arrays of two.
const (
	start = iota
	end
)

// A key names a group. The model is empty for the items of the bill that name no model, and if the bill has no items.
type key struct {
	day   day
	model string
}

// neighbour returns the same model on the day before or after.
func (k key) neighbour(side int) key {
	if side == start {
		return key{k.day - 1, k.model}
	}
	return key{k.day + 1, k.model}
}
