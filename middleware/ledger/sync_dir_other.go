//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package ledger

// syncDir does nothing: not all of these systems can sync a directory.
func syncDir(string) error { return nil }
