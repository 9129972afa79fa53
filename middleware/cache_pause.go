package middleware

import (
	"fmt"
	"net/http"
	"time"
)

// A pause keeps a scope from creating caches for a while, after creations that have failed: each uploads a whole prompt, for which
// a call may wait. The zero pause is none. It is guarded by the scope's mu.
type pause struct {
	failures int       // in a row
	since    time.Time // of the latest failure
	until    time.Time
	err      error
}

// The first failure pauses for shortestPause, and each further one for twice as long as the one before.
const (
	shortestPause = time.Minute
	longestPause  = time.Hour
)

// failed notes that a creation that began at a time has failed. If it began before the pause did, the pause says as much already.
func (p *pause) failed(began, now time.Time, status int, err error) {
	if began.Before(p.since) {
		return
	}
	p.failures++
	length := longestPause
	if short := p.failures <= 6; short && status != http.StatusUnauthorized && status != http.StatusForbidden {
		length = shortestPause << (p.failures - 1)
	}
	p.since, p.until, p.err = now, now.Add(length), err
}

// active returns an error that says until when no cache is created; nil if one may be.
func (p *pause) active(now time.Time) error {
	if !now.Before(p.until) {
		return nil
	}
	return fmt.Errorf("none is created until %s, because creations have failed (%d in a row): %w", p.until.UTC().Format(time.RFC3339), p.failures, p.err)
}
