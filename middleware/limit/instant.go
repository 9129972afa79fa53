package limit

import "time"

// An instant is a time, and how long the limiter has been there: clocks are set forwards and back, and that never is.
type instant struct {
	time.Time
	elapsed time.Duration
}
