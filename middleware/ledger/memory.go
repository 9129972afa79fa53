package ledger

import (
	"context"
	"iter"
	"sync"
)

// DefaultRows is how many rows a [Memory] keeps unless told otherwise.
const DefaultRows = 10_000

// ringAt is how many rows a [Memory] has when it takes the room for all, or for ringMost.
const (
	ringAt   = 1024
	ringMost = 16384
)

// A Memory is a Store in memory: the totals of all rows, and the latest rows themselves. The zero Memory keeps
// [DefaultRows]. It is safe for concurrent use.
type Memory struct {
	mu    sync.Mutex
	most  int
	rows  []Row // a ring once it is full
	next  int
	tally tally

	exposed map[string][]Row // to be resolved, by call
	order   []string         // the calls, the oldest first
}

// NewMemory returns a Memory that keeps the latest rows; 0 or less: [DefaultRows].
func NewMemory(rows int) *Memory { return &Memory{most: rows} }

// Add adds a row.
func (m *Memory) Add(r Row) { m.AddRow(&r) }

// AddRow implements [Adder].
func (m *Memory) AddRow(r *Row) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally.add(r)
	m.open(r)
	if m.most <= 0 {
		m.most = DefaultRows
	}
	if len(m.rows) < m.most {
		if len(m.rows) == ringAt { // growing on would copy what there is, again and again, while calls wait
			m.rows = append(make([]Row, 0, min(m.most, ringMost)), m.rows...)
		}
		m.rows = append(m.rows, *r)
		return
	}
	m.rows[m.next] = *r
	m.next = (m.next + 1) % m.most
}

// Rows returns the rows that are kept, oldest first.
func (m *Memory) Rows() []Row {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append(append(make([]Row, 0, len(m.rows)), m.rows[m.next:]...), m.rows[:m.next]...)
}

// Scan implements [Source], with the rows that are kept.
func (m *Memory) Scan(ctx context.Context, f Filter) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, row := range m.Rows() {
			if ctx.Err() != nil {
				yield(Row{}, context.Cause(ctx))
				return
			}
			if f.Match(&row) && !yield(row, nil) {
				return
			}
		}
	}
}

// Totals returns the totals of all rows that were ever added.
func (m *Memory) Totals() Totals {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tally.totals()
}
