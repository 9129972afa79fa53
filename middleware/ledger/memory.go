package ledger

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

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

	unsure map[string][]Row // rows whose cost is not fully known, by call
	order  []string         // these calls, the oldest first
}

// NewMemory returns a Memory that keeps that many of the latest rows. If rows is 0 or less, it keeps [DefaultRows].
func NewMemory(rows int) *Memory { return &Memory{most: rows} }

// Add adds a row. A row that settles an earlier one replaces it, in the totals and among the kept rows, if the earlier one is
// of the latest 16384 calls whose cost is not fully known.
func (m *Memory) Add(r Row) { m.AddRow(&r) }

// AddRow implements [Adder].
func (m *Memory) AddRow(r *Row) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Settles && m.settle(r) {
		return
	}
	m.tally.add(r)
	m.keepUnsure(r)
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

// maxUnsure is how many calls whose cost is not fully known can be settled or resolved: the latest ones. Older ones stay in
// the totals as they are.
const maxUnsure = 16384

// keepUnsure keeps a row whose cost is not fully known, so that it can be settled or resolved.
func (m *Memory) keepUnsure(r *Row) {
	if r.Unpriced == "" && r.Exposure.Pico <= 0 {
		return
	}
	if m.unsure == nil {
		m.unsure = make(map[string][]Row)
	}
	if _, ok := m.unsure[r.Call]; !ok {
		m.order = append(m.order, r.Call)
	}
	m.unsure[r.Call] = append(m.unsure[r.Call], *r)
	if len(m.order) > maxUnsure {
		delete(m.unsure, m.order[0])
		m.order = m.order[1:]
	}
}

// settle replaces the earlier row of an attempt. It reports false if that is not known.
func (m *Memory) settle(now *Row) bool {
	was, ok := m.take(now.Call, now.Attempt)
	if ok {
		m.replace(&was, now)
		m.keepUnsure(now)
	}
	return ok
}

// take removes a row from those whose cost is not fully known.
func (m *Memory) take(call string, attempt int) (Row, bool) {
	rows := m.unsure[call]
	i := slices.IndexFunc(rows, func(r Row) bool { return r.Attempt == attempt })
	if i < 0 {
		return Row{}, false
	}
	was := rows[i]
	m.unsure[call] = slices.Delete(rows, i, i+1)
	return was, true
}

// replace replaces a row in the totals and, if it is still there, among the kept rows.
func (m *Memory) replace(was, now *Row) {
	m.tally.replace(was, now)
	for i := range m.rows {
		if r := &m.rows[i]; r.Call == was.Call && r.Attempt == was.Attempt && r.Outcome == was.Outcome && r.Exposure == was.Exposure {
			*r = *now
		}
	}
}

// Resolve implements [Resolver] for the latest 16384 calls whose cost is not fully known. In the totals, and in the row if it
// is still kept, the cost replaces the exposure. The price_id of the row becomes [BillPriceID].
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
	was, ok := m.take(call, attempt)
	if !ok {
		return Row{}, fmt.Errorf("ledger: attempt %d of call %q has no exposure that is open, and no unknown cost", attempt, call)
	}
	now := was
	now.Cost, now.Exposure, now.Unpriced, now.PriceID = Known(cost), Amount{}, "", BillPriceID
	m.replace(&was, &now)
	return now, nil
}
