package main

import (
	"errors"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/reuse"
)

// TestSecondHalf measures generated traces as a recorded one is: caches end at half time, some while they are created.
func TestSecondHalf(t *testing.T) {
	for _, tr := range generated() {
		w := workloads(tr, nil)[0]
		nodes := nodesOf(w.requests)
		for _, mode := range []reuse.Mode{reuse.Before, reuse.Beside} {
			for _, scale := range scales {
				if _, err := w.explicit(setting{models[0], scale, 0, mode}, nodes); err != nil {
					t.Errorf("%s, x%g, %s: %v", w.name, scale, modeName(mode), err)
				}
			}
		}
	}
}

func TestInParallel(t *testing.T) {
	failed := errors.New("failed")
	done := make([]bool, 50)
	jobs := make([]func() error, len(done))
	for i := range jobs {
		jobs[i] = func() error {
			done[i] = true
			if i == 20 {
				return failed
			}
			return nil
		}
	}
	if err := inParallel(jobs); err != failed {
		t.Errorf("%v, want %v", err, failed)
	}
	for i := range done {
		if !done[i] {
			t.Errorf("job %d is not done", i)
		}
	}
}
