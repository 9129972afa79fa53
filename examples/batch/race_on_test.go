//go:build race

package main

// raceOn says that the tests run under the race detector, which makes them many times slower.
const raceOn = true
