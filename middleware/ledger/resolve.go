package ledger

import (
	"fmt"
	"slices"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Resolver is a [Store] in which it can be settled later what an attempt has cost that may have been billed.
type Resolver interface {
	// Resolve replaces what is known of an attempt's cost, and its exposure, by what a bill says that it has cost in
	// all: 0 if it was not billed. An error says that there is no such attempt, or that nothing of it is open. A row
	// that later tells the cost of a resolved call in the background is not the store's to know: see Stack.Resolve.
	Resolve(call string, attempt int, cost price.Pico) error
}

// maxOpen is how many calls with an exposure a [Memory] keeps open to be resolved. What older ones expose stays.
const maxOpen = 16384

// open keeps a row whose cost may be resolved.
func (m *Memory) open(r *Row) {
	if m.exposed == nil {
		m.exposed = make(map[string][]Row)
	}
	if open, ok := m.exposed[r.Parent]; ok && r.Exposure.Known && r.Exposure.Pico < 0 {
		// It tells the cost of a call in the background.
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

// Resolve implements [Resolver]. The totals then have the cost in place of the exposure, and so has the row, if it is
// still kept; its price_id is "bill".
func (m *Memory) Resolve(call string, attempt int, cost price.Pico) error {
	_, err := m.resolve(call, attempt, cost)
	return err
}

// resolve returns the row as it is now.
func (m *Memory) resolve(call string, attempt int, cost price.Pico) (Row, error) {
	if cost < 0 {
		return Row{}, fmt.Errorf("ledger: the cost of an attempt cannot be negative, as $%s is", cost)
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
	now.Cost, now.Exposure, now.Unpriced, now.PriceID = Known(cost), Amount{}, "", Bill
	m.tally.settle(&was, &now)
	for i := range m.rows {
		if r := &m.rows[i]; r.Call == call && r.Attempt == attempt && r.Exposure == was.Exposure {
			*r = now
		}
	}
	return now, nil
}

// settle replaces one row by another of the same model, tier and tags.
func (t *tally) settle(was, now *Row) {
	t.all.settle(was, now)
	for _, k := range groupsOf(was) {
		t.group(k).settle(was, now)
	}
	t.hourOf(was).settle(was, now)
}

func (t *Total) settle(was, now *Row) {
	minus := func(sum *price.Sum, a Amount) {
		*sum = sum.Minus(one(a.Pico)) // the zero Amount takes nothing
	}
	t.Cost.Add(now.Cost.Pico)
	minus(&t.Saved, now.Cost)
	minus(&t.Cost, was.Cost)
	t.Saved.Add(was.Cost.Pico)
	minus(&t.Exposure, was.Exposure)
	t.Saved.Add(was.Exposure.Pico)
	if was.Unpriced != "" {
		t.Unpriced--
	}
}
