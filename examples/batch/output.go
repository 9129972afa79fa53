package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/skinflint-go/skinflint/internal/filelock"
)

// An output is the file of answers. Only one program can have it open.
type output struct {
	path string
	file *os.File
	lock *os.File
	size int64 // what is whole: a line that a killed program has not finished is behind it
	torn int64 // bytes of such a line
	open bool  // the last whole line has no end yet
}

// openOutput opens the file of answers, or makes it.
func openOutput(path string) (*output, error) {
	lock, err := filelock.Lock(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("-out: %s cannot be locked; does another run write to it? %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("-out: %w", err), lock.Close())
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("-out: %w", err), file.Close(), lock.Close())
	}
	return &output{path: path, file: file, lock: lock}, nil
}

// close closes the file. The lock's file is left: to remove it, while another program may wait for it, would let two lock it.
func (o *output) close() error { return errors.Join(o.file.Close(), o.lock.Close()) }

// lineStart is what every line begins with.
const lineStart = `{"custom_id":"`

// read calls f with each line. The last one may be torn: it is then left out, and cut off before anything is written. If only its
// end is missing, it is whole.
func (o *output) read(f func(number int, text []byte) error) error {
	info, err := o.file.Stat()
	if err != nil {
		return err
	}
	whole, err := wholeLines(o.file, info.Size())
	if err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	if err := o.readTail(whole, info.Size()); err != nil {
		return err
	}
	lines := newLineReader(io.NewSectionReader(o.file, 0, o.size), maxAnswerLine)
	for {
		l, err := lines.next()
		if err == io.EOF {
			return nil
		}
		if err == nil && l.err != nil {
			err = l.err
		}
		if err == nil {
			err = f(l.number, l.text)
		}
		if err != nil {
			return fmt.Errorf("-out: %s:%d: %w", o.path, l.number, err)
		}
	}
}

// readTail looks at what is behind the end of the last line.
func (o *output) readTail(whole, size int64) error {
	o.size, o.torn, o.open = whole, size-whole, false
	if o.torn == 0 {
		return nil
	}
	tail := make([]byte, min(o.torn, maxAnswerLine))
	if _, err := o.file.ReadAt(tail, whole); err != nil && err != io.EOF {
		return fmt.Errorf("-out: %w", err)
	}
	if !strings.HasPrefix(lineStart, string(tail[:min(len(tail), len(lineStart))])) {
		return fmt.Errorf("-out: %s: the last line is no answer of this program: name another file", o.path)
	}
	if _, _, _, err := decodeAnswer(tail); err == nil {
		o.size, o.torn, o.open = size, 0, true
	}
	return nil
}

// maxAnswerLine is the length of the longest line of the output, in bytes.
const maxAnswerLine = 2*maxBody + 1<<20

// wholeLines returns the size of a file up to the end of its last line.
func wholeLines(file *os.File, size int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for size > 0 {
		n := min(size, int64(len(buf)))
		if _, err := file.ReadAt(buf[:n], size-n); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return size - n + int64(i) + 1, nil
		}
		size -= n
	}
	return 0, nil
}

// cut cuts off a torn line, and ends one that is whole but for its end.
func (o *output) cut() error {
	if o.open {
		o.open = false
		return o.append([]byte("\n"))
	}
	if o.torn == 0 {
		return nil
	}
	o.torn = 0
	return errors.Join(o.file.Truncate(o.size), o.file.Sync())
}

// append writes lines, and returns when they are on the disk. If that fails, the file ends with whole lines all the same.
func (o *output) append(lines []byte) error {
	_, err := o.file.WriteAt(lines, o.size)
	if err == nil {
		err = o.file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("-out: %w", err), o.file.Truncate(o.size))
	}
	o.size += int64(len(lines))
	return nil
}

// replace replaces the file by what f writes, all of it or nothing.
func (o *output) replace(f func(io.Writer) error) (err error) {
	draft, err := os.OpenFile(o.path+".draft", os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("-out: %w", err), draft.Close(), os.Remove(draft.Name()))
		}
	}()
	if err := f(draft); err != nil {
		return err
	}
	if err := draft.Sync(); err != nil {
		return err
	}
	info, err := draft.Stat()
	if err != nil {
		return err
	}
	// Windows renames no open file, and none onto an open one.
	if err := errors.Join(draft.Close(), o.file.Close()); err != nil {
		return err
	}
	renamed := os.Rename(draft.Name(), o.path)
	if o.file, err = os.OpenFile(o.path, os.O_RDWR, 0o600); err != nil || renamed != nil {
		return errors.Join(renamed, err)
	}
	o.size, o.torn = info.Size(), 0
	return syncFolder(filepath.Dir(o.path))
}

// syncFolder has the name of a new file safe, on systems that can sync folders.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = dir.Sync() // not all systems can
	return dir.Close()
}
