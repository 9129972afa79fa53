package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/skinflint-go/skinflint/policy"
)

// A tally counts lines.
type tally struct {
	lines   int // that are not empty
	broken  int // no valid requests
	resumed int // that have an answer from an earlier run
	failed  int // that have an error from an earlier run, and were free
	unclear int // that have an error from an earlier run, and may have been paid for
	paid    int // without an answer or error, that an earlier run may have paid for
	todo    int

	tiers map[policy.Tier]int // lines that have an answer from an earlier run, by the tier that served
}

// maxProblems is how many broken lines are reported one by one.
const maxProblems = 20

// check reads the whole input before anything is sent: a mistake is cheapest then. It reports what is wrong with lines.
func (b *batch) check(ctx context.Context) error {
	services := map[*service]bool{}
	b.tally.tiers = map[policy.Tier]int{}
	err := b.eachLine(ctx, func(l line, req request, err error) error {
		b.tally.lines++
		if err == nil {
			err = b.enter(req, l)
		}
		if err != nil {
			b.tally.broken++
			if b.tally.broken <= maxProblems {
				b.progress.say("%s:%d: %v", b.set.in, l.number, err)
			}
			return nil
		}
		if state := b.index.find(req.id).state; state == todo {
			services[req.to] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	if more := b.tally.broken - maxProblems; more > 0 {
		b.progress.say("%s: %d more lines are wrong", b.set.in, more)
	}
	switch {
	case b.tally.lines == 0:
		return fmt.Errorf("-in: there is no line in %s", b.set.in)
	case b.tally.broken > 0 && !b.set.skip:
		return fmt.Errorf("%d of %d lines of %s are wrong; nothing was sent. Correct them, or leave them out by -on-error skip", b.tally.broken, b.tally.lines, b.set.in)
	}
	if n := b.index.foreign(); n > 0 {
		b.progress.say("%s has %d answers to ids that are not in %s", b.set.out, n, b.set.in)
	}
	for to := range services {
		if b.keys[to], err = to.key(b.set); err != nil {
			return err
		}
	}
	return nil
}

// enter enters a line into the index, and counts it by its state.
func (b *batch) enter(req request, l line) error {
	e := b.index.entry(req.id)
	if e.line > 0 {
		return fmt.Errorf("the id %q is that of line %d: each line needs one of its own", req.id, e.line)
	}
	if e.state != todo && e.state != paid && e.sum != req.sum {
		return fmt.Errorf("%s has the answer to another request of the id %q: name another file by -out, or take that answer out", b.set.out, req.id)
	}
	e.line = uint32(l.number)
	switch e.state {
	case todo:
		b.tally.todo++
	case answered:
		b.tally.resumed++
		b.tally.tiers[b.index.tiers[e.tier]]++
	case failed:
		b.tally.failed++
	case unclear:
		b.tally.unclear++
	case paid:
		b.tally.paid++
	}
	return nil
}

// eachLine reads the input and calls f with each line that is not empty, and with its request or what is wrong with it.
func (b *batch) eachLine(ctx context.Context, f func(line, request, error) error) error {
	file, err := os.Open(b.set.in)
	if err != nil {
		return fmt.Errorf("-in: %w", err)
	}
	defer file.Close()
	lines := newLineReader(file, maxLine)
	for ctx.Err() == nil {
		l, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("-in: %w", err)
		}
		req, err := b.requests.read(l)
		if err := f(l, req, err); err != nil {
			return err
		}
	}
	return errInterrupted
}
