package bench

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
)

// AsTest runs f as a test, because only a test can make a bubble, and ends the process with status 0 or 1. The flags must
// have been parsed. The flags of package testing, which this adds, keep their defaults.
func AsTest(name string, f func(*testing.T) error) {
	if !flag.Parsed() {
		panic("the flags are not parsed")
	}
	every := func(string, string) (bool, error) { return true, nil }
	testing.Main(every, []testing.InternalTest{{Name: name, F: func(t *testing.T) {
		if err := withPanic(func() error { return f(t) }); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
		os.Exit(0) // before package testing prints that a test has passed
	}}}, nil, nil)
}

// InBubble runs f in a bubble. Its clock stands still while a goroutine runs, and jumps forward when all of them wait.
func InBubble(t *testing.T, f func(*testing.T) error) (err error) {
	synctest.Test(t, func(t *testing.T) {
		err = withPanic(func() error { return f(t) })
	})
	return err
}

// withPanic runs f, and returns a panic as an error with the stack of every goroutine.
func withPanic(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			stacks := make([]byte, 1<<20)
			err = fmt.Errorf("panic: %v\n\n%s", p, stacks[:runtime.Stack(stacks, true)])
		}
	}()
	return f()
}
