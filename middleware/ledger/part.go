package ledger

import (
	"os"
	"time"
)

// A part is a file that is only appended to, and of which the end may not be synced yet.
type part struct {
	*os.File
	begun   time.Time
	carried int64 // the size at its beginning: open rows of the segment before
	size    int64
	safe    int64 // how much of it is synced
}

// write appends a text. If it fails, the file is as before.
func (p *part) write(text []byte) error {
	_, err := p.WriteAt(text, p.size)
	if err != nil {
		// A part of a line must not remain before the next one. If Truncate fails, the next write overwrites it.
		p.Truncate(p.size)
		return err
	}
	p.size += int64(len(text))
	return nil
}

// cut removes what is not synced, and closes the file.
func (p *part) cut() error {
	p.Close() // its error is the one of the sync that failed
	return os.Truncate(p.Name(), p.safe)
}
