//go:build race

package budget_test

// raceEnabled reports whether the race detector watches, under which tests of many rounds are shorter.
const raceEnabled = true
