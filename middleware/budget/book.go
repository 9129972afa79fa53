package budget

import (
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// perWindow is how many slices a sliding window has.
const perWindow = 60

// A book has the accounts of one budget: one for each key that has something spent within its window, or held.
type book struct {
	budget  policy.Budget
	removed bool // by an Update: it holds nothing back any more
	loaded  bool // what was spent before it was made is counted, or is nothing
	awaits  bool // it admits nothing until then
	lowered bool // an Update has lowered its cap

	width int64 // of a slice of a sliding window; 0 for one of the calendar
	from  int64 // the window of the calendar that is now
	until int64
	ended int64 // while the clock is set: when the window ended by the old one

	accounts map[string]*account
	all      []*account // the same, in any order
	swept    int        // the next of them to look at: see sweep
	serial   uint32     // of the latest slice
}

func newBook(b policy.Budget) *book {
	book := &book{budget: b, accounts: make(map[string]*account)}
	if b.Every == "" {
		book.width = max(1, (int64(b.Window)+perWindow-1)/perWindow)
	}
	return book
}

// sameWindow reports whether what was spent under one budget can be counted on under the other.
func sameWindow(a, b *policy.Budget) bool {
	return a.Window == b.Window && a.Every == b.Every && a.Zone == b.Zone && slices.Equal(a.Per, b.Per)
}

// nanos returns the Unix time in nanoseconds. Times that are centuries away are brought near enough for sums of it.
func nanos(t time.Time) int64 {
	const most = 1 << 32 // seconds: in the year 2106
	return time.Unix(min(most, max(-most, t.Unix())), int64(t.Nanosecond())).UnixNano()
}

// leaves returns when an amount of a time has left the window. Amounts with the same result are of the same slice.
func (b *book) leaves(t, now int64) int64 {
	if b.width > 0 {
		n := t / b.width
		if t%b.width < 0 {
			n--
		}
		return (n+1)*b.width + int64(b.budget.Window)
	}
	if now < b.from || now >= b.until {
		b.from, b.until = b.windowAt(now)
	}
	if b.from <= t && t < b.until {
		return b.until
	}
	_, until := b.windowAt(t)
	return until
}

// windowAt returns the window of the calendar that has a time.
func (b *book) windowAt(t int64) (from, until int64) {
	start, end := b.budget.WindowAt(time.Unix(0, t))
	return nanos(start), nanos(end)
}

// at returns the account of a key as it stands.
func (b *book) at(key string, now int64) (s sum) {
	a := b.accounts[key]
	if a == nil {
		return s
	}
	return a.at(now)
}

// frees returns when what is spent leaves room for the amount beside what is held.
func (b *book) frees(key string, now int64, held, most price.Pico) time.Time {
	a := b.accounts[key]
	if a == nil {
		return time.Time{}
	}
	for i := range a.slices {
		if t := a.slices[i].leaves; t > now && fits(a.at(t).spent, held, most, b.budget.Cap) {
			return time.Unix(0, t).UTC()
		}
	}
	return time.Time{}
}

// open returns the account of a key, which is new if there is none.
func (b *book) open(key string, now int64) *account {
	b.sweep(now)
	a := b.accounts[key]
	if a == nil {
		a = &account{key: key}
		b.accounts[key] = a
		b.all = append(b.all, a)
	}
	return a
}

// add adds amounts to the slice that leaves the window at a time after now, and returns the slice.
func (b *book) add(a *account, leaves, now int64, n amounts) *slice {
	a.drop(now)
	i, found := a.find(leaves)
	if !found {
		b.serial++
		a.slices = slices.Insert(a.slices, i, slice{leaves: leaves, serial: b.serial})
	}
	p := &a.slices[i]
	p.cost, p.exposure, p.unknown = plus(p.cost, n.cost), plus(p.exposure, n.exposure), p.unknown+n.unknown
	return p
}

// sweep looks at two accounts, and removes those that have nothing spent and nothing held. At each new account two are looked
// at, so there are never many more of them than have something.
func (b *book) sweep(now int64) {
	for range 2 {
		if b.swept >= len(b.all) {
			b.swept = 0
		}
		if len(b.all) == 0 {
			return
		}
		a := b.all[b.swept]
		a.drop(now)
		if a.held != 0 || len(a.slices) > 0 {
			b.swept++
			continue
		}
		delete(b.accounts, a.key)
		last := len(b.all) - 1
		b.all[b.swept], b.all[last] = b.all[last], nil
		b.all = b.all[:last]
	}
}

// A Ref names the account of a budget that an attempt belongs to. Two Refs of the same account are equal.
type Ref struct {
	book *book
	key  string
}

// Budget returns the budget of the account. It must not be changed.
func (r Ref) Budget() *policy.Budget { return &r.book.budget }
