package transporttest

import (
	"regexp"
	"runtime"
	"strings"
	"testing/synctest"
	"time"
)

// stacks returns the stack of this goroutine, or those of all, this one's first.
func stacks(all bool) []string {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, all)
		if n < len(buf) {
			return strings.Split(strings.TrimSpace(string(buf[:n])), "\n\n")
		}
		buf = make([]byte, 2*len(buf))
	}
}

var bubbleName = regexp.MustCompile(`^goroutine .*(synctest bubble \d+)\b`)

// bubbleOf returns how the head of a goroutine's stack names its bubble; "" if it is in none.
func bubbleOf(stack string) string {
	head, _, _ := strings.Cut(stack, "\n")
	if m := bubbleName.FindStringSubmatch(head); m != nil {
		return m[1]
	}
	return ""
}

// others returns the stacks of the bubble's goroutines, but for this one and those that run the bubble.
func (c *check) others() (found []string) {
	for _, stack := range stacks(true)[1:] {
		if bubbleOf(stack) == c.bubbleName() && !runsBubble(stack) {
			found = append(found, stack)
		}
	}
	return found
}

// runsBubble reports whether a goroutine is one that synctest itself starts, or [check.inBubble]'s.
func runsBubble(stack string) bool {
	for _, name := range []string{"internal/synctest.Run(", "testing/synctest.testingSynctestTest(", ").inBubble("} {
		if strings.Contains(stack, name) {
			return true
		}
	}
	return false
}

// where says where the bubble's goroutines are.
func (c *check) where() string { return join(c.others()) }

// join makes a message of stacks, the first few.
func join(stacks []string) string {
	const most = 6
	if len(stacks) > most {
		stacks = append(stacks[:most:most], "...")
	}
	return strings.Join(stacks, "\n\n")
}

// settle gives what is under way the time to end by itself.
func settle() {
	time.Sleep(graceTime)
	synctest.Wait() // for what the bubble's clock has set off just now
}
