//go:build race

package limit_test

// raceEnabled reports whether the race detector watches, under which tests of many rounds are shorter.
const raceEnabled = true
