package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// fullDisk starts the program so that no file can have more than 64 or 32 KB, as the shell counts: to write more is an error.
func fullDisk(t *testing.T, sim *llmtest.Server, wait time.Duration, args ...string) *process {
	t.Helper()
	return spawnBy(t, sim, []string{"sh", "-c", `trap '' XFSZ; ulimit -f 64; SKINFLINT_TEST_DISK_WAIT=` + wait.String() + ` exec "$0" "$@"`}, args...)
}

// TestFullDisk fills the disk. The program ends, and says what is not safe. When there is room, no line is paid for twice, and the
// ledger covers what was billed.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	sim := provider(t, llmtest.Config{Latency: time.Millisecond})
	const lines = 300
	args, out := requests(t, chatLines(lines)...)
	began := time.Now()
	r := fullDisk(t, sim, 200*time.Millisecond, args...).end(t)
	if took := time.Since(began); r.code != exitFailed || took > 20*time.Second || r.sum.Done == 0 || r.sum.Left == 0 {
		t.Errorf("after %v: code %d, %+v", took, r.code, r.sum)
	}
	r.says(t, "file too large", "lines are left: run the same command again when the cause is mended", " are not safe in "+out+".ledger", "the next run counts these attempts")

	r = spawn(t, sim, args...).end(t)
	if s := r.sum; s.Left > 0 || s.Done+s.Resumed+s.MaybePaid != lines {
		t.Errorf("%+v", s)
	}
	agrees(t, sim, &r.sum)
	if n := twice(t, sim); n > 0 {
		t.Errorf("%d lines were billed twice", n)
	}
}

// TestSignalAtTheEnd sends a signal while the program waits for a disk that is full.
func TestSignalAtTheEnd(t *testing.T) {
	t.Parallel()
	sim := provider(t, llmtest.Config{})
	args, _ := requests(t, chatLines(300)...)
	p := fullDisk(t, sim, 10*time.Minute, args...)
	await(t, "the end", func() bool { return strings.Contains(p.stderr.String(), "Ctrl-C ends the wait") })
	began := time.Now()
	p.Process.Signal(syscall.SIGTERM)
	r := p.end(t)
	if took := time.Since(began); r.code != exitFailed || took > 20*time.Second {
		t.Errorf("after %v: code %d", took, r.code)
	}
	r.says(t, "not waiting for the disk any longer", " are not safe in ")
}
