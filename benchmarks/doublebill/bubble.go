package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
)

// asTest runs f as a test, since bubbles are to be had by tests only, and ends the process with what became of it. The
// flags must have been parsed: those of package testing, which come now, stay as they are.
func asTest(name string, f func(*testing.T) error) {
	if !flag.Parsed() {
		panic("the flags are not parsed")
	}
	every := func(string, string) (bool, error) { return true, nil }
	testing.Main(every, []testing.InternalTest{{Name: name, F: func(t *testing.T) {
		if err := guarded(func() error { return f(t) }); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
		os.Exit(0) // before package testing says that a test has passed
	}}}, nil, nil)
}

// inBubble runs f in a bubble of its own, with a clock that stands still while anything is done, and jumps when all wait.
func inBubble(t *testing.T, f func(*testing.T) error) (err error) {
	synctest.Test(t, func(t *testing.T) {
		err = guarded(func() error { return f(t) })
	})
	return err
}

// guarded returns a panic as an error, with every goroutine's stack.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			stacks := make([]byte, 1<<20)
			err = fmt.Errorf("panic: %v\n\n%s", p, stacks[:runtime.Stack(stacks, true)])
		}
	}()
	return f()
}
