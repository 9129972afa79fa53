//go:build !linux

package pgtest

import "os/exec"

// noOrphan does nothing: a test that is killed leaves its server behind.
func noOrphan(*exec.Cmd) {}
