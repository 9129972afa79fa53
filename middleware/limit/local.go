package limit

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/policy"
)

// A waiter learns who holds the permits of a limit after stallTime, and then one waiter once in every reportTime.
const (
	stallTime  = 5 * time.Second
	reportTime = time.Minute
)

// pause is after how long a head that waits for money, or for a place that is kept for another, is looked at again although
// nothing has changed there: what was spent leaves the windows of budgets as time passes.
const pause = time.Second

// Local is the [Limiter] of one process: of rates, days, permits and money. It must be made by [NewLocal].
//
// Waiters of one class that need the same buckets and budgets stand in one line. Only the head of a line takes anything, and
// only when all its places admit it, so a waiter that leaves has taken nothing (x/time/rate does not give back all of a
// cancelled reservation). A line that waits for limit A does not hold up a line that needs only B. But then later waiters for
// B could overtake the head of a line for A and B for ever, and interactive waiters those of batch. So a head that was
// overtaken 32 times is protected: it is no longer behind interactive waiters that came later, and a place in B is kept for it.
//
// The work for each waiter depends neither on how many wait nor on how many keys there are: a line is parked at the place that
// holds its head back, and looked at again when something changes there.
type Local struct {
	mu       sync.Mutex
	start    time.Time
	groups   []*group
	accounts *budget.Accounts
	policies []policy.Budget // of the accounts
	holders  list            // those that were admitted and hold a permit
	arrived  uint64          // waiters so far; their order
	made     uint64          // buckets so far

	lines  map[uint64]*line // by their hash
	money  map[budget.Ref]*queue
	dirty  []*queue // at whose places something has changed
	alarms alarms
	timer  *time.Timer
	rings  time.Duration // when the timer fires; 0: it does not

	// Room that is used again for each request:
	key     []byte
	buckets []*bucket
	refs    []budget.Ref

	examined uint64 // how often the head of a line was examined: what the work for the waiters amounts to
}

// A waiter stands in a line until it is decided. If it is admitted, it is the attempt's Permit, and one of the holders until
// it is released.
type waiter struct {
	queue   *Local
	line    *line // nil if it never stood in one
	arrived uint64
	batch   bool
	pays    bool // a budget matched it when it came
	state   state
	err     error         // if it is refused
	decided chan struct{} // closed when it is admitted or refused
	request *Request      // nil once it is decided
	since   time.Duration // when it was admitted

	buckets []*bucket
	room    [3]*bucket
	amounts amounts
	claim   *claim // on money; nil if no budget matches
	marks   []mark // of the buckets that learn

	prev, next *waiter // in the line, or among the holders

	call, provider, operation, model string
}

// A state is what has become of a waiter.
type state uint8

const (
	isWaiting state = iota
	isAdmitted
	isRefused
	isReleased
)

// NewLocal returns a Local with the given limits and budgets, which must be valid: see [policy.Policy.Validate]. Nothing of
// them is used up: see [Local.Load].
func NewLocal(limits []policy.Limit, budgets []policy.Budget) *Local {
	q := &Local{start: time.Now(), accounts: budget.New(budgets), policies: slices.Clone(budgets), lines: make(map[uint64]*line), money: make(map[budget.Ref]*queue)}
	for _, l := range limits {
		q.groups = append(q.groups, newGroup(l))
	}
	return q
}

// now returns the time.
func (q *Local) now() instant {
	now := time.Now()
	return instant{now, now.Sub(q.start)}
}

// Wait implements [Limiter].
func (q *Local) Wait(ctx context.Context, r *Request) (Permit, error) {
	w, err := q.enter(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case w == nil:
		return nil, nil
	case w.decided == nil:
		return w, nil
	}
	return q.await(ctx, w, r)
}

// await returns when the waiter is admitted or refused, or gives up.
func (q *Local) await(ctx context.Context, w *waiter, r *Request) (Permit, error) {
	var late, poor, stall <-chan time.Time
	if !r.Deadline.IsZero() {
		timer := time.NewTimer(time.Until(r.Deadline))
		defer timer.Stop()
		late = timer.C
	}
	if w.pays {
		timer := time.NewTimer(r.MaxWait)
		defer timer.Stop()
		poor = timer.C
	}
	if r.Stalled != nil {
		ticker := time.NewTicker(stallTime)
		defer ticker.Stop()
		stall = ticker.C
	}
	for {
		select {
		case <-w.decided:
			if w.err != nil {
				return nil, w.err
			}
			return w, nil
		case <-ctx.Done():
			return q.giveUp(w, context.Cause(ctx))
		case <-late:
			return q.giveUp(w, context.DeadlineExceeded)
		case <-poor:
			q.hurry(w)
		case <-stall:
			if s, ok := q.stalled(w); ok {
				r.Stalled(s)
			}
		}
	}
}

// match finds the buckets and budgets that match a request.
func (q *Local) match(now instant, r *Request) {
	q.buckets, q.refs = q.buckets[:0], q.refs[:0]
	for _, g := range q.groups {
		if g.limit.Selects(&r.Subject, r.Tier, r.Tags) {
			q.buckets = append(q.buckets, q.bucket(now, g, r))
		}
	}
	q.refs = q.accounts.Match(q.refs, &r.Subject, r.Tier, r.Key, r.Tags)
}

// enter returns a waiter for the request: one without a channel if it was admitted at once, and else one that stands in a
// line. It returns nil if nothing matches.
func (q *Local) enter(ctx context.Context, r *Request) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	q.match(now, r)
	if len(q.buckets)+len(q.refs) == 0 {
		return nil, nil
	}
	if ctx.Err() != nil {
		return nil, q.ended(context.Cause(ctx))
	}
	q.arrived++
	w := &waiter{queue: q, arrived: q.arrived, batch: r.Class == policy.ClassBatch, request: r,
		call: r.Call, provider: r.Subject.Provider, operation: r.Subject.Operation, model: r.Subject.Model,
		amounts: amountsOf(r.Tokens)}
	if len(q.refs) > 0 {
		w.pays, w.claim = true, &claim{until: now.elapsed + r.MaxWait}
	}
	r.waiter = w
	if err := q.join(now, w); err != nil {
		return nil, err
	}
	return w, nil
}

// ended is the error of a request whose context is done before it begins to wait.
func (q *Local) ended(cause error) error {
	if len(q.buckets) > 0 {
		return q.buckets[0].error(&Error{Err: cause})
	}
	return &Error{Limit: "the budgets", Err: cause}
}

// join admits the waiter to what was matched last, or puts it into a line. It fails if the waiter can never be admitted, or
// if rates alone would not admit it before its deadline.
func (q *Local) join(now instant, w *waiter) error {
	w.buckets = append(w.room[:0], q.buckets...)
	switch {
	case len(q.refs) == 0:
		w.claim = nil
	case w.claim == nil: // by an Update
		w.claim = &claim{until: now.elapsed + w.request.MaxWait}
		fallthrough
	default:
		w.claim.accounts = slices.Clone(q.refs)
	}
	for _, b := range w.buckets {
		if err := b.tooLarge(&w.amounts); err != nil {
			return err
		}
	}
	at, wait, err := q.examine(now, w, nil, nil)
	switch {
	case err != nil:
		return err
	case at < 0:
		q.admit(now, w)
		return nil
	}
	l := q.lineOf(w)
	if !w.request.Deadline.IsZero() {
		ahead, slowest := q.ahead(now, w, l)
		if slowest != nil && !now.Add(ahead).Before(w.request.Deadline) {
			return slowest.error(&Error{Wait: ahead, Left: w.request.Deadline.Sub(now.Time)})
		}
	}
	if w.decided == nil {
		w.decided = make(chan struct{})
	}
	if l != nil {
		l.push(w)
		return nil
	}
	l = q.newLine(w)
	l.push(w)
	q.park(l, at)
	q.watch(now, l, wait)
	q.ring(now)
	return nil
}

// ahead returns the least time for which rates and days will hold back a waiter that has just come, and the bucket that holds
// it back longest. It counts waiters in front that need no place which it does not need. Any other may be held back by a limit
// of its own, and then takes no token before it. Of other lines it looks at a few only.
func (q *Local) ahead(now instant, w *waiter, own *line) (longest time.Duration, slowest *bucket) {
	const most = 16
	for _, b := range w.buckets {
		var front amounts
		if own != nil {
			front = own.total
		}
		if b.queue != nil {
			for class, parked := range b.queue.parked {
				if class == 1 && !w.batch {
					break
				}
				for _, s := range parked[:min(len(parked), most)] {
					if s.line != own && s.line.within(w) {
						front.add(&s.line.total)
					}
				}
			}
		}
		if wait := b.until(now, &w.amounts, &front); wait > longest {
			longest, slowest = wait, b
		}
	}
	return longest, slowest
}

// giveUp takes a waiter out of its line, unless it was decided at the last moment.
func (q *Local) giveUp(w *waiter, err error) (Permit, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch w.state {
	case isAdmitted:
		return w, nil
	case isRefused:
		return nil, w.err
	}
	now := q.now()
	refusal := q.gaveUp(now, w, err)
	q.leave(w)
	w.state, w.request = isRefused, nil
	q.serve(now)
	return nil, refusal
}

// gaveUp is the error of a waiter that gives up. It names the place that holds it back.
func (q *Local) gaveUp(now instant, w *waiter, err error) error {
	p := w.line.spots[w.line.at].queue
	if p.bucket == nil {
		return q.poor(now, w, err)
	}
	return p.bucket.error(&Error{Err: err})
}

// take admits the waiter: it takes from all its places.
func (q *Local) admit(now instant, w *waiter) {
	for _, b := range w.buckets {
		b.take(now, &w.amounts)
		w.mark(now, b)
		if b.queue != nil {
			q.overtakes(b.queue, w)
		}
	}
	if c := w.claim; c != nil {
		c.hold = q.accounts.Hold(now.Time, c.accounts, w.request.Cost.Pico)
		for _, ref := range w.refs() {
			if p := q.money[ref]; p != nil {
				q.overtakes(p, w)
			}
		}
	}
	w.state, w.since, w.request, w.line = isAdmitted, now.elapsed, nil, nil
	q.holders.push(w)
	if w.decided != nil {
		close(w.decided)
	}
}

// refuse ends the wait of a waiter that is in no line any more.
func (w *waiter) refuse(err error) {
	w.state, w.err, w.request = isRefused, err, nil
	close(w.decided)
}

// Release implements [Permit].
func (w *waiter) Release(c Count) {
	q := w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.state != isAdmitted {
		return
	}
	w.state = isReleased
	q.holders.remove(w)
	counts := amountsOf(c.Tokens)
	counts[unitRequests] = int64(max(0, c.Requests))
	changes := func(b *bucket) bool { return b.queue != nil || b.settles(&w.amounts, &counts) }
	var now instant
	if w.claim != nil || slices.ContainsFunc(w.buckets, changes) { // it takes as long as the rest to ask for the time
		now = q.now()
	}
	for _, b := range w.buckets {
		b.busy--
		b.settle(now, w.since, &w.amounts, &counts)
		if b.queue != nil {
			q.touch(b.queue)
		}
	}
	if w.claim != nil {
		q.accounts.Settle(now.Time, &w.claim.hold, c.Row)
		for _, ref := range w.refs() {
			if p := q.money[ref]; p != nil {
				q.touch(p)
			}
		}
	}
	if len(q.dirty) > 0 {
		q.serve(now)
	}
}

// Needs returns what the limiter needs to know of a request.
func (q *Local) Needs() Needs {
	q.mu.Lock()
	defer q.mu.Unlock()
	limits := make([]policy.Limit, len(q.groups))
	for i, g := range q.groups {
		limits[i] = g.limit
	}
	return NeedsOf(limits, q.policies)
}

// add adds other amounts.
func (a *amounts) add(other *amounts) {
	for u, n := range other {
		a[u] += n
	}
}
