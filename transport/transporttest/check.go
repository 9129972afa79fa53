package transporttest

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	// itemTime is how long an item may take by its bubble's clock. It is longer than all waits of any sensible back-off.
	itemTime = 24 * time.Hour

	// graceTime is how long what an item started may take to end after the item.
	graceTime = time.Hour

	// maxFailures is how many failures of an item are reported.
	maxFailures = 8
)

// A wrapper returns the RoundTripper under test, over base.
type wrapper = func(base http.RoundTripper) http.RoundTripper

// A check is one run of an item. It has what the item needs, and collects its failures.
type check struct {
	wrapper wrapper
	via     string          // overFake, overH1 or overH2
	ctx     context.Context // done when the item is over

	mu       sync.Mutex
	failures []string
	cleanups []func()
	bubble   string // see bubbleOf
}

// errorf reports a failure.
func (c *check) errorf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failures) < maxFailures {
		c.failures = append(c.failures, fmt.Sprintf(format, args...))
	}
}

// fatalf is errorf, and ends the item. It may be called only on the item's own goroutine.
func (c *check) fatalf(format string, args ...any) {
	c.errorf(format, args...)
	runtime.Goexit()
}

func (c *check) failed() bool { return len(c.all()) > 0 }

func (c *check) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.failures)
}

// atEnd registers f to be called when the item is over. The last one is called first.
func (c *check) atEnd(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cleanups = append(c.cleanups, f)
}

// wrap returns the RoundTripper under test, over base, and closes it when the item is over.
func (c *check) wrap(base http.RoundTripper) http.RoundTripper {
	rt := c.wrapper(base)
	if rt == nil && base != nil {
		c.fatalf("wrap returned nil")
	}
	if closer, ok := rt.(interface{ Close() error }); ok {
		c.atEnd(func() { closer.Close() })
	}
	return rt
}

func (c *check) bubbleName() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bubble
}
