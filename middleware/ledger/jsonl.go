package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// JSONLConfig configures a [JSONL]. The zero value is good.
type JSONLConfig struct {
	// SegmentBytes is how large a segment grows before the next one begins. Default: 64 MB.
	SegmentBytes int64
	// SegmentAge is how old it grows. Default: 24 hours.
	SegmentAge time.Duration
}

// A JSONL keeps rows in a directory, one JSON object a line, in segments: files that are only appended to, named by the
// time when they were begun. It is a [Syncer], to be put behind a [Writer], and a [Source].
//
// Each line is a [Row] as [Row.AppendJSON] writes it. A row of outcome open is a line, too; the line of its attempt
// follows, in the same segment or in a later one, which then repeats the open line at its start. So whoever sums up
// cost_usd over all lines has the whole cost. The rows of bills, which take the place of others, are in a file of their
// own, named resolved.ndjson.
//
// A Write that returned outlives the program, and after a Sync the machine. When a program ended in the middle of a
// line, that line is not read, and all before it is; attempts that it had sent without seeing their end become rows of
// outcome ambiguous when the directory is opened again. Old segments may be moved away or packed at any time.
//
// One JSONL has the directory for itself; a second one, of this program or of another, is refused. A JSONL is safe for
// concurrent use.
type JSONL struct {
	dir  string
	c    JSONLConfig
	lock *os.File

	syncing sync.Mutex // is held while a file is synced, or closed; locked before mu

	mu       sync.Mutex
	file     *os.File // the current segment; nil before the first row, and after a failure
	name     string
	begun    time.Time
	size     int64 // of it
	safe     int64 // and of that, synced
	bills    *os.File
	billSize int64
	billSafe int64
	buf      []byte
	billBuf  []byte
	known    window      // of the latest rows
	opens    map[key]Row // sent, and not yet ended
	closed   bool
}

// key tells attempts apart.
type key struct {
	call    string
	attempt int
}

func keyOf(r *Row) key { return key{r.Call, r.Attempt} }

const (
	segmentSuffix = ".jsonl"
	segmentLayout = "20060102T150405.000000000Z"
	billsName     = "resolved.ndjson"
	lockName      = "lock"
)

// AbandonedReason is the unpriced of a row that stands for an attempt whose program ended before its answer did.
const AbandonedReason = "the program ended before the answer did"

// Abandoned returns the row that stands for an attempt of which nothing is known but that it was about to be sent: it
// may have been billed, and exposes what the open row says.
func Abandoned(open Row) Row {
	open.Outcome, open.Reason = policy.Ambiguous, policy.TransportLost
	open.UsageSource, open.Unpriced = Unknown, AbandonedReason
	return open
}

// OpenJSONL opens a directory, and makes it if there is none. An error says what is wrong with it.
func OpenJSONL(dir string, c JSONLConfig) (*JSONL, error) {
	j := &JSONL{dir: dir, c: c, opens: make(map[key]Row), known: newWindow(maxKnown)}
	j.c.SegmentBytes = cmp.Or(c.SegmentBytes, 64<<20)
	j.c.SegmentAge = cmp.Or(c.SegmentAge, 24*time.Hour)
	if j.c.SegmentBytes < 0 || j.c.SegmentAge < 0 {
		return nil, fmt.Errorf("ledger: JSONLConfig: a segment cannot have %d bytes or last %v", c.SegmentBytes, c.SegmentAge)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	var err error
	if j.lock, err = lockFile(filepath.Join(dir, lockName)); err != nil {
		return nil, fmt.Errorf("ledger: the directory %s cannot be locked; does another program use it? %w", dir, err)
	}
	if err := j.recover(); err != nil {
		j.lock.Close()
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return j, nil
}

// recover learns from the latest segment what was under way when the program before ended, and notes what that means.
// Whatever was open when a segment began is at its start, so that no other has to be read for it; those before are read
// only for as many of the latest rows as are to be known again.
func (j *JSONL) recover() error {
	names, err := segmentsOf(j.dir)
	if err != nil || len(names) == 0 {
		return err
	}
	j.name = names[len(names)-1]
	var older []key
	for i := len(names) - 1; i >= 0 && len(older)+len(j.known.keys) < maxKnown; i-- {
		for row, err := range readSegment(filepath.Join(j.dir, names[i])) {
			var corrupt *CorruptError
			switch {
			case errors.As(err, &corrupt): // for whoever reads the rows
			case err != nil:
				return err
			case i == len(names)-1:
				j.note(&row)
			case row.Outcome != policy.Open:
				older = append(older, keyOf(&row))
			}
		}
	}
	for _, k := range older {
		j.known.add(k)
	}
	abandoned := make([]Row, 0, len(j.opens))
	for _, open := range j.opens {
		abandoned = append(abandoned, Abandoned(open))
	}
	if len(abandoned) == 0 {
		return nil
	}
	slices.SortFunc(abandoned, func(a, b Row) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Call, b.Call), cmp.Compare(a.Attempt, b.Attempt))
	})
	clear(j.opens)
	if err := j.Write(context.Background(), abandoned); err != nil {
		return err
	}
	return j.Sync(context.Background())
}

// note remembers a row that has been written.
func (j *JSONL) note(r *Row) {
	k := keyOf(r)
	if r.Outcome == policy.Open {
		j.opens[k] = *r
		return
	}
	delete(j.opens, k)
	j.known.add(k)
}

// segmentsOf returns the names of a directory's segments, the oldest first.
func segmentsOf(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, segmentSuffix) && !e.IsDir() {
			names = append(names, name)
		}
	}
	return names, nil // ReadDir sorts
}

// Write implements [Sink]. The lines are handed to the operating system when it returns: see [JSONL.Sync].
func (j *JSONL) Write(_ context.Context, rows []Row) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return errors.New("ledger: the JSONL is closed")
	}
	j.buf, j.billBuf = j.buf[:0], j.billBuf[:0]
	fresh := make(map[key]bool)
	for i := range rows {
		r := &rows[i]
		k := keyOf(r)
		_, open := j.opens[k]
		switch {
		case r.PriceID == Bill:
			j.billBuf = append(r.AppendJSON(j.billBuf), '\n')
			continue
		case j.known.has(k) || fresh[k] || r.Outcome == policy.Open && open:
			continue
		case r.Outcome != policy.Open:
			fresh[k] = true
		}
		j.buf = append(r.AppendJSON(j.buf), '\n')
	}
	if err := j.appendBills(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if len(j.buf) == 0 {
		return nil
	}
	if err := j.append(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	for i := range rows {
		if r := &rows[i]; r.PriceID != Bill && !(r.Outcome == policy.Open && j.known.has(keyOf(r))) {
			j.note(r)
		}
	}
	return nil
}

// append writes buf to the current segment, or leaves that as it was.
func (j *JSONL) append() error {
	if j.file != nil && (j.size >= j.c.SegmentBytes || time.Since(j.begun) >= j.c.SegmentAge) {
		if err := j.file.Sync(); err != nil {
			return err
		}
		j.file.Close()
		j.file = nil
	}
	if j.file == nil {
		if err := j.begin(); err != nil {
			return err
		}
	}
	if _, err := j.file.Write(j.buf); err != nil {
		// A part of a line must not stand before the next one.
		if j.file.Truncate(j.size) != nil {
			j.file.Close()
			j.file = nil
		}
		return err
	}
	j.size += int64(len(j.buf))
	return nil
}

// begin begins a segment, with what is open.
func (j *JSONL) begin() error {
	now := time.Now().UTC()
	name := now.Format(segmentLayout) + segmentSuffix
	if name <= j.name { // the clock went back
		name = strings.TrimSuffix(j.name, segmentSuffix) + "_" + segmentSuffix
	}
	path := filepath.Join(j.dir, name)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	var carried []byte
	for _, open := range j.opens {
		carried = append(open.AppendJSON(carried), '\n')
	}
	_, err = file.Write(carried)
	if err = errors.Join(err, syncDir(j.dir)); err != nil {
		file.Close()
		os.Remove(path)
		return err
	}
	j.file, j.name, j.begun, j.size, j.safe = file, name, now, int64(len(carried)), 0
	return nil
}

// appendBills writes billBuf to the file of bills, or leaves that as it was.
func (j *JSONL) appendBills() error {
	if len(j.billBuf) == 0 {
		return nil
	}
	if j.bills == nil {
		file, err := os.OpenFile(filepath.Join(j.dir, billsName), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		size, err := endOfLines(file)
		if err != nil {
			file.Close()
			return err
		}
		j.bills, j.billSize = file, size
	}
	if _, err := j.bills.Write(j.billBuf); err != nil {
		if j.bills.Truncate(j.billSize) != nil {
			j.bills.Close()
			j.bills = nil
		}
		return err
	}
	j.billSize += int64(len(j.billBuf))
	return nil
}

// Sync implements [Syncer]: what was written is on the disk.
func (j *JSONL) Sync(context.Context) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	file, bills, size, unsafe := j.file, j.bills, j.size, j.size > j.safe
	unsafeBills := j.billSize > j.billSafe
	billSize := j.billSize
	j.mu.Unlock()
	var err error
	if bills != nil && unsafeBills {
		if err = bills.Sync(); err == nil {
			j.mu.Lock()
			j.billSafe = billSize
			j.mu.Unlock()
		}
	}
	if file == nil || !unsafe {
		return err
	}
	syncErr := file.Sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.file != file: // a new segment was begun meanwhile, and this one synced before
	case syncErr == nil:
		j.safe = size
	default:
		// What a failed sync has not written may never be: it is not tried again. All since the last one goes to a new
		// segment instead, as the Writer hands it in again.
		file.Truncate(j.safe)
		file.Close()
		j.file = nil
		j.known = newWindow(maxKnown)
		err = errors.Join(err, syncErr)
	}
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// Close implements [Sink].
func (j *JSONL) Close() error {
	err := j.Sync(context.Background())
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	for _, file := range []*os.File{j.file, j.bills, j.lock} {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
	}
	j.file, j.bills = nil, nil
	return err
}

// maxKnown is how many of the latest rows are known again when they are written again.
const maxKnown = 16384

// A window is a set of the latest keys.
type window struct {
	keys  map[key]bool
	order []key // a ring once it is full
	next  int
	most  int
}

func newWindow(most int) window { return window{keys: make(map[key]bool), most: most} }

func (w *window) has(k key) bool { return w.keys[k] }

func (w *window) add(k key) {
	if w.keys[k] {
		return
	}
	w.keys[k] = true
	if len(w.order) < w.most {
		w.order = append(w.order, k)
		return
	}
	delete(w.keys, w.order[w.next])
	w.order[w.next] = k
	w.next = (w.next + 1) % w.most
}
