package transporttest

import (
	"context"
	"runtime/debug"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// watchdog is how long an item may take in real time. It takes longer only if the bubble's clock stands still.
var watchdog = 30 * time.Second

// run runs the item in a bubble of its own, and returns its failures. t is needed only for the bubble, and fails only if
// the race detector finds something.
func (it *item) run(t *testing.T, via string, wrap wrapper) []string {
	c := &check{wrapper: wrap, via: via}
	over := make(chan struct{})
	go func() {
		defer close(over)
		// synctest panics here if blocked goroutines are left in the bubble. They do no harm.
		defer func() {
			if p := recover(); p != nil && !c.failed() {
				c.errorf("%v", p)
			}
		}()
		synctest.Test(t, func(*testing.T) { c.inBubble(it.test) })
	}()
	select {
	case <-over:
	case <-time.After(watchdog):
		c.errorf("it hangs, and the bubble's time does not go on: a goroutine spins, or waits for a mutex or for something from outside of the bubble\n%s", c.where())
	}
	return c.all()
}

// inBubble runs test and cleans up after it. It always returns, so that a bubble that cannot end can be distinguished from
// an item that does not.
func (c *check) inBubble(test func(*check)) {
	c.mu.Lock()
	c.bubble = bubbleOf(stacks(false)[0])
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	c.ctx = ctx
	if !c.within(itemTime, func() { test(c) }) {
		c.errorf("it has not returned after %v of the bubble's time\n%s", itemTime, c.where())
	}
	cancel()
	if !c.within(graceTime, c.cleanUp) {
		c.errorf("what the item used cannot be closed\n%s", c.where())
	}
	settle()
	if left := c.others(); len(left) > 0 && !c.failed() {
		c.errorf("goroutines are left although all contexts are done and all connections closed:\n%s", join(left))
	}
}

// within runs f, and reports whether it returned in time.
func (c *check) within(d time.Duration, f func()) bool {
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer func() {
			if p := recover(); p != nil {
				c.errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		f()
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-over:
		return true
	case <-timer.C:
		return false
	}
}

func (c *check) cleanUp() {
	c.mu.Lock()
	cleanups := c.cleanups
	c.mu.Unlock()
	for _, f := range slices.Backward(cleanups) {
		f()
	}
}
