//go:build race

package transporttest

// Under the race detector TestBroken runs only the items that have to fail; the others take their time.
const raceEnabled = true
