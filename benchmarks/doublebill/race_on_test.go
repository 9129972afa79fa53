//go:build race

package main

// raceEnabled reports whether the race detector watches. Races of others, such as azcore's when it rewinds a body that
// net/http may still be reading, are not for us to fail on.
const raceEnabled = true
