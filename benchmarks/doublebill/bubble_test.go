package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestExit starts processes that end in all the ways.
func TestExit(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for way, want := range map[string]struct {
		status int
		says   string
	}{
		"passes": {0, ""}, "fails": {1, "it failed"}, "panics": {1, "it panicked"}, "hangs": {1, "deadlock"},
	} {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), childEnv+"="+way)
		var says strings.Builder
		cmd.Stderr = &says
		out, err := cmd.Output()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != want.status || !strings.Contains(says.String(), want.says) || len(out) > 0 {
			t.Errorf("%s: exit status %d, want %d; it prints %q, and says\n%s", way, got, want.status, out, says.String())
		}
	}
}
