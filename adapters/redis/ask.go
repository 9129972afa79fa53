package redis

import (
	"cmp"
	"math"
	"strconv"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// amounts are what an attempt takes from rates, by their place in the state of a limit. The first four are not used.
type amounts [8]int64

func amountsOf(requests int, t limit.Tokens) amounts {
	in, out := max(t.Input, 0), max(t.Output, 0)
	all := in + out
	if all < 0 {
		all = math.MaxInt64
	}
	return amounts{0, 0, 0, 0, int64(requests), all, in, out}
}

// A limitAsk is a limit of which an attempt asks, and a budgetAsk a budget.
type limitAsk struct {
	*limitPlan
	*bucket
	zone *time.Location
}

type budgetAsk struct {
	*budgetPlan
	*bucket
}

// An ask is what an attempt asks of Redis: from when it is matched until its end is sent.
type ask struct {
	store   *Store
	limits  []limitAsk
	budgets []budgetAsk
	amounts amounts
	most    int64  // nanodollars
	record  string // its key
	turn    int64  // see reserve.lua
	tag     string // of the limiter: see tagOf
	keys    []any  // of the scripts
	uses    bool   // whether it uses something that must be given back: a permit, or money

	call                       string
	provider, operation, model string

	// unsure says that a script may have run whose answer did not come, so that Redis may have admitted the attempt.
	unsure bool
}

// newAsk returns what a request asks of Redis; nil if no limit and no budget matches.
func (l *Limiter) newAsk(r *limit.Request) *ask {
	s := l.store
	var a *ask
	for _, p := range l.limits {
		if r.MoneyOnly || !p.limit.Selects(&r.Subject, r.Tier, r.Tags) {
			continue
		}
		if a == nil {
			a = &ask{store: s}
		}
		value := policy.KeyOf(p.per, &r.Subject, r.Tier, r.Key, r.Tags)
		a.limits = append(a.limits, limitAsk{p, p.buckets.of(s.limitPrefix, "", p.id, value), p.zoneOf(r)})
		a.uses = a.uses || p.limit.Concurrency > 0
	}
	if budgets := l.matchBudgets(&r.Subject, r.Tier, r.Key, r.Tags); len(budgets) > 0 {
		if a == nil {
			a = &ask{store: s}
		}
		a.budgets, a.most = budgets, nanosUp(r.Cost.Pico)
		a.uses = a.uses || a.most > 0
	}
	if a == nil {
		return nil
	}
	a.amounts = amountsOf(1, r.Tokens)
	a.call, a.provider, a.operation, a.model = r.Call, r.Subject.Provider, r.Subject.Operation, r.Subject.Model
	a.tag, a.turn = l.tag, s.nextTurn()
	a.record = s.recordKey(r.Call, r.Attempt, l.tag)
	a.setKeys()
	return a
}

// matchBudgets returns the budgets that match an attempt.
func (l *Limiter) matchBudgets(subject *policy.Subject, tier policy.Tier, key string, tags map[string]string) (asks []budgetAsk) {
	for _, p := range l.budgets {
		if p.budget.Match.Matches(subject, tags) {
			asks = append(asks, l.store.budgetAsk(p, policy.KeyOf(p.budget.Per, subject, tier, key, tags)))
		}
	}
	return asks
}

func (s *Store) budgetAsk(p *budgetPlan, value string) budgetAsk {
	return budgetAsk{p, p.buckets.of(s.budgetPrefix, s.slicesPrefix, p.id, value)}
}

// recordKey returns the key of the record that an attempt has of a limiter with a tag. An attempt of a call without a name gets
// one of its own.
func (s *Store) recordKey(call string, attempt int, tag string) string {
	switch {
	case call == "":
		call = s.id + "." + strconv.FormatInt(s.calls.Add(1), 36)
	case len(call) > 100:
		call = hash(call)
	}
	key := s.prefix + keyRecord + call + "/" + strconv.Itoa(attempt)
	if tag != "" {
		key += "/" + tag
	}
	return key
}

// nextTurn returns a number that is higher than all that it has returned, and than those of processes that have ended: a time.
func (s *Store) nextTurn() int64 {
	now := s.now().UnixMicro()
	for {
		last := s.turns.Load()
		if n := max(last+1, now); s.turns.CompareAndSwap(last, n) {
			return n
		}
	}
}

// setKeys sets the keys in the order in which the scripts have them.
func (a *ask) setKeys() {
	s := a.store
	a.keys = make([]any, 0, 4+len(a.limits)+3*len(a.budgets))
	a.keys = append(a.keys, s.argState, a.record)
	for i := range a.limits {
		a.keys = append(a.keys, a.limits[i].arg)
	}
	for i := range a.budgets {
		a.keys = append(a.keys, a.budgets[i].arg)
	}
	for i := range a.budgets {
		a.keys = append(a.keys, a.budgets[i].mark)
	}
	if len(a.budgets) > 0 {
		a.keys = append(a.keys, s.argSeq)
	}
	a.keys = append(a.keys, s.argDue)
	for i := range a.budgets {
		a.keys = append(a.keys, a.budgets[i].slicesArg)
	}
}

// tooMuch returns an error if the attempt needs more than a limit ever allows.
func (a *ask) tooMuch() error {
	for i := range a.limits {
		l := &a.limits[i]
		for _, r := range l.rates {
			if n, most := a.amounts[r.place], max(r.rate, r.burst); n > most {
				return l.error(&limit.Error{Asked: n, Allowed: most, Unit: unitsOfRates[r.place]})
			}
		}
		if n, most := a.amounts[placeTokens], l.limit.TokensPerDay; most > 0 && n > most {
			return l.error(&limit.Error{Asked: n, Allowed: most, Unit: "tokens per day"})
		}
	}
	return nil
}

// error completes an error of the limit.
func (l *limitAsk) error(e *limit.Error) *limit.Error {
	e.Name, e.Limit, e.Key = l.limit.Name, l.text, policy.KeyText(l.per, l.value)
	return e
}

// The scripts that take and give back have these in common.
const (
	lifeOfRates   = time.Hour           // of the record of an attempt that holds nothing
	lifeOfHolds   = 31 * 24 * time.Hour // of one that does
	lifeOfEnded   = time.Minute         // of one that has ended, in which its end may be sent again
	lifeOfSettled = 10 * time.Minute    // the same, if it cost money
)

// reserving is how an attempt is reserved.
type reserving struct {
	ahead    time.Duration // how far rates may be taken ahead
	cheapest bool          // it asks for the cheapest tier
	force    bool          // all is taken without asking, and nothing from rates
}

// reserveArg returns the argument of reserve.lua.
func (a *ask) reserveArg(want string, acked, seq int64, how reserving, now time.Time) []byte {
	p := newPacker()
	p.text(layout)
	p.text(want)
	lease, life, forced := int64(0), lifeOfRates, int64(0)
	if a.uses {
		p.text(a.estate())
		lease, life = int64(a.store.config.Lease/time.Microsecond), lifeOfHolds
	} else {
		p.text("")
	}
	if how.force {
		forced = 1
	}
	p.ints(lease, int64(how.ahead/time.Microsecond), forced, int64(life/time.Millisecond), a.most,
		int64(len(a.limits)), int64(len(a.budgets)), acked, seq, a.turn)
	for i := range a.limits {
		a.limits[i].reserve(&p, &a.amounts, how.force, now)
	}
	for i := range a.budgets {
		b := &a.budgets[i]
		b.window(&p, now)
		only := b.only
		if how.cheapest {
			only = -1
		}
		p.ints(b.cap, only)
	}
	return p.b
}

// reserve packs a limit.
func (l *limitAsk) reserve(p *packer, n *amounts, force bool, now time.Time) {
	if force {
		p.ints(0, 0)
	} else {
		p.ints(int64(len(l.rates)))
		for _, r := range l.rates {
			p.ints(r.place, r.rate, r.burst, n[r.place])
		}
		if l.day(p, l.zone, now) {
			p.ints(n[placeRequests], int64(l.limit.RequestsPerDay), n[placeTokens], l.limit.TokensPerDay)
		}
	}
	p.ints(int64(l.limit.Concurrency))
}

// estate returns what an attempt leaves behind if its process dies: the keys of its limits on concurrency and of its
// budgets, with their windows. See heir.
func (a *ask) estate() string {
	b := make([]byte, 0, 128)
	for i := range a.limits {
		if l := &a.limits[i]; l.limit.Concurrency > 0 {
			b = append(b, 'l')
			b = append(b, l.key[len(a.store.prefix):]...)
			b = append(b, '\n')
		}
	}
	for i := range a.budgets {
		k := &a.budgets[i]
		b = append(b, 'b')
		b = append(b, k.key[len(a.store.prefix)+len(keyBudget):]...)
		b = append(b, ' ')
		b = strconv.AppendInt(b, k.slice, 10)
		b = append(b, ' ')
		b = append(b, k.budget.Every...)
		b = append(b, ' ')
		b = append(b, cmp.Or(k.budget.Zone, "UTC")...)
		b = append(b, '\n')
	}
	return string(b)
}
