package main

import (
	"context"
	"errors"
	"iter"
	"log/slog"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// The books are where rows go: to memory, and to a directory if there is one.
type books struct {
	store  ledger.Store
	writer *ledger.Writer // nil without a directory
	memory *ledger.Memory // nil with one
}

// openBooks opens the ledger in a directory, with the totals of what is there; without a directory, in memory.
func openBooks(ctx context.Context, dir string, log *slog.Logger) (*books, error) {
	if dir == "" {
		m := ledger.NewMemory(0)
		return &books{store: m, memory: m}, nil
	}
	sink, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
	if err != nil {
		return nil, err
	}
	w := ledger.NewWriter(sink, ledger.WriterConfig{Logger: log})
	switch err := w.Load(ctx, ledger.Filter{}); {
	case errors.As(err, new(*ledger.CorruptError)):
		log.Error("the totals lack what cannot be read", "error", err)
	case err != nil:
		return nil, errors.Join(err, w.Close(ctx))
	}
	return &books{store: w, writer: w}, nil
}

// scan returns the rows that the filter selects: those in the directory, or the latest in memory.
func (b *books) scan(ctx context.Context, f ledger.Filter) iter.Seq2[ledger.Row, error] {
	if b.writer != nil {
		return b.writer.Scan(ctx, f)
	}
	return b.memory.Scan(ctx, f)
}

// stats says how the writing goes.
func (b *books) stats() ledger.WriterStats {
	if b.writer == nil {
		return ledger.WriterStats{}
	}
	return b.writer.Stats()
}

// flush has the rows so far written, so that a scan finds them.
func (b *books) flush(ctx context.Context) error {
	if b.writer == nil {
		return nil
	}
	return b.writer.Flush(ctx)
}

// close has every row written, and closes the directory.
func (b *books) close(ctx context.Context) error {
	if b.writer == nil {
		return nil
	}
	return b.writer.Close(ctx)
}
