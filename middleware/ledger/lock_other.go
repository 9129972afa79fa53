//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package ledger

import "os"

// lockFile opens a file. The standard library has no lock for these systems, so a second program that uses the directory is
// not refused.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}

// syncDir does nothing: not all of these systems can sync a directory.
func syncDir(string) error { return nil }
