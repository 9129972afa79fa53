//go:build !unix

package pgtest

import "os/exec"

// unprivileged does nothing on systems without root.
func unprivileged(*exec.Cmd, string) error { return nil }
