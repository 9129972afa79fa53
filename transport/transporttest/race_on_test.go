//go:build race

package transporttest

// Under the race detector TestBroken runs only the items that must fail, because the others take long.
const raceEnabled = true
