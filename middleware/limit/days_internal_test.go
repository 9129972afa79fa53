package limit

import (
	"testing"
	"time"
)

// A clock that is set forwards or back neither grants a day twice nor locks it for ever.
func TestClockSteps(t *testing.T) {
	const hour = time.Hour
	noon := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	type step struct {
		elapsed time.Duration // since the start
		clock   time.Duration // what it shows, after noon of the 28th
		used    int64         // of this day, before one more is used
	}
	for name, steps := range map[string][]step{
		"no step":                   {{0, 0, 0}, {11 * hour, 11 * hour, 1}, {12 * hour, 12 * hour, 0}, {36 * hour, 36 * hour, 0}},
		"back over midnight":        {{0, 0, 0}, {13 * hour, 13 * hour, 0}, {14 * hour, 11 * hour, 1}, {15 * hour, 12 * hour, 2}, {39 * hour, 36 * hour, 0}},
		"back within the day":       {{0, 0, 0}, {hour, -hour, 1}, {13 * hour, 11 * hour, 2}, {14 * hour, 12 * hour, 0}},
		"forwards and back":         {{0, 0, 0}, {hour, 13 * hour, 1}, {2 * hour, 2 * hour, 2}, {12 * hour, 12 * hour, 0}, {24 * hour, 24 * hour, 1}, {36 * hour, 36 * hour, 0}},
		"forwards for good":         {{0, 0, 0}, {hour, 13 * hour, 1}, {11 * hour, 23 * hour, 2}, {12 * hour, 24 * hour, 0}, {24 * hour, 36 * hour, 0}},
		"years forwards and back":   {{0, 0, 0}, {hour, 90_000 * hour, 1}, {2 * hour, 2 * hour, 2}, {25 * hour, 25 * hour, 0}, {26 * hour, 26 * hour, 1}, {36 * hour, 36 * hour, 0}},
		"years back":                {{0, 0, 0}, {hour, -90_000 * hour, 1}, {24 * hour, -90_000*hour + 23*hour, 2}, {25 * hour, -90_000*hour + 24*hour, 0}},
		"a moment back at midnight": {{0, 12 * hour, 0}, {1, 12*hour - 1, 1}, {2, 12 * hour, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &days{zone: time.UTC}
			for i, s := range steps {
				now := instant{noon.Add(s.clock), s.elapsed, 0}
				d.roll(now)
				if d.requests != s.used {
					t.Errorf("step %d: %d used, want %d", i, d.requests, s.used)
				}
				if rest := d.rest(now); rest <= 0 || rest > longestDay {
					t.Errorf("step %d: the day takes another %v", i, rest)
				}
				d.take(now, &amounts{unitRequests: 1})
			}
		})
	}
}

// On a day on which clocks go back, 25 hours belong to it.
func TestDayOf25Hours(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	d := &days{zone: berlin}
	start := time.Date(2026, 10, 25, 0, 0, 0, 0, berlin)
	for h := range 26 {
		now := instant{start.Add(time.Duration(h) * time.Hour), time.Duration(h) * time.Hour, 0}
		d.roll(now)
		if want := int64(h % 25); d.requests != want {
			t.Errorf("after %d hours: %d, want %d", h, d.requests, want)
		}
		d.take(now, &amounts{unitRequests: 1})
	}
}
