package policy

import (
	"cmp"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// WindowAt returns the window of the period that contains t, in t's location: from is part of it, until is not. The windows
// follow each other without a gap. A day has 23 or 25 hours where clocks change. An hour that clocks repeat is two windows. A
// period that is none of the constants has no windows, and the times are zero.
func (p Period) WindowAt(t time.Time) (from, until time.Time) {
	switch p {
	case EveryMinute:
		return clockWindow(t, 60)
	case EveryHour:
		return clockWindow(t, 60*60)
	}
	year, month, day := t.Date()
	var years, months, days int
	switch p {
	case EveryDay:
		days = 1
	case EveryWeek:
		day -= (int(t.Weekday()) + 6) % 7
		days = 7
	case EveryMonth:
		day = 1
		months = 1
	default:
		return time.Time{}, time.Time{}
	}
	first := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	from = firstAt(first, t.Location())
	for {
		// Where clocks go back over midnight, t may have the date of a window that is over. Where a date is left out, its
		// window is empty.
		first = first.AddDate(years, months, days)
		until = firstAt(first, t.Location())
		if t.Before(until) {
			return from, until
		}
		from = until
	}
}

// clockWindow returns the window of so many seconds that contains t, as a clock in t's location counts them. It is shorter
// where the clock is changed.
func clockWindow(t time.Time, seconds int64) (from, until time.Time) {
	at, in := t.Unix(), t.Location()
	offset := offsetAt(at, in)
	first := at - ((at+offset)%seconds+seconds)%seconds
	last := first + seconds - 1
	if offsetAt(first, in) != offset {
		first = changeAfter(first, at, in)
	}
	end := last + 1
	if offsetAt(last, in) != offset {
		end = changeAfter(at, last, in)
	}
	return time.Unix(first, 0).In(in), time.Unix(end, 0).In(in)
}

// firstAt returns the first moment at which clocks in the location show the time of wall, which is in UTC, or a later one.
func firstAt(wall time.Time, in *time.Location) time.Time {
	// No clock was ever 16 hours from UTC. Within such a time, clocks are changed once at most.
	const most = 16 * 60 * 60
	at := wall.Unix()
	before, after := offsetAt(at-most, in), offsetAt(at+most, in)
	first := at - before
	if before != after {
		if change := changeAfter(at-most, at+most, in); first >= change {
			first = max(change, at-after)
		}
	}
	return time.Unix(first, 0).In(in)
}

// offsetAt returns how many seconds clocks are ahead of UTC.
func offsetAt(unix int64, in *time.Location) int64 {
	_, offset := time.Unix(unix, 0).In(in).Zone()
	return int64(offset)
}

// changeAfter returns when the clocks are changed, between two times with different offsets. time.Time.ZoneBounds is of no use
// here: it returns the end of a year, too, and in a leap year one that is a day early (Go 1.26).
func changeAfter(before, after int64, in *time.Location) int64 {
	offset := offsetAt(before, in)
	for before+1 < after {
		if middle := before + (after-before)/2; offsetAt(middle, in) == offset {
			before = middle
		} else {
			after = middle
		}
	}
	return after
}

// WindowAt returns the window that contains t. That of a calendar begins and ends in the budget's Zone. A sliding one has no
// end: until is zero, and from is not part of it. The budget must be valid.
func (b *Budget) WindowAt(t time.Time) (from, until time.Time) {
	if b.Every == "" {
		return t.Add(-b.Window), time.Time{}
	}
	return b.Every.WindowAt(t.In(b.Location()))
}

// Location returns where the budget's windows of the calendar begin: Zone, or UTC.
func (b *Budget) Location() *time.Location {
	if loc, err := location(b.Zone); err == nil && b.Zone != "" {
		return loc
	}
	return time.UTC
}

// Location returns where the limit's day ends: Zone; nil if the limit does not say it.
func (l *Limit) Location() *time.Location {
	if loc, err := location(l.Zone); err == nil && l.Zone != "" {
		return loc
	}
	return nil
}

// Warns returns the share of the cap, in percent, from which the log warns: WarnPercent or, if that is zero, its default. 100
// is never.
func (b *Budget) Warns() int { return cmp.Or(b.WarnPercent, 80) }

// Share returns so many percent of the cap.
func (b *Budget) Share(percent int) price.Pico {
	p := price.Pico(percent)
	return b.Cap/100*p + b.Cap%100*p/100
}

// zones keeps the locations that were loaded: time.LoadLocation reads a file each time. There are some hundred at most.
var zones sync.Map

// location returns the location of a name.
func location(zone string) (*time.Location, error) {
	if loc, ok := zones.Load(zone); ok {
		return loc.(*time.Location), nil
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, err
	}
	zones.Store(zone, loc)
	return loc, nil
}
