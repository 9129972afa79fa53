package ledger

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// maxLine is far longer than a row can be.
const maxLine = 16 << 20

// A CorruptError says that lines of a segment could not be read. All other lines were.
type CorruptError struct {
	File  string
	Line  int // the first, from 1
	Lines int // how many
	Err   error
}

// Error names the file and the first line.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("ledger: %s:%d: %v; lines of the file that cannot be read: %d", e.File, e.Line, e.Err, e.Lines)
}

// Unwrap returns what is wrong with the first line.
func (e *CorruptError) Unwrap() error { return e.Err }

// Scan implements [Source]. Lines that cannot be read are left out, and a [*CorruptError] for each file that has some
// comes after all rows.
func (j *JSONL) Scan(ctx context.Context, f Filter) iter.Seq2[Row, error] {
	return scanJSONL(ctx, j.dir, &f)
}

// ReadJSONL returns the rows of a directory that a [JSONL] writes, or wrote, as [JSONL.Scan] does. It does not lock it, and
// changes nothing.
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
	resolved map[key]*bill
	corrupt  []error
	open     map[key]bool // if these are asked for: not yet seen
}

// A bill is a row that takes the place of another.
type bill struct {
	row  Row
	seen bool // the other one
}

// errEnough says that whoever asked for rows has enough of them.
var errEnough = errors.New("enough")

func (s *jsonlScan) run(yield func(Row, error) bool) error {
	names, err := segmentsOf(s.dir)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := s.bills(); err != nil {
		return err
	}
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
	for _, bill := range s.resolved {
		if !bill.seen && s.filter.Match(&bill.row) && !yield(bill.row, nil) {
			return errEnough
		}
	}
	return errors.Join(s.corrupt...)
}

// clockSlack is how far a clock may have gone back.
const clockSlack = time.Hour

// before reports whether a segment began before what is wanted, so that nothing of it is in the segment before.
func (s *jsonlScan) before(next string) bool {
	begun, ok := begunAt(next)
	return ok && !s.filter.Since.IsZero() && begun.Before(s.filter.Since.Add(-clockSlack))
}

// bills reads the rows that take the place of others.
func (s *jsonlScan) bills() error {
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
				s.resolved = make(map[key]*bill)
			}
			s.resolved[keyOf(&row)] = &bill{row: row}
		}
	}
	return nil
}

// trouble keeps what is wrong with a file for later, unless that is not what it holds.
func (s *jsonlScan) trouble(err error) error {
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) {
		return fmt.Errorf("ledger: %w", err)
	}
	s.corrupt = append(s.corrupt, err)
	return nil
}

func (s *jsonlScan) segment(name string, yield func(Row, error) bool) error {
	n := 0
	for row, err := range readSegment(filepath.Join(s.dir, name)) {
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return nil // moved away meanwhile
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
		if s.filter.Outcome == policy.Open {
			if !s.open[k] {
				continue // it has ended, or was carried over from the segment before
			}
			delete(s.open, k)
		}
		if bill := s.resolved[k]; bill != nil && row.Outcome != policy.Open {
			row, bill.seen = bill.row, true
		}
		if s.filter.Match(&row) && !yield(row, nil) {
			return errEnough
		}
	}
	return context.Cause(s.ctx)
}

// stillOpen returns the keys of the open rows that no row followed.
func (s *jsonlScan) stillOpen(names []string) map[key]bool {
	open := make(map[key]bool)
	for _, name := range names {
		for row, err := range readSegment(filepath.Join(s.dir, name)) {
			switch {
			case err != nil:
			case row.Outcome == policy.Open:
				open[keyOf(&row)] = true
			default:
				delete(open, keyOf(&row))
			}
		}
	}
	for k := range s.resolved {
		delete(open, k)
	}
	return open
}

// readSegment returns the rows of a file, open ones too. A last line that has no end is read if it is whole. What cannot
// be read is told after the rows, as a [*CorruptError].
func readSegment(path string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(Row{}, err)
			return
		}
		defer file.Close()
		var corrupt *CorruptError
		lines := bufio.NewReaderSize(file, 64<<10)
		var long []byte
		for n := 1; ; n++ {
			line, ended, err := readLine(lines, &long)
			if err != nil && err != io.EOF && err != errLongLine {
				yield(Row{}, err)
				return
			}
			if err == io.EOF && len(line) == 0 {
				break
			}
			var row Row
			if err == nil || err == io.EOF {
				if len(bytes.TrimSpace(line)) == 0 {
					continue
				}
				if row, err = ParseRow(line); err == nil && row.Call == "" {
					err = errors.New("the line is no row")
				}
			}
			switch {
			case err == nil:
				if !yield(row, nil) {
					return
				}
			case !ended: // torn, as the program ended
			case corrupt == nil:
				corrupt = &CorruptError{File: path, Line: n, Lines: 1, Err: err}
			default:
				corrupt.Lines++
			}
		}
		if corrupt != nil {
			yield(Row{}, corrupt)
		}
	}
}

var errLongLine = errors.New("the line is too long")

// readLine reads one line, without its end. One that is too long is skipped.
func readLine(r *bufio.Reader, long *[]byte) (line []byte, ended bool, err error) {
	line, err = r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		*long = append((*long)[:0], line...)
		for err == bufio.ErrBufferFull {
			if line, err = r.ReadSlice('\n'); len(*long) <= maxLine {
				*long = append(*long, line...)
			}
		}
		if line = *long; len(line) > maxLine {
			return nil, err == nil, errLongLine
		}
	}
	if err == nil {
		return line[:len(line)-1], true, nil
	}
	return line, false, err
}

// endOfLines returns the size of a file without a last line that has no end, which it cuts off.
func endOfLines(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	end := info.Size()
	var b [1]byte
	for ; end > 0; end-- {
		if _, err := file.ReadAt(b[:], end-1); err != nil {
			return 0, err
		}
		if b[0] == '\n' {
			break
		}
	}
	if end == info.Size() {
		return end, nil
	}
	return end, file.Truncate(end)
}
