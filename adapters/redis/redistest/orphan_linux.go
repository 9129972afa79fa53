package redistest

import (
	"os/exec"
	"syscall"
)

// noOrphan makes the process end when the thread that started it ends. SIGKILL also ends a process that SIGSTOP stopped.
func noOrphan(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
