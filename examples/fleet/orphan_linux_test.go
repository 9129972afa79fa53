package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEnd ends the program while its workers make calls. Its workers and servers end as well, also if it is killed.
func TestEnd(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		code   int
	}{{"interrupted", syscall.SIGINT, exitInterrupted}, {"killed", syscall.SIGKILL, -1}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			temp, err := os.MkdirTemp("", "fleet") // a killed program leaves the files of its servers
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(temp) })
			if err := os.Chmod(temp, 0o711); err != nil { // PostgreSQL may run as another user
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			cmd := exec.Command(program, "-workers", "2", "-calls", "20")
			cmd.Env = append(os.Environ(), testMainEnv+"=1", "TMPDIR="+temp)
			cmd.Stderr = &stderr
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			cmd.WaitDelay = 10 * time.Second
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			group := cmd.Process.Pid
			ended := make(chan struct{})
			go func() {
				cmd.Wait()
				close(ended)
			}()
			t.Cleanup(func() {
				syscall.Kill(-group, syscall.SIGKILL) // its own children, if it left some
				<-ended
			})
			if !poll(30*time.Second, func() bool { return running(group) >= 5 || isClosed(ended) }) {
				t.Fatalf("%d processes after 30 s, want the program, 2 workers and 2 servers", running(group))
			}
			if isClosed(ended) {
				skipWithout(t, cmd.ProcessState.ExitCode(), stderr.String())
				t.Fatal(stderr.String())
			}
			time.Sleep(500 * time.Millisecond) // until the workers make calls
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			if !poll(30*time.Second, func() bool { return running(group) == 0 }) {
				t.Errorf("%d processes are left", running(group))
			}
			<-ended
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("code %d, want %d: %s", code, c.code, stderr.String())
			}
		})
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// poll waits until a condition holds, and reports whether it does.
func poll(d time.Duration, holds func() bool) bool {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return holds()
}

// running returns how many processes of a group run.
func running(group int) (n int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// After the name, which is in parentheses: the state, the parent and the group.
		_, rest, _ := strings.Cut(string(text[bytes.LastIndexByte(text, ')')+1:]), " ")
		f := strings.Fields(rest)
		if len(f) > 2 && f[0] != "Z" && f[2] == strconv.Itoa(group) {
			n++
		}
	}
	return n
}
