package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// A run sends the lines that are left.
type run struct {
	*batch
	ctx     context.Context // ends the calls
	results chan result
	counted counted

	stopping chan struct{} // closed when no further line is to be sent
	once     sync.Once
	why      error // set before stopping is closed
}

// counted counts what a run has done.
type counted struct {
	done    int // lines with an answer
	failed  int // lines with an error
	refused int // lines that the budget refused, which are left
	unclear int // of the failed ones, those that may have been paid for
	lost    int // answers that the output does not have, as it could not be written
	inRow   int // failed lines since the last one that was answered

	tiers map[policy.Tier]int // lines with an answer, by the tier that served
}

// stop has no further line sent. Calls that are under way go on. The first reason counts.
func (r *run) stop(why error) {
	r.once.Do(func() {
		r.why = why
		close(r.stopping)
	})
}

// stopped reports whether no further line is to be sent.
func (r *run) stopped() bool {
	select {
	case <-r.stopping:
		return true
	default:
		return false
	}
}

// all sends all lines that are left, and returns when their answers are written. The error is why it ended before the end.
func (r *run) all() error {
	lines := make(chan request)
	var senders sync.WaitGroup
	senders.Go(func() {
		defer close(lines)
		if err := r.dispatch(lines); err != nil {
			r.stop(err)
		}
	})
	for range r.set.parallel {
		senders.Go(func() {
			for req := range lines {
				r.results <- r.one(req)
			}
		})
	}
	go func() {
		senders.Wait()
		close(r.results)
	}()
	r.collect()
	if r.stopped() {
		return r.why
	}
	return nil
}

// dispatch reads the input once more, and gives out the lines that are left.
func (r *run) dispatch(lines chan<- request) error {
	return r.eachLine(r.ctx, func(l line, req request, err error) error {
		if err != nil {
			return nil // check has reported it
		}
		e := r.index.find(req.id)
		switch {
		case e == nil || e.line == 0:
			return fmt.Errorf("-in: %s was changed while it was read", r.set.in)
		case e.line != uint32(l.number):
			return nil // another line has the id, as check has reported
		case e.state == paid:
			r.results <- result{answer: r.lost(req)}
			return nil
		case e.state != todo:
			return nil
		case !r.set.finishBy.IsZero() && time.Now().After(r.set.finishBy):
			return errLate
		}
		if r.stopped() {
			return r.why
		}
		select {
		case lines <- req:
			return nil
		case <-r.stopping:
			return r.why
		}
	})
}

// one sends one line.
func (r *run) one(req request) result {
	if r.stopped() {
		return result{}
	}
	if err := r.account.failure(); err != nil {
		return result{stop: err}
	}
	return r.call(r.ctx, req)
}

// lost returns the error of a line that an earlier run may have paid for, and of which there is no answer.
func (b *batch) lost(req request) *answer {
	a := b.newAnswer(req)
	p := b.paid[tagOf(req.id)]
	a.MaybePaid = true
	if p.unknown == 0 {
		pico, ok := p.cost.Pico()
		a.Cost = ledger.Amount{Pico: pico, Known: ok}
	}
	text := fmt.Sprintf("an earlier run was killed before the answer was written; the line has cost $%s", p.cost)
	if pico, ok := p.exposure.Pico(); ok && pico > 0 {
		a.Exposure = ledger.Known(pico)
		text += fmt.Sprintf(", and may have cost $%s more", p.exposure)
	}
	if p.unbounded > 0 {
		text += ", and an amount that is not known"
	}
	a.Error = &problem{Code: "maybe_paid", Message: text + "; -again sends it again"}
	return a
}

// collect writes answers to the output, several at once if they have come by then.
func (r *run) collect() {
	for first := range r.results {
		batch := []result{first}
		for more := true; more && len(batch) < 2*r.set.parallel; {
			select {
			case next, ok := <-r.results:
				if more = ok; ok {
					batch = append(batch, next)
				}
			default:
				more = false
			}
		}
		r.write(batch)
		r.progress.show(r.counted.done+r.counted.failed, r.counted.failed, r.counted.refused, r.account.totals.Totals().Total)
	}
}

// write writes the answers of some results, and counts them when they are on the disk.
func (r *run) write(batch []result) {
	var text []byte
	var answers []*answer
	for _, result := range batch {
		if errors.Is(result.stop, errBudget) {
			r.counted.refused++
		}
		if result.stop != nil {
			r.stop(result.stop)
		}
		if result.answer == nil {
			continue
		}
		line, err := result.answer.encode()
		if err != nil {
			r.stop(fmt.Errorf("the answer to %q cannot be written: %w", result.answer.ID, err))
			continue
		}
		text = append(text, line...)
		answers = append(answers, result.answer)
	}
	if len(answers) == 0 {
		return
	}
	if err := r.output.append(text); err != nil {
		r.counted.lost += len(answers)
		r.stop(err)
		return
	}
	for _, a := range answers {
		r.count(a)
	}
}

// count counts an answer that is written.
func (r *run) count(a *answer) {
	switch a.state() {
	case answered:
		r.counted.done++
		r.counted.inRow = 0
		r.counted.tiers[a.Tier]++
		return
	case unclear:
		r.counted.unclear++
	}
	r.counted.failed++
	r.counted.inRow++
	if r.set.stopAfter > 0 && r.counted.inRow == r.set.stopAfter && a.Error.Code != "maybe_paid" {
		r.stop(fmt.Errorf("%d lines have failed one after the other, the last with: %s (%w)", r.counted.inRow, a.Error.Message, errFailures))
	}
}

// interrupted is what the first signal does: no further line is sent.
func (r *run) interrupted() {
	r.stop(errInterrupted)
	r.progress.say("waiting for the calls that are under way; once more ends them at once, and they may then be paid for without an answer")
}

// abort is what the second signal does: it ends the calls.
func (r *run) abort(cancel context.CancelFunc) {
	cancel()
	r.progress.say("ending the calls that are under way; they may be paid for all the same. Once more kills the program")
}
