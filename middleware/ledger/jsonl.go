package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/internal/filelock"
	"github.com/skinflint-go/skinflint/policy"
)

// JSONLConfig configures a [JSONL]. The zero value is valid.
type JSONLConfig struct {
	// SegmentBytes is the size at which a segment is followed by the next one. Default: 64 MB.
	SegmentBytes int64
	// SegmentAge is the age at which a segment is followed by the next one. Default: 24 hours.
	SegmentAge time.Duration
}

// A JSONL is a [Sink] that keeps rows in the files of a directory, one JSON object per line. Use it with a [Writer]. It is
// also a [Syncer] and a [Scanner]. It is safe for concurrent use.
//
// The files are called segments. Segments are only appended to, and named by the time when they began, such as
// 20261122T120000.000000000Z.jsonl. Each line is a [Row] as [Row.AppendJSON] writes it:
//
//	{"call":"01jcz","attempt":1,...,"outcome":"open",...}
//	{"call":"01jcz","attempt":1,...,"outcome":"billed",...,"cost_usd":"0.00097125",...}
//
// The line of an attempt follows its open line, in the same segment or in a later one. Each segment begins with the open
// lines that have not been followed yet. An open line has no cost, so the sum of cost_usd over all lines is the whole cost,
// except for later changes: rows that settle others, and those whose price_id is [BillPriceID], are in a separate file,
// resolved.ndjson, and replace rows of the segments. Old segments may be moved away or compressed at any time.
//
// A row counts once, even if a segment was copied under another name: a scan drops what is there already, and logs it.
//
// After Write a row survives a crash of the program, and after Sync one of the machine. If a program ended in the middle of
// a line, only that line is ignored. When the directory is opened again, an attempt without a row after its open row becomes
// a row of outcome ambiguous: see [Abandoned].
//
// Only one JSONL can use a directory at a time. OpenJSONL refuses a second one, in the same program or in another.
type JSONL struct {
	dir  string
	c    JSONLConfig
	lock *os.File

	syncing sync.Mutex // held while files are synced or closed; locked before mu

	mu      sync.Mutex
	parts   []*part     // segments that are not fully synced, then the current one; empty before the first row and after a failure
	bills   *part       // resolved.ndjson; nil until it is needed
	latest  string      // the name of the latest segment
	buf     []byte      // lines for the segment
	billBuf []byte      // lines for resolved.ndjson
	known   window[key] // the keys of the latest rows
	added   []key       // the keys that the current Write added to known
	opens   map[key]Row // open rows without a later row
	closed  bool
}

// OpenJSONL opens a directory for a [JSONL], and creates it if it does not exist. It returns an error if the config is
// invalid, if another JSONL uses the directory, or if its files cannot be read or written.
func OpenJSONL(dir string, c JSONLConfig) (*JSONL, error) {
	j := &JSONL{dir: dir, c: c, opens: make(map[key]Row), known: newWindow[key](maxKnown)}
	j.c.SegmentBytes = cmp.Or(c.SegmentBytes, 64<<20)
	j.c.SegmentAge = cmp.Or(c.SegmentAge, 24*time.Hour)
	if j.c.SegmentBytes < 0 || j.c.SegmentAge < 0 {
		return nil, fmt.Errorf("ledger: JSONLConfig: SegmentBytes is %d and SegmentAge is %v: neither may be negative", c.SegmentBytes, c.SegmentAge)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	var err error
	if j.lock, err = filelock.Lock(filepath.Join(dir, lockName)); err != nil {
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

// recover reads the latest segment for attempts that were under way when the last program ended, and writes a row for each.
// A segment begins with all rows that are open then, so no earlier segment is needed for this. Earlier segments are only
// read to fill known.
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

// Write implements [Sink]. When it returns, the operating system has the lines: see [JSONL.Sync].
func (j *JSONL) Write(_ context.Context, rows []Row) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.write(rows); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

var errClosed = errors.New("the JSONL is closed")

// write is Write. If it fails, all rows can be written again.
func (j *JSONL) write(rows []Row) error {
	if j.closed {
		return errClosed
	}
	j.encode(rows)
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
	j.noteOpens(rows)
	// The rows that replace others come last. If this fails, the Writer writes all rows again, and the others are known by then.
	return j.writeBills()
}

// encode fills buf and billBuf with the lines of the rows that have to be written, and adds their keys to known.
func (j *JSONL) encode(rows []Row) {
	j.buf, j.billBuf, j.added = j.buf[:0], j.billBuf[:0], j.added[:0]
	for i := range rows {
		r := &rows[i]
		k := keyOf(r)
		switch {
		case r.isChange():
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
}

// noteOpens keeps opens up to date with rows that were written.
func (j *JSONL) noteOpens(rows []Row) {
	for i := range rows {
		switch r := &rows[i]; {
		case r.isChange():
		case r.Outcome != policy.Open:
			if len(j.opens) > 0 {
				delete(j.opens, keyOf(r))
			}
		case !j.known.has(keyOf(r)):
			j.opens[keyOf(r)] = *r
		}
	}
}

// current returns the segment to write to. It begins a new one if there is none, or if the last one is full or old.
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

// begin begins a segment, which starts with the open rows. The file gets its name after these are written: the latest
// segment must have all of them.
func (j *JSONL) begin() (*part, error) {
	now := time.Now().UTC()
	at := now
	if last, ok := begunAt(j.latest); ok && !at.After(last) { // the clock was set back
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

// writeFile writes a file and syncs it.
func writeFile(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

// writeBills appends billBuf to resolved.ndjson. If it fails, the file is as before.
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

// Sync implements [Syncer]. When it returns, what was written is on the disk.
func (j *JSONL) Sync(context.Context) error {
	if err := j.sync(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// sync is Sync. It does not hold mu while it syncs, so that Write can go on.
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
	for len(j.parts) > 1 && j.parts[0].safe == j.parts[0].size { // not the current one
		err = errors.Join(err, j.parts[0].Close())
		j.parts = j.parts[1:]
	}
	return err
}

// giveUp removes what was written since the last successful sync. After a failed fsync the operating system may have dropped
// the data, and a second fsync would succeed without it. The Writer writes the rows again, to new files.
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
	j.known = newWindow[key](maxKnown)
	for _, p := range j.parts { // the last one has all rows that are open
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

// maxKnown is how many of the latest rows are recognized when they are written again.
const maxKnown = 16384
