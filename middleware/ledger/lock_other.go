//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package ledger

import "os"

// lockFile opens a file. These systems have no lock that the standard library can take: who uses a directory twice at
// once is not refused.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}

// syncDir does nothing: not all of these systems let a directory be synced.
func syncDir(string) error { return nil }
