package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
)

// unopened ends a run that has sent nothing.
func (b *batch) unopened(ctx context.Context, why error) (code int, err error) {
	code, err = exitUsage, why
	if errors.Is(why, errInterrupted) {
		code, err = exitInterrupted, errInterrupted
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diskWait)
	defer cancel()
	return code, errors.Join(err, b.closeLedger(ctx), b.closeFiles())
}

// finish ends a run: it has everything written, sums up, and says why the run ended. It waits for the disk for at most diskWait, or
// until a signal comes.
func (b *batch) finish(ctx context.Context, stdout io.Writer, stack *middleware.Stack, r *run, why error) (code int, err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	b.signals.set(func() {
		b.progress.say("not waiting for the disk any longer")
		cancel()
	})
	if b.set.ordered && why == nil {
		why = b.output.order(b.index)
	}
	unsafe := b.secure(ctx, stack)

	s, err := b.sumUp(context.WithoutCancel(ctx), r, unsafe == nil)
	if err == nil {
		err = s.write(stdout, b.set.asJSON)
	}
	if err == nil {
		b.advise(&s, r.counted.lost, why)
	}
	if err = errors.Join(err, unsafe, b.closeFiles()); err != nil {
		return exitFailed, err
	}
	return s.exitCode(why), nil
}

// secure has all rows written. The error says which are not safe.
func (b *batch) secure(ctx context.Context, stack *middleware.Stack) error {
	ctx, cancel := context.WithTimeout(ctx, diskWait)
	defer cancel()
	slow := time.AfterFunc(time.Second, func() {
		b.progress.say("waiting for up to %v until %d rows are in %s; Ctrl-C ends the wait", diskWait, b.account.Stats().Queued, b.set.ledger)
	})
	defer slow.Stop()
	return errors.Join(stack.Close(ctx), b.closeLedger(ctx))
}

// closeLedger closes the ledger. The error says which rows are not safe.
func (b *batch) closeLedger(ctx context.Context) error {
	if b.account == nil {
		return nil
	}
	return b.account.Close(ctx)
}

// closeFiles closes what is open beside the ledger.
func (b *batch) closeFiles() error {
	if b.provider != nil {
		b.provider.Close()
	}
	if b.output == nil {
		return nil
	}
	return b.output.close()
}
