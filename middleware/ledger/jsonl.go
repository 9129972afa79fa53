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
// cost_usd over all lines has the whole cost, but for what bills have changed: their rows, which take the place of others,
// are in a file of their own, named resolved.ndjson.
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

	syncing sync.Mutex // is held while files are synced, or closed; locked before mu

	mu      sync.Mutex
	parts   []*part // segments with something that is not synced, and the current one, the last; none before the first row, and after a failure
	bills   *part
	latest  string // the name of the latest segment
	buf     []byte
	billBuf []byte
	known   window      // of the latest rows
	added   []key       // to it, by the Write under way
	opens   map[key]Row // sent, and not yet ended
	closed  bool
}

// A part is a file of which some may not be synced yet.
type part struct {
	*os.File
	begun   time.Time
	carried int64 // its size when it began
	size    int64
	safe    int64 // and of that, synced
}

// write appends a text, or leaves the file as it was.
func (p *part) write(text []byte) error {
	_, err := p.WriteAt(text, p.size)
	if err != nil {
		// A part of a line must not stand before the next one. If it cannot be cut off, it is written over.
		p.Truncate(p.size)
		return err
	}
	p.size += int64(len(text))
	return nil
}

// cut gives up what is not synced, and closes the file.
func (p *part) cut() error {
	p.Close() // what is wrong with the file has been told
	return os.Truncate(p.Name(), p.safe)
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
	draftName     = "segment.new"
)

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
		for _, p := range j.parts {
			p.Close()
		}
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
	j.latest = names[len(names)-1]
	var known []key // the oldest first
	for i := len(names) - 1; i >= 0 && len(known) < maxKnown; i-- {
		keys, opens, err := readKeys(filepath.Join(j.dir, names[i]))
		if err != nil {
			return err
		}
		if i == len(names)-1 {
			j.opens = opens
		}
		known = append(keys, known...)
	}
	for _, k := range known {
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
	if err := j.write(abandoned); err != nil {
		return err
	}
	return j.sync()
}

// readKeys returns the keys of a segment's rows, and the open rows that none followed. What cannot be read is for whoever
// reads the rows.
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

// segmentsOf returns the names of a directory's segments, the oldest first. Other files are left alone.
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

// begunAt returns when a segment was begun, by its name; false if it is none.
func begunAt(name string) (time.Time, bool) {
	text, ok := strings.CutSuffix(name, segmentSuffix)
	at, err := time.Parse(segmentLayout, text)
	return at, ok && err == nil
}

// Write implements [Sink]. The lines are handed to the operating system when it returns: see [JSONL.Sync].
func (j *JSONL) Write(_ context.Context, rows []Row) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.write(rows); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

var errClosed = errors.New("the JSONL is closed")

func (j *JSONL) write(rows []Row) error {
	if j.closed {
		return errClosed
	}
	j.buf, j.billBuf = j.buf[:0], j.billBuf[:0]
	j.added = j.added[:0]
	for i := range rows {
		r := &rows[i]
		k := keyOf(r)
		switch {
		case r.PriceID == Bill:
			j.billBuf = append(r.AppendJSON(j.billBuf), '\n')
			continue
		case r.Outcome == policy.Open:
			if _, open := j.opens[k]; open || j.known.has(k) {
				continue
			}
		case !j.known.add(k):
			continue
		default:
			j.added = append(j.added, k)
		}
		j.buf = append(r.AppendJSON(j.buf), '\n')
	}
	if len(j.buf) > 0 {
		current, err := j.current()
		if err == nil {
			err = current.write(j.buf)
		}
		if err != nil {
			j.known.forget(j.added)
			return err
		}
	}
	for i := range rows {
		switch r := &rows[i]; {
		case r.PriceID == Bill:
		case r.Outcome != policy.Open:
			if len(j.opens) > 0 {
				delete(j.opens, keyOf(r))
			}
		case !j.known.has(keyOf(r)):
			j.opens[keyOf(r)] = *r
		}
	}
	// After the others, which are known again when a failure has both written once more.
	return j.writeBills()
}

// current returns the segment to write to.
func (j *JSONL) current() (*part, error) {
	if n := len(j.parts); n > 0 {
		if p := j.parts[n-1]; p.size-p.carried < j.c.SegmentBytes && time.Since(p.begun) < j.c.SegmentAge {
			return p, nil
		}
	}
	p, err := j.begin()
	if err == nil {
		j.parts = append(j.parts, p)
	}
	return p, err
}

// begin begins a segment, with what is open. It has its name, by which it is the latest, only when all of that is in it.
func (j *JSONL) begin() (*part, error) {
	now := time.Now().UTC()
	at := now
	if last, ok := begunAt(j.latest); ok && !at.After(last) { // the clock went back
		at = last.Add(1)
	}
	name := at.Format(segmentLayout) + segmentSuffix
	path, draft := filepath.Join(j.dir, name), filepath.Join(j.dir, draftName)
	var carried []byte
	for _, open := range j.opens {
		carried = append(open.AppendJSON(carried), '\n')
	}
	err := writeFile(draft, carried)
	if err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		return nil, err
	}
	j.latest = name
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	if err := syncDir(j.dir); err != nil {
		file.Close()
		return nil, err
	}
	n := int64(len(carried))
	return &part{File: file, begun: now, carried: n, size: n, safe: n}, nil
}

// writeFile makes a file, and syncs it.
func writeFile(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

// writeBills appends billBuf to the file of bills, or leaves that as it was.
func (j *JSONL) writeBills() error {
	if len(j.billBuf) == 0 {
		return nil
	}
	if j.bills == nil {
		file, err := os.OpenFile(filepath.Join(j.dir, billsName), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		size, err := endOfLines(file)
		if err != nil {
			file.Close()
			return err
		}
		j.bills = &part{File: file, size: size, safe: size}
	}
	return j.bills.write(j.billBuf)
}

// Sync implements [Syncer]: what was written is on the disk.
func (j *JSONL) Sync(context.Context) error {
	if err := j.sync(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

func (j *JSONL) sync() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	parts := slices.Clone(j.parts)
	if j.bills != nil {
		parts = append(parts, j.bills)
	}
	sizes := make([]int64, len(parts))
	for i, p := range parts {
		sizes[i] = p.size
	}
	j.mu.Unlock()
	var err error
	for i, p := range parts {
		if p.safe < sizes[i] {
			err = errors.Join(err, p.Sync())
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		return errors.Join(err, j.giveUp())
	}
	for i, p := range parts {
		p.safe = sizes[i]
	}
	for len(j.parts) > 1 && j.parts[0].safe == j.parts[0].size { // it was succeeded by another
		err = errors.Join(err, j.parts[0].Close())
		j.parts = j.parts[1:]
	}
	return err
}

// giveUp takes back what was written since the last sync that succeeded: what a failed one has not written may never be,
// so that another try of it would say nothing. The Writer hands it in again, for new files.
func (j *JSONL) giveUp() error {
	var err error
	for _, p := range j.parts {
		err = errors.Join(err, p.cut())
	}
	if j.bills != nil {
		err = errors.Join(err, j.bills.cut())
		j.bills = nil
	}
	opens := make(map[key]Row)
	j.known = newWindow(maxKnown)
	for _, p := range j.parts { // each begins with what was open then
		keys, open, readErr := readKeys(p.Name())
		if readErr != nil {
			return errors.Join(err, readErr)
		}
		for _, k := range keys {
			j.known.add(k)
		}
		opens = open
	}
	if len(j.parts) > 0 {
		j.opens, j.parts = opens, nil
	}
	return err
}

// Close implements [Sink].
func (j *JSONL) Close() error {
	j.mu.Lock()
	closed := j.closed
	j.closed = true
	j.mu.Unlock()
	if closed {
		return nil
	}
	err := j.sync()
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range j.parts {
		err = errors.Join(err, p.Close())
	}
	if j.bills != nil {
		err = errors.Join(err, j.bills.Close())
	}
	j.parts, j.bills = nil, nil
	if err = errors.Join(err, j.lock.Close()); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
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

// add adds a key, and reports whether it was not there.
func (w *window) add(k key) bool {
	n := len(w.keys)
	if w.keys[k] = true; len(w.keys) == n {
		return false
	}
	if len(w.order) < w.most {
		w.order = append(w.order, k)
		return true
	}
	delete(w.keys, w.order[w.next])
	w.order[w.next] = k
	if w.next++; w.next == w.most {
		w.next = 0
	}
	return true
}

// forget forgets the keys that were added last. Their places in the order are given up when it comes to them.
func (w *window) forget(keys []key) {
	for _, k := range keys {
		delete(w.keys, k)
	}
}
