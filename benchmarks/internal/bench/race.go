package bench

import (
	"runtime/debug"
	"slices"
)

// RaceDetector reports whether the program was built with the race detector, under which no figure says anything.
func RaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
