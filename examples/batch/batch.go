package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A batch is a file of requests and all that belongs to it.
type batch struct {
	set      *settings
	requests *requestReader
	output   *output
	account  *account
	index    *index
	paid     map[string]paidLine // by the tags of lines
	tally    tally
	keys     map[*service]string
	client   http.RoundTripper // the stack
	base     http.RoundTripper
	provider *llmtest.Server // nil with -live
	progress *progress
	signals  interrupts
	thrown   bool // the answers are thrown away
}

// A paidLine is what the ledger says of a line that may have been paid for.
type paidLine struct {
	cost, exposure price.Sum
	unknown        int // attempts whose cost is not known
	unbounded      int // of these, those that have no bound either
}

// start prepares the run, runs, and reports.
func (b *batch) start(ctx context.Context, stdout io.Writer, signals <-chan os.Signal) (code int, err error) {
	if b.set.in == "" || b.set.throwaway() {
		dir, err := os.MkdirTemp("", "skinflint-batch-")
		if err != nil {
			return exitUsage, err
		}
		defer os.RemoveAll(dir)
		if err := b.rehearse(dir); err != nil {
			return exitUsage, err
		}
	}
	ended := make(chan struct{})
	defer close(ended)
	opening, interrupt := context.WithCancel(ctx)
	defer interrupt()
	b.signals.set(interrupt)
	go b.signals.obey(signals, ended)
	stack, err := b.open(opening)
	if opening.Err() != nil {
		err = errors.Join(errInterrupted, err)
	}
	if err != nil {
		return b.unopened(ctx, err)
	}
	r := &run{batch: b, results: make(chan result, b.set.parallel), stopping: make(chan struct{}), counted: counted{tiers: map[policy.Tier]int{}}}
	var cancel context.CancelFunc
	r.ctx, cancel = context.WithCancel(ctx)
	defer cancel()
	b.signals.set(r.interrupted, func() { r.abort(cancel) })

	b.progress.start(b.tally.todo + b.tally.paid)
	why := r.all()
	b.progress.end()
	return b.finish(ctx, stdout, stack, r, why)
}

// rehearse has made-up requests written, if there are none, and the answers thrown away, if they have no file.
func (b *batch) rehearse(dir string) error {
	if b.thrown = b.set.throwaway(); b.thrown {
		b.set.inTemp(dir)
	}
	if b.set.in != "" {
		return nil
	}
	b.set.in = filepath.Join(dir, "requests.jsonl")
	if b.set.model == "" {
		b.set.model = "gemini-2.5-flash" // of the lines that name none
	}
	return makeUp(b.set.in, b.set.count)
}

// open opens the files, checks the input, and makes the stack. Nothing is sent.
func (b *batch) open(ctx context.Context) (stack *middleware.Stack, err error) {
	b.index, b.keys, b.paid = newIndex(), map[*service]string{}, map[string]paidLine{}
	p, err := b.set.chosen()
	if err != nil {
		return nil, err
	}
	if b.requests, err = newRequestReader(b.set); err != nil {
		return nil, err
	}
	if err := b.set.checkFiles(); err != nil {
		return nil, err
	}
	if b.output, err = openOutput(b.set.out); err != nil {
		return nil, err
	}
	dropped, err := b.readOutput()
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(b.progress, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if b.account, err = openAccount(b.set.ledger, log); err != nil {
		return nil, err
	}
	if err := b.account.load(ctx, b.set.name, b.notePaid); err != nil {
		return nil, err
	}
	if err := b.check(ctx); err != nil {
		return nil, err
	}
	if err := b.bookUnbooked(ctx); err != nil {
		return nil, err
	}
	if err := b.prepareOutput(dropped); err != nil {
		return nil, err
	}
	base := b.base
	if !b.set.live && base == nil {
		b.provider = simulate()
		base = b.provider.Transport()
	}
	if stack, err = newStack(b.set, p, b.account, base, log); err != nil {
		return nil, err
	}
	b.client = stack.ErrorsAs(middleware.AsError)
	return stack, nil
}

// readOutput reads the answers of earlier runs. It returns how many of them are to be dropped, as their lines are sent again.
func (b *batch) readOutput() (dropped int, err error) {
	err = b.output.read(func(_ int, text []byte) error {
		id, sum, a, err := decodeAnswer(text)
		if err != nil {
			return err
		}
		if a.Simulated == b.set.live {
			return errors.New("answers of a simulated provider and of a real one do not go into one file: name another file by -out")
		}
		e := b.index.entry(id)
		if e.state != todo {
			return fmt.Errorf("a second answer to %q", id)
		}
		e.spent, e.tier = a.spent(), b.index.tierOf(a.Tier)
		if b.set.sendsAgain(&a) {
			dropped++
			return nil
		}
		e.sum, e.state = sum, a.state()
		return nil
	})
	return dropped, err
}

// sendsAgain reports whether a line that has failed is to be sent again.
func (set *settings) sendsAgain(a *answer) bool {
	switch a.state() {
	case failed:
		return set.retry
	case unclear:
		return set.again
	}
	return false
}

// notePaid notes a row of a line: that the ledger has the line and, if the output has nothing of it, what it may have cost.
func (b *batch) notePaid(row *ledger.Row) {
	tag := row.Tags[lineTag]
	if tag == "" {
		return
	}
	e := b.index.entry(tag)
	e.booked = true
	if b.set.again || !maybePaid(row) || e.state != todo && e.state != paid {
		return
	}
	e.state = paid
	p := b.paid[tag]
	p.cost.Add(row.Cost.Pico)
	p.exposure.Add(row.Exposure.Pico)
	if !row.Cost.Known {
		p.unknown++
		if !row.Exposure.Known {
			p.unbounded++
		}
	}
	b.paid[tag] = p
}

// prepareOutput cuts off what a killed run has left, and drops the lines that are sent again.
func (b *batch) prepareOutput(dropped int) error {
	if b.output.torn > 0 {
		b.progress.say("%s: the last line is not complete, because an earlier run was killed: it is removed", b.set.out)
	}
	if err := b.output.cut(); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	if dropped == 0 {
		return nil
	}
	return b.output.drop(func(a answer) bool { return b.set.sendsAgain(&a) })
}
