package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/transporttest"
)

const (
	childEnv = "SKINFLINT_CONTRACT"
	testName = "Contract"

	// itemTime is how long an item may take. Nearly all take moments, and the kit ends one that hangs before this time.
	itemTime = 40 * time.Second

	exitFailed = 1 // what a test program exits with when tests fail; a panic or a signal is another
)

// child runs the kit as a test program does, on the subject of that name. It does not return.
func child(name string) {
	i := slices.IndexFunc(subjects(), func(s subject) bool { return s.name == name })
	if i < 0 {
		fmt.Fprintf(os.Stderr, "no subject %q\n", name)
		os.Exit(2)
	}
	over := subjects()[i].over
	testing.Main(regexp.MatchString, []testing.InternalTest{{
		Name: testName,
		F:    func(t *testing.T) { transporttest.TestRoundTripper(t, over) },
	}}, nil, nil)
}

// A result is how a subject did.
type result struct {
	name    string
	items   []string // in order
	failed  []string
	crashed map[string]bool // those of the failed that ended the process, or had to be ended
}

// judge runs each of the items on the subject.
func judge(s subject, items []string) (*result, error) {
	r := &result{name: s.name, items: items, crashed: make(map[string]bool)}
	for _, item := range items {
		_, err := run1(s.name, "^"+item+"$")
		var exit *exec.ExitError
		switch {
		case err == nil:
			continue
		case !errors.As(err, &exit):
			return nil, err
		}
		r.failed = append(r.failed, item)
		if exit.ExitCode() != exitFailed {
			r.crashed[item] = true
		}
	}
	return r, nil
}

// run1 runs the items that the pattern matches in a process of their own.
func run1(subject, pattern string) (out []byte, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), itemTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-test.v", "-test.run=^"+testName+"$/"+pattern)
	cmd.Env = append(os.Environ(), childEnv+"="+subject)
	cmd.WaitDelay = time.Second
	return cmd.Output()
}

var began = regexp.MustCompile(`(?m)^=== RUN +` + testName + `/([^/\s]+)$`)

// list returns the names of the kit's items, by running them on a correct RoundTripper.
func list() (items []string, err error) {
	out, err := run1(bare, "")
	for _, m := range began.FindAllSubmatch(out, -1) {
		items = append(items, string(m[1]))
	}
	if err == nil && len(items) == 0 {
		err = errors.New("the kit has no items")
	}
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return items, nil
}
