package bench

import (
	"runtime/debug"
	"slices"
)

// RaceDetector reports whether the program was built with the race detector, with which no figure means anything.
func RaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
