//go:build race

package middleware_test

// raceEnabled reports whether the race detector watches, under which long answers are shorter.
const raceEnabled = true
