//go:build !unix

package redistest

import (
	"errors"
	"os"
)

// stop fails: this system cannot stop a process.
func stop(*os.Process) error { return errors.ErrUnsupported }

// proceed fails: this system cannot stop a process.
func proceed(*os.Process) error { return errors.ErrUnsupported }
