package filelock

import (
	"path/filepath"
	"runtime"
	"testing"
)

func TestLock(t *testing.T) {
	switch runtime.GOOS {
	case "darwin", "dragonfly", "freebsd", "linux", "netbsd", "openbsd", "windows":
	default:
		t.Skip("there is no lock on this system")
	}
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Lock(path); err == nil {
		second.Close()
		t.Error("it was locked twice")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := Lock(path)
	if err != nil {
		t.Fatalf("after the first was closed: %v", err)
	}
	second.Close()
	if _, err := Lock(filepath.Join(t.TempDir(), "none", "lock")); err == nil {
		t.Error("a file in a folder that does not exist was locked")
	}
}
