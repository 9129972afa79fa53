package limit

import "time"

// An instant is a time, and the time that has passed since the limiter was made. Clocks are set forwards and back, but the time
// that has passed only grows.
type instant struct {
	time.Time
	elapsed time.Duration
}
