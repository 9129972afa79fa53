package main

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

func jsonl() contest {
	return contest{"jsonl", "JSONL", []way{
		{"ledger.JSONL behind a ledger.Writer", "Add of each row, then Flush", openJSONL},
		{"raw file", "write and fsync of the same bytes, a batch at a time", openFile(false)},
		{"raw file, lines not ready", "the same, and Row.AppendJSON of each row before", openFile(true)},
	}}
}

// countRows counts the rows.
func countRows(rows iter.Seq2[ledger.Row, error]) (n int, err error) {
	for _, err := range rows {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// A writer is a JSONL behind a Writer. Its time includes adding every row.
type writer struct {
	*ledger.Writer
	load *load
}

func openJSONL(_ context.Context, dir string, l *load) (keeper, error) {
	files, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
	if err != nil {
		return nil, err
	}
	memory := new(ledger.Memory) // full, as after a while
	for i := range max(len(l.rows), ledger.DefaultRows) {
		memory.Add(l.rows[i%len(l.rows)])
	}
	// This program adds rows faster than any program makes calls, so the queue needs room for all of them.
	return &writer{ledger.NewWriter(files, ledger.WriterConfig{Batch: batch, Queue: len(l.rows), Memory: memory}), l}, nil
}

func (w *writer) keep(ctx context.Context) error {
	for i := range w.load.rows {
		w.Add(w.load.rows[i])
	}
	if err := w.Flush(ctx); err != nil {
		return err
	}
	if s := w.Stats(); s.Lost > 0 {
		return fmt.Errorf("%d rows are lost", s.Lost)
	}
	return nil
}

func (w *writer) count(ctx context.Context) (int, error) {
	return countRows(w.Scan(ctx, ledger.Filter{}))
}

func (w *writer) close() error { return w.Close(context.Background()) }

// A file is the raw form of a JSONL.
type file struct {
	*os.File
	load   *load
	encode bool     // encode the lines while the clock runs
	lines  [][]byte // of each batch, unless encode
	buf    []byte
}

func openFile(encode bool) func(context.Context, string, *load) (keeper, error) {
	return func(_ context.Context, dir string, l *load) (keeper, error) {
		f, err := os.OpenFile(filepath.Join(dir, "rows.jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, err
		}
		k := &file{File: f, load: l, encode: encode}
		for _, b := range l.batches() {
			if !encode {
				k.lines = append(k.lines, []byte(strings.Join(l.lines[b[0]:b[1]], "\n")+"\n"))
			}
		}
		return k, nil
	}
}

func (f *file) keep(context.Context) error {
	for i, b := range f.load.batches() {
		if _, err := f.Write(f.batch(i, b)); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// batch returns the lines of a batch.
func (f *file) batch(i int, bounds [2]int) []byte {
	if !f.encode {
		return f.lines[i]
	}
	f.buf = f.buf[:0]
	for n := bounds[0]; n < bounds[1]; n++ {
		f.buf = append(f.load.rows[n].AppendJSON(f.buf), '\n')
	}
	return f.buf
}

func (f *file) count(context.Context) (int, error) {
	all, err := os.ReadFile(f.Name())
	return bytes.Count(all, []byte("\n")), err
}

func (f *file) close() error { return f.Close() }
