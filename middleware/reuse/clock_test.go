package reuse

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	var c clock
	for _, step := range []struct {
		name     string
		at, want time.Duration // since start; on the clock
	}{
		{"first", 0, 0},
		{"later", time.Hour, time.Hour},
		{"a request that overlaps", time.Hour - slack, time.Hour},
		{"set back", -5 * time.Hour, time.Hour},
		{"goes on from there", -5*time.Hour + time.Minute, time.Hour + time.Minute},
		{"far ahead", 100_000 * time.Hour, time.Hour + time.Minute + horizon},
		{"goes on from there", 100_001 * time.Hour, 2*time.Hour + time.Minute + horizon},
	} {
		at := start.Add(step.at)
		if got := c.read(at); got != step.want {
			t.Errorf("%s: %v, want %v", step.name, got, step.want)
		}
		if back := c.read(c.time(c.now)); back != c.now {
			t.Errorf("%s: the time now is %v, want %v", step.name, back, c.now)
		}
	}
}
