package main

import (
	"context"
	"errors"
	"iter"
	"log/slog"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// A rowStore keeps the rows of all attempts, in memory or in a directory.
type rowStore struct {
	store  ledger.Store
	writer *ledger.Writer // nil without a directory
	memory *ledger.Memory // nil with a directory
}

// openRows opens the ledger in a directory, and adds its rows to the totals. Without a directory it keeps rows in memory.
func openRows(ctx context.Context, dir string, log *slog.Logger) (*rowStore, error) {
	if dir == "" {
		m := ledger.NewMemory(0)
		return &rowStore{store: m, memory: m}, nil
	}
	sink, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
	if err != nil {
		return nil, err
	}
	w := ledger.NewWriter(sink, ledger.WriterConfig{Logger: log})
	switch err := w.Load(ctx, ledger.Filter{}); {
	case errors.As(err, new(*ledger.CorruptError)):
		log.Error("the totals lack the rows that cannot be read", "error", err)
	case err != nil:
		return nil, errors.Join(err, w.Close(ctx))
	}
	return &rowStore{store: w, writer: w}, nil
}

// scan returns the rows that the filter selects: those in the directory, or the latest in memory.
func (s *rowStore) scan(ctx context.Context, f ledger.Filter) iter.Seq2[ledger.Row, error] {
	if s.writer != nil {
		return s.writer.Scan(ctx, f)
	}
	return s.memory.Scan(ctx, f)
}

// stats returns the figures of the writer, zero in memory.
func (s *rowStore) stats() ledger.WriterStats {
	if s.writer == nil {
		return ledger.WriterStats{}
	}
	return s.writer.Stats()
}

// flush writes the rows so far, so that a scan finds them.
func (s *rowStore) flush(ctx context.Context) error {
	if s.writer == nil {
		return nil
	}
	return s.writer.Flush(ctx)
}

// close writes all rows and closes the directory.
func (s *rowStore) close(ctx context.Context) error {
	if s.writer == nil {
		return nil
	}
	return s.writer.Close(ctx)
}
