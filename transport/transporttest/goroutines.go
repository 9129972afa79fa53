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

// bubbleOf returns the name of a goroutine's bubble in the head of its stack, such as "synctest bubble 7". It returns "" if
// the goroutine is in none.
func bubbleOf(stack string) string {
	head, _, _ := strings.Cut(stack, "\n")
	if m := bubbleName.FindStringSubmatch(head); m != nil {
		return m[1]
	}
	return ""
}

// others returns the stacks of the bubble's goroutines, without this one and those that run the bubble.
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

// where returns the stacks of the bubble's goroutines as a message.
func (c *check) where() string { return join(c.others()) }

// join returns a message with the first few stacks.
func join(stacks []string) string {
	const most = 6
	if len(stacks) > most {
		stacks = append(stacks[:most:most], "...")
	}
	return strings.Join(stacks, "\n\n")
}

// settle waits until what is still running has had time to end.
func settle() {
	time.Sleep(graceTime)
	synctest.Wait() // for timers that have just fired
}
