package limit

import (
	"errors"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/policy/price"
)

// pause is after how long a head that waits for money, or for a place that is kept for another, is looked at again although
// nothing has changed there: what was spent leaves the windows of budgets as time passes.
const pause = time.Second

// examine returns the first of the waiter's places that holds it back, and, if time alone will open that, after how long; -1
// if none does. It looks at the place of p before others. l is the waiter's line, of which it is the head; nil if it is in
// none. It fails if a budget refuses the waiter.
func (q *Local) examine(now instant, w *waiter, l *line, p *queue) (at int, wait time.Duration, err error) {
	late := w.batch
	if l != nil {
		late = l.late()
	}
	if w.claim != nil && q.accounts.Check(now.Time, w.refs(), w.ask()) == budget.Refuses {
		return 0, 0, q.poor(now, w, nil)
	}
	if p != nil && p.bucket != nil {
		for i, b := range w.buckets {
			if b == p.bucket {
				if wait, open := q.opens(now, w, late, l, b); !open {
					return i, wait, nil
				}
			}
		}
	}
	for i, b := range w.buckets {
		if wait, open := q.opens(now, w, late, l, b); !open {
			return i, wait, nil
		}
	}
	for i, ref := range w.refs() {
		if q.pays(now, w, late, l, ref, i) {
			continue
		}
		switch {
		case now.elapsed < w.claim.until:
		case l == nil:
			return 0, 0, q.poor(now, w, nil)
		default:
			return 0, 0, q.poor(now, w, errTooLong)
		}
		return len(w.buckets) + i, pause, nil
	}
	return -1, 0, nil
}

// opens reports whether a bucket admits a waiter; if not, after how long time alone opens it.
func (q *Local) opens(now instant, w *waiter, late bool, l *line, b *bucket) (time.Duration, bool) {
	p := b.queue
	if p == nil {
		return b.open(now, &w.amounts, &amounts{}, 0)
	}
	if first := p.first(); first != nil && first != l && first.before(late, w.arrived) {
		return 0, false
	}
	wait, open := b.open(now, &w.amounts, &amounts{}, 0)
	if k := p.keeper; open && k != nil && k != l && k.before(late, w.arrived) {
		kept, permits := q.kept(now, k, b)
		if _, open := b.open(now, &w.amounts, &kept, permits); !open {
			return pause, false // what is kept also depends on other places
		}
	}
	return wait, open
}

// pays reports whether a budget has the money for a waiter. The budget of a line for which money is kept has that less.
func (q *Local) pays(now instant, w *waiter, late bool, l *line, ref budget.Ref, i int) bool {
	ask := w.ask()
	if p := q.money[ref]; p != nil {
		if first := p.first(); first != nil && first != l && first.before(late, w.arrived) {
			return false
		}
		if k := p.keeper; k != nil && k != l && k.before(late, w.arrived) {
			ask.Most.Pico = add(ask.Most.Pico, k.head.request.Cost.Pico)
		}
	}
	return q.accounts.Check(now.Time, w.claim.accounts[i:i+1], ask) == budget.Admits
}

// kept returns what a bucket keeps for the head of a line that is held back elsewhere. That is nothing if the head is known to
// be held back for longer than a minute, or by money. Else it is a permit; and of its rates what the head takes, if the places
// that hold it back will be open before the bucket has as much again. So little is withheld from others.
func (q *Local) kept(now instant, k *line, b *bucket) (kept amounts, permits int) {
	w := k.head
	if k.spots[k.at].queue.bucket == nil {
		return kept, 0
	}
	var longest time.Duration
	for _, other := range w.buckets {
		if other == b {
			continue
		}
		wait, open := other.open(now, &w.amounts, &amounts{}, 0)
		first := other.queue.first()
		if !open && wait == 0 || first != nil && first != k && first.before(k.late(), w.arrived) {
			return kept, 1 // it is not known how long it takes
		}
		longest = max(longest, wait)
	}
	if longest > time.Minute {
		return kept, 0
	}
	for i := range b.flows {
		f := &b.flows[i]
		n := min(w.amounts[f.unit], f.burst)
		if longest.Seconds()*float64(f.Limit()) <= float64(n) {
			kept[f.unit] = n
		}
	}
	return kept, 1
}

// poor is the error of a waiter that money holds back: what others hold, or others that wait in front.
func (q *Local) poor(now instant, w *waiter, err error) error {
	return q.accounts.Explain(now.Time, w.refs(), w.ask(), err)
}

// add returns a + b, or the largest amount if that exceeds it.
func add(a, b price.Pico) price.Pico { return price.Pico(sum(int64(a), int64(b))) }

// errTooLong ends a wait for money.
var errTooLong = errors.New("it has waited as long as it may")
