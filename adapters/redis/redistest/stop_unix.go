//go:build unix

package redistest

import (
	"os"
	"syscall"
)

// stop makes the process stop where it is.
func stop(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

// proceed lets a stopped process continue.
func proceed(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
