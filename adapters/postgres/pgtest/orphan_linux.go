package pgtest

import (
	"os/exec"
	"syscall"
)

// noOrphan makes the process stop when the thread that started it ends.
func noOrphan(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGINT
}
