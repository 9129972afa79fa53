package ledger

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// Scan implements [Scanner]. It skips lines that cannot be read; after all rows comes an error that joins a [*CorruptError]
// for each file with such lines.
func (j *JSONL) Scan(ctx context.Context, f Filter) iter.Seq2[Row, error] {
	return scanJSONL(ctx, j.dir, &f)
}

// ReadJSONL returns the rows of a directory as [JSONL.Scan] does. It does not lock the directory and changes nothing, so it
// can be used while another program writes.
func ReadJSONL(ctx context.Context, dir string, f Filter) iter.Seq2[Row, error] {
	return scanJSONL(ctx, dir, &f)
}

func scanJSONL(ctx context.Context, dir string, f *Filter) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		s := jsonlScan{ctx: ctx, dir: dir, filter: f}
		if err := s.run(yield); err != nil && err != errEnough {
			yield(Row{}, err)
		}
	}
}

// A jsonlScan is one reading of a directory.
type jsonlScan struct {
	ctx      context.Context
	dir      string
	filter   *Filter
	resolved map[key]*replacement
	corrupt  []error
	open     map[key]bool  // if the filter selects open rows: those that were not returned yet
	seen     window[print] // rows of attempts that have ended
}

// A print identifies an attempt without keeping its line in memory.
type print [2]uint64

var printSeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func printOf(k key) (p print) {
	for i, seed := range printSeeds {
		p[i] = maphash.Comparable(seed, k)
	}
	return p
}

// maxSeen is how many of the latest rows a scan remembers, to drop one that is there twice.
const maxSeen = 65536

// A replacement is a row of resolved.ndjson, which replaces a row of the segments.
type replacement struct {
	row  Row
	used bool
}

// errEnough stops a scan whose caller wants no more rows.
var errEnough = errors.New("enough")

// run reads the directory.
func (s *jsonlScan) run(yield func(Row, error) bool) error {
	names, err := segmentsOf(s.dir)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := s.replacements(); err != nil {
		return err
	}
	most := maxSeen
	if haveCopies(s.dir, names) {
		most = math.MaxInt // the rows of a copy may be anywhere
	}
	s.seen = newWindow[print](most)
	if s.filter.Outcome == policy.Open {
		s.open = s.stillOpen(names)
	}
	for i, name := range names {
		if i+1 < len(names) && s.before(names[i+1]) {
			continue
		}
		if err := s.segment(name, yield); err != nil {
			return err
		}
	}
	for _, by := range s.resolved { // rows whose segment was moved away
		if !by.used && s.filter.Match(&by.row) && !yield(by.row, nil) {
			return errEnough
		}
	}
	return errors.Join(s.corrupt...)
}

// clockSlack is how far the clock may have been set back.
const clockSlack = time.Hour

// before reports whether a segment began before the filter's Since, so that the segment before it need not be read.
func (s *jsonlScan) before(next string) bool {
	begun, ok := begunAt(next)
	return ok && !s.filter.Since.IsZero() && begun.Before(s.filter.Since.Add(-clockSlack))
}

// haveCopies reports whether two of the segments begin with the same row, as only copies do. The open rows at the beginning of
// a segment are those of the one before.
func haveCopies(dir string, names []string) bool {
	first := make(map[print]bool, len(names))
	for _, name := range names {
		for row, err := range readSegment(filepath.Join(dir, name)) {
			if err != nil {
				break
			}
			if row.Outcome == policy.Open {
				continue
			}
			p := printOf(keyOf(&row))
			if first[p] {
				return true
			}
			first[p] = true
			break
		}
	}
	return false
}

// replacements reads resolved.ndjson.
func (s *jsonlScan) replacements() error {
	for row, err := range readSegment(filepath.Join(s.dir, billsName)) {
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil
		case err != nil:
			if err := s.trouble(err); err != nil {
				return err
			}
		default:
			if s.resolved == nil {
				s.resolved = make(map[key]*replacement)
			}
			if by := s.resolved[keyOf(&row)]; by == nil || row.Replaces(&by.row) {
				s.resolved[keyOf(&row)] = &replacement{row: row}
			}
		}
	}
	return nil
}

// trouble keeps a [*CorruptError] until the end of the scan. It returns any other error.
func (s *jsonlScan) trouble(err error) error {
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) {
		return fmt.Errorf("ledger: %w", err)
	}
	s.corrupt = append(s.corrupt, err)
	return nil
}

// segment returns the rows of one segment.
func (s *jsonlScan) segment(name string, yield func(Row, error) bool) error {
	n, twice := 0, 0
	defer func() { warnOfCopies(filepath.Join(s.dir, name), twice) }()
	for row, err := range readSegment(filepath.Join(s.dir, name)) {
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return nil // it was moved away during the scan
			}
			if err := s.trouble(err); err != nil {
				return err
			}
			continue
		}
		if n++; n%256 == 0 && s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
		k := keyOf(&row)
		if row.Outcome != policy.Open && !s.seen.add(printOf(k)) {
			twice++
			continue
		}
		if s.filter.Outcome == policy.Open {
			if !s.open[k] {
				continue // its attempt has ended, or an earlier segment had the row
			}
			delete(s.open, k)
		}
		if by := s.resolved[k]; by != nil && row.Outcome != policy.Open {
			row, by.used = by.row, true
		}
		if s.filter.Match(&row) && !yield(row, nil) {
			return errEnough
		}
	}
	return context.Cause(s.ctx)
}

// warnOfCopies logs that a file has rows that are there already.
func warnOfCopies(file string, rows int) {
	if rows > 0 {
		slog.Warn("skinflint: the ledger has rows twice, which count once: is the file a copy of another one?", "file", file, "rows", rows)
	}
}

// stillOpen returns the keys of the open rows without another row.
func (s *jsonlScan) stillOpen(names []string) map[key]bool {
	open := make(map[key]bool)
	ended := newWindow[print](s.seen.most)
	for _, name := range names {
		for row, err := range readSegment(filepath.Join(s.dir, name)) {
			k := keyOf(&row)
			switch {
			case err != nil:
			case row.Outcome != policy.Open:
				delete(open, k)
				ended.add(printOf(k))
			case !ended.has(printOf(k)):
				open[k] = true
			}
		}
	}
	for k := range s.resolved {
		delete(open, k)
	}
	return open
}
