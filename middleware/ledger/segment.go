package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

const (
	segmentSuffix = ".jsonl"
	segmentLayout = "20060102T150405.000000000Z"
	billsName     = "resolved.ndjson"
	lockName      = "lock"
	draftName     = "segment.new"
)

// maxLine is the longest line that is read. Rows are much shorter.
const maxLine = 16 << 20

// A CorruptError says that some lines of a segment could not be read. All other lines of it were read.
type CorruptError struct {
	File  string
	Line  int   // the first such line, from 1
	Lines int   // how many there are
	Err   error // what is wrong with the first one; it does not quote the line
}

// Error names the file and the first line.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("ledger: %s:%d: %v; lines of the file that cannot be read: %d", e.File, e.Line, e.Err, e.Lines)
}

// Unwrap returns what is wrong with the first line.
func (e *CorruptError) Unwrap() error { return e.Err }

// readKeys returns the keys of a segment's rows, and the open rows without a later row. It ignores lines that cannot be
// read: [JSONL.Scan] reports them.
func readKeys(path string) (keys []key, opens map[key]Row, err error) {
	opens = make(map[key]Row)
	for row, err := range readSegment(path) {
		var corrupt *CorruptError
		switch k := keyOf(&row); {
		case errors.As(err, &corrupt):
		case err != nil:
			return nil, nil, err
		case row.Outcome == policy.Open:
			opens[k] = row
		default:
			delete(opens, k)
			keys = append(keys, k)
		}
	}
	return keys, opens, nil
}

// segmentsOf returns the names of a directory's segments, the oldest first. It ignores other files.
func segmentsOf(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if _, ok := begunAt(e.Name()); ok && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil // ReadDir sorts
}

// begunAt returns when a segment was begun, which its name says, and whether the name is that of a segment.
func begunAt(name string) (time.Time, bool) {
	text, ok := strings.CutSuffix(name, segmentSuffix)
	at, err := time.Parse(segmentLayout, text)
	return at, ok && err == nil
}

// readSegment returns the rows of a file, open rows included. A last line without a line break is read if it is complete,
// and ignored if not. After the rows comes a [*CorruptError] if any line could not be read.
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
			switch {
			case err == io.EOF && len(line) == 0:
				if corrupt != nil {
					yield(Row{}, corrupt)
				}
				return
			case err != nil && err != io.EOF && err != errLongLine:
				yield(Row{}, err)
				return
			case err != errLongLine && len(bytes.TrimSpace(line)) == 0:
				continue
			}
			row, err := lineRow(line, err)
			switch {
			case err == nil:
				if !yield(row, nil) {
					return
				}
			case !ended: // the program ended while it wrote the line
			case corrupt == nil:
				corrupt = &CorruptError{File: path, Line: n, Lines: 1, Err: err}
			default:
				corrupt.Lines++
			}
		}
	}
}

// lineRow returns the row of a line that was read with the given error.
func lineRow(line []byte, err error) (Row, error) {
	if err == errLongLine {
		return Row{}, err
	}
	row, err := ParseRow(line)
	if err == nil && row.Call == "" {
		err = errors.New("the line is not a row")
	}
	return row, err
}

var errLongLine = errors.New("the line is too long")

// readLine reads one line, without its line break, and reports whether it had one. It skips a line that is too long.
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

// endOfLines cuts off a last line that has no line break, and returns the size of the rest.
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
