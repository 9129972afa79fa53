package pgtest

import (
	"os/exec"
	"syscall"
)

// noOrphan has a process end, in good order, when the thread ends that has started it.
func noOrphan(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGINT
}
