package ledger

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// DefaultRows is how many rows a [Memory] keeps by default.
const DefaultRows = 10_000

// When a [Memory] has ringAt rows, it allocates room for all that it will keep, but at most for ringMost.
const (
	ringAt   = 1024
	ringMost = 16384
)

// A Memory is a Store in memory. It keeps the totals of all rows, and the latest rows themselves. The zero Memory keeps
// [DefaultRows] rows. It is safe for concurrent use.
type Memory struct {
	mu    sync.Mutex
	most  int
	rows  []Row // a ring once it is full
	next  int
	tally tally

	exposed map[string][]Row // rows with an exposure, by call
	order   []string         // these calls, the oldest first
}

// NewMemory returns a Memory that keeps that many of the latest rows. If rows is 0 or less, it keeps [DefaultRows].
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

// Rows returns the kept rows, the oldest first.
func (m *Memory) Rows() []Row {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append(append(make([]Row, 0, len(m.rows)), m.rows[m.next:]...), m.rows[:m.next]...)
}

// Scan implements [Scanner] for the kept rows.
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

// maxOpen is how many calls with an exposure a [Memory] can resolve: the latest ones. The exposure of older calls stays in
// the totals.
const maxOpen = 16384

// open keeps a row with an exposure, so that it can be resolved.
func (m *Memory) open(r *Row) {
	if m.exposed == nil {
		m.exposed = make(map[string][]Row)
	}
	if open, ok := m.exposed[r.Parent]; ok && r.Exposure.Known && r.Exposure.Pico < 0 {
		// The row has the cost of a background call, and takes back the exposure of the row that began it.
		m.exposed[r.Parent] = slices.DeleteFunc(open, func(r Row) bool { return r.Outcome == policy.Billed })
	}
	if !r.Exposure.Known || r.Exposure.Pico <= 0 {
		return
	}
	if _, ok := m.exposed[r.Call]; !ok {
		m.order = append(m.order, r.Call)
	}
	m.exposed[r.Call] = append(m.exposed[r.Call], *r)
	if len(m.order) > maxOpen {
		delete(m.exposed, m.order[0])
		m.order = m.order[1:]
	}
}

// Resolve implements [Resolver] for the latest 16384 calls with an exposure. In the totals, and in the row if it is still
// kept, the cost replaces the exposure. The price_id of the row becomes [BillPriceID].
func (m *Memory) Resolve(call string, attempt int, cost price.Pico) error {
	_, err := m.resolve(call, attempt, cost)
	return err
}

// resolve is Resolve. It returns the row as it is now.
func (m *Memory) resolve(call string, attempt int, cost price.Pico) (Row, error) {
	if cost < 0 {
		return Row{}, fmt.Errorf("ledger: the cost of an attempt must not be negative: $%s", cost)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	open := m.exposed[call]
	i := slices.IndexFunc(open, func(r Row) bool { return r.Attempt == attempt })
	if i < 0 {
		return Row{}, fmt.Errorf("ledger: attempt %d of call %q has no exposure that is open", attempt, call)
	}
	was := open[i]
	m.exposed[call] = slices.Delete(open, i, i+1)
	now := was
	now.Cost, now.Exposure, now.Unpriced, now.PriceID = Known(cost), Amount{}, "", BillPriceID
	m.tally.settle(&was, &now)
	for i := range m.rows {
		if r := &m.rows[i]; r.Call == call && r.Attempt == attempt && r.Exposure == was.Exposure {
			*r = now
		}
	}
	return now, nil
}
