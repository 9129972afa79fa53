package redis

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// The modes of settle.lua.
const (
	modeEnd    = 0  // the attempt has ended
	modeSpend  = 1  // a row is counted
	modeExpire = 2  // the attempt's lease has ended
	modeCharge = 3  // what was admitted while Redis was away
	modeCancel = 4  // the attempt was not admitted, if it was
	modeAdopt  = -1 // reserve.lua: takes what an attempt under way holds, without asking
)

// An op is a run of settle.lua, or one of reserve.lua, that is still to be made.
type op struct {
	*ask
	mode          int64
	at            int64     // when the money was spent, in Unix microseconds; 0: now
	cost, exposed int64     // nanodollars
	lookUp        bool      // the accounts are those that the record names, if it does
	change        []amounts // of each limit, above what was taken; nil: none
	permits       bool      // gives them back
}

// amountsOfRow returns what a row counts for in budgets, if so much was held for it: all, and the part that may not have been
// charged.
func amountsOfRow(row *ledger.Row, held int64) (cost, exposed int64) {
	if row == nil {
		return 0, 0
	}
	known := row.Cost.Pico
	if row.Outcome != policy.Storage {
		known = max(0, known) // only corrections of storage are negative
	}
	exposed = nanosUp(max(0, row.Exposure.Pico))
	if !row.Cost.Known && !row.Exposure.Known && !free(row) {
		exposed = held
	}
	return nanosUp(known) + exposed, exposed
}

// free reports whether the row says that nothing was sent that can have cost anything.
func free(row *ledger.Row) bool {
	unsent := row.Outcome == policy.NotSent || row.Outcome == policy.Rejected || row.Outcome == policy.Refused
	return unsent && !row.Cost.Known && !row.Exposure.Known && row.Unpriced == ""
}

// script returns the script that the op runs.
func (o *op) script() *script {
	if o.mode == modeAdopt {
		return reserveScript
	}
	return settleScript
}

// arg returns its argument.
func (o *op) arg(want string, acked, seq int64, now time.Time) []byte {
	if o.mode == modeAdopt {
		return o.reserveArg(want, acked, seq, reserving{force: true}, now)
	}
	return o.settleArg(want, acked, seq, now)
}

// settleArg returns the argument of settle.lua.
func (o *op) settleArg(want string, acked, seq int64, now time.Time) []byte {
	p := newPacker()
	p.text(layout)
	p.text(want)
	final, open := lifeOfEnded, lifeOfEnded
	if len(o.budgets) > 0 {
		final, open = lifeOfSettled, o.longest()
	}
	p.ints(o.mode, o.at, o.cost, o.exposed, int64(final/time.Millisecond), int64(open/time.Millisecond),
		int64(len(o.limits)), int64(len(o.budgets)), acked, seq)
	if o.exposed > 0 || o.mode == modeExpire {
		p.text(o.estate())
	} else {
		p.text("")
	}
	p.ints(o.turn)
	for i := range o.limits {
		l := &o.limits[i]
		if o.change == nil {
			p.ints(0, 0)
		} else {
			n := &o.change[i]
			p.ints(int64(len(l.rates)))
			for _, r := range l.rates {
				p.ints(r.place, r.rate, n[r.place])
			}
			if l.day(&p, l.zone, now) {
				p.ints(n[0], n[1])
			}
		}
		permit := int64(0)
		if o.permits && l.limit.Concurrency > 0 {
			permit = 1
		}
		p.ints(permit)
	}
	for i := range o.budgets {
		o.budgets[i].window(&p, now)
	}
	return p.b
}

// longest returns how long a row may matter that a bill can replace.
func (o *op) longest() time.Duration {
	longest := 32 * 24 * time.Hour
	for i := range o.budgets {
		longest = max(longest, o.budgets[i].budget.Window)
	}
	return longest
}

// heir returns the op that ends an attempt of a process that has died, from what its record keeps for that.
func (s *Store) heir(record, estate string) *op {
	return &op{ask: s.askOf(record, estate), mode: modeExpire, permits: true}
}

// askOf returns what an attempt has asked, from what its record keeps.
func (s *Store) askOf(record, estate string) *ask {
	a := &ask{store: s, record: record}
	for line := range strings.Lines(estate) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "l"):
			plan := &limitPlan{limit: policy.Limit{Concurrency: 1}}
			a.limits = append(a.limits, limitAsk{limitPlan: plan, bucket: newBucket("", s.prefix+line[1:], "")})
		case strings.HasPrefix(line, "b"):
			f := strings.Fields(line[1:])
			if len(f) < 3 {
				continue
			}
			slice, _ := strconv.ParseInt(f[1], 10, 64)
			b := policy.Budget{Zone: f[len(f)-1]}
			if slice == 0 {
				b.Every = policy.Period(f[2])
			} else {
				b.Window = time.Duration(slice*sliceCount) * time.Microsecond
			}
			id, _, _ := strings.Cut(f[0], ".")
			plan := &budgetPlan{budget: b, slice: slice, zone: b.Location(), mark: s.prefix + keyMark + id}
			a.budgets = append(a.budgets, budgetAsk{plan, newBucket("", s.budgetPrefix+f[0], s.slicesPrefix+f[0])})
		}
	}
	a.setKeys()
	return a
}

// spendOp returns the op that counts a row; nil if it adds nothing and replaces nothing. The row counts in the accounts that the
// record of its attempt names, because a row such as that of a bill need not say what the budgets matched. If there is no such
// record, it counts in those that match the row; a row that does not say when it was then counts nowhere.
func (l *Limiter) spendOp(row *ledger.Row) *op {
	if len(l.budgets) == 0 || row.Attempt == 0 && row.Cost.Pico == 0 && row.Exposure.Pico == 0 {
		return nil
	}
	var budgets []budgetAsk
	if !row.At.IsZero() {
		subject := row.Subject()
		budgets = l.matchBudgets(&subject, row.AskedTier, "", row.Tags)
	}
	o := l.store.spendOp(row, budgets, 0, l.tag)
	if o.lookUp = row.Outcome != policy.Storage && row.Call != ""; len(budgets) == 0 && !o.lookUp {
		return nil
	}
	return o
}

// spendOp returns the op that counts a row in budgets of a limiter with a tag. So much was held for it.
func (s *Store) spendOp(row *ledger.Row, budgets []budgetAsk, held int64, tag string) *op {
	a := &ask{store: s, budgets: budgets, record: s.recordKey(row.Call, row.Attempt, tag)}
	if row.Outcome == policy.Storage {
		a.record += "/" + strconv.FormatInt(row.At.UnixNano(), 36) // an attempt can have several
	}
	a.setKeys()
	o := &op{ask: a, mode: modeSpend}
	if !row.At.IsZero() {
		o.at = row.At.UnixMicro()
	}
	o.cost, o.exposed = amountsOfRow(row, held)
	return o
}

// lookUpAll gives ops the accounts that the records of their attempts name. It returns those that have any, and reports whether
// Redis answered.
func (s *Store) lookUpAll(ctx context.Context, ops []*op) (kept []*op, err error) {
	if !slices.ContainsFunc(ops, func(o *op) bool { return o.lookUp }) {
		return ops, nil
	}
	kept = make([]*op, 0, len(ops))
	for _, o := range ops {
		if o.lookUp {
			text, err := s.client.Get(ctx, o.record).Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				return nil, err
			}
			if estate, ok := estateOf(text); ok && estate != "" {
				found := s.askOf(o.record, estate)
				found.limits = nil
				if found.setKeys(); len(found.budgets) > 0 {
					o.ask = found
				}
			}
			o.lookUp = false
			if len(o.budgets) == 0 {
				continue
			}
		}
		kept = append(kept, o)
	}
	return kept, nil
}
