package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// Rates are taken ahead by as much as aheadOfTime, so that an attempt asks Redis once, and then waits by itself. The first of a
// line that has waited for patience takes them ahead by as much as it must: else large attempts, which need a full bucket,
// would never be admitted beside the small ones of other processes.
const (
	aheadOfTime = 200 * time.Millisecond
	patience    = time.Second
)

// Redis is asked so often, at first and after a while, for what others hold: a permit, or money.
const (
	pollFirst = 10 * time.Millisecond
	pollLast  = 250 * time.Millisecond
)

// A Limiter is made by [Store.Limiter]. It is a [limit.Limiter] and a [limit.Spender].
type Limiter struct {
	store   *Store
	limits  []*limitPlan
	budgets []*budgetPlan
	tag     string // of its records: see tagOf
	share   *share
	needs   limit.Needs
	learner *limit.Local // of the limits that learn; nil if none does
	notices notices
}

var (
	_ limit.Limiter = (*Limiter)(nil)
	_ limit.Spender = (*Limiter)(nil)
)

// A permit is held by an attempt that was admitted.
type permit struct {
	store    *Store
	ask      *ask
	local    *localPermit // if this process's share admitted it
	adopted  bool         // Redis counts it, or will
	since    time.Time
	learned  limit.Permit // of the limits that learn; nil if none matches
	released atomic.Bool
}

// Wait implements [limit.Limiter].
//
// While Redis cannot be reached, this process's share of the limits admits attempts. Attempts that a budget matches are refused
// with a [*budget.Error] that wraps an [UnavailableError], when the outage has lasted for a second; unless a part of the budgets is
// set aside: see [Config.BudgetShare]. While a budget's rows are being counted, its attempts wait for that, for up to 10 seconds,
// and are then refused in the same way.
//
// An attempt that has been admitted and has not ended may be asked for again, also by another process, and takes nothing more. One
// that has ended takes anew.
func (l *Limiter) Wait(ctx context.Context, r *limit.Request) (limit.Permit, error) {
	learned, err := l.waitLearned(ctx, r)
	if err != nil {
		return nil, err
	}
	p, err := l.wait(ctx, r)
	switch {
	case err != nil:
		if learned != nil {
			learned.Release(limit.Count{})
		}
		return nil, err
	case p != nil:
		p.learned = learned
		if learner, ok := learned.(limit.LearningPermit); ok {
			return learningPermit{p, learner}, nil
		}
		return p, nil
	}
	return learned, nil
}

// wait waits for what the processes share. It returns nil if nothing matches.
func (l *Limiter) wait(ctx context.Context, r *limit.Request) (*permit, error) {
	a := l.newAsk(r)
	if a == nil {
		return nil, nil
	}
	if err := a.tooMuch(); err != nil {
		return nil, err
	}
	if err := a.noBound(r); err != nil {
		return nil, err
	}
	w := &wait{limiter: l, ask: a, request: r, began: time.Now()}
	p, err := w.do(ctx)
	if err != nil {
		l.store.cancel(a)
		return nil, err
	}
	return p, nil
}

// cancel has Redis give back what it may have taken for an attempt that was not admitted. It does not if the same attempt was
// admitted before, and is under way.
func (s *Store) cancel(a *ask) {
	if !a.unsure {
		return
	}
	s.mu.Lock()
	for p := range s.live {
		if p.ask.record == a.record {
			s.mu.Unlock()
			return
		}
	}
	s.mu.Unlock()
	s.put(&op{ask: a, mode: modeCancel, change: a.change(0, limit.Tokens{}), permits: true})
}

// A wait is an attempt that waits to be admitted.
type wait struct {
	limiter *Limiter
	ask     *ask
	request *limit.Request
	waiter  *waiter // nil: it has asked only once
	asked   int     // times
	failed  int     // of them without an answer
	began   time.Time
	headed  time.Time
	stalled time.Time // since when others hold the permits
	last    reply     // of Redis
}

// do returns when the attempt is admitted, or gives up.
func (w *wait) do(ctx context.Context) (*permit, error) {
	l := w.limiter
	defer func() {
		if w.waiter != nil {
			l.store.lines.leave(w.waiter)
		}
	}()
	if err := w.awaitEnd(ctx); err != nil {
		return nil, err
	}
	if l.store.lines.any() && l.store.lines.waits(w.key()) {
		if err := w.enter(ctx); err != nil {
			return nil, err
		}
	}
	for {
		if back, err := l.store.outage(); err != nil {
			if p, err := w.withoutRedis(ctx, back, err); err != errBack {
				return p, err
			}
			continue
		}
		p, err := w.ask1(ctx)
		if p != nil || err != nil {
			return p, err
		}
		if w.waiter == nil {
			err = w.enter(ctx)
		} else {
			err = w.sleep(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
}

// An attempt that a budget matches waits so long for Redis to be back, from the beginning of the outage on, and for the rows of
// its budgets to be counted: not at all if it is not known that they will be, and some process may have begun.
const (
	bridged   = time.Second
	countTime = 10 * time.Second
)

// awaitEnd returns when Redis knows that the attempt has ended which was admitted before under the same name.
func (w *wait) awaitEnd(ctx context.Context) error {
	s := w.limiter.store
	for {
		moved := s.outbox.ending(w.ask.record)
		if moved == nil || s.health.isDown() {
			return nil
		}
		late, stop := w.late()
		select {
		case <-moved:
		case <-time.After(probeLast): // Redis may be down by now
		case <-ctx.Done():
			stop()
			return w.gaveUp(context.Cause(ctx))
		case <-late:
			stop()
			return w.gaveUp(context.DeadlineExceeded)
		}
		stop()
	}
}

// withoutRedis has this process's share admit the attempt, or refuses it if a budget matches. It fails with errBack if Redis is back.
func (w *wait) withoutRedis(ctx context.Context, back <-chan struct{}, outage error) (*permit, error) {
	l := w.limiter
	if len(w.ask.budgets) > 0 && l.store.config.BudgetShare == 0 {
		return nil, w.awaitRedis(ctx, back, outage)
	}
	return l.share.wait(ctx, w.ask, w.request, back)
}

// awaitRedis waits until Redis is back, if the outage is short. It then fails with errBack.
func (w *wait) awaitRedis(ctx context.Context, back <-chan struct{}, outage error) error {
	left := w.limiter.store.bridge()
	if d := w.request.Deadline; !d.IsZero() {
		left = min(left, rest(d))
	}
	if left > 0 {
		t := time.NewTimer(left)
		defer t.Stop()
		select {
		case <-back:
			return errBack
		case <-t.C:
		case <-ctx.Done():
			outage = context.Cause(ctx)
		}
	}
	return w.unavailable(outage)
}

// bridge returns how long attempts wait for Redis to be back, from now on.
func (s *Store) bridge() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bridged - time.Since(s.health.since)
}

// unavailable is the refusal of an attempt because it is not known what its budgets have left.
func (w *wait) unavailable(err error) error {
	w.limiter.store.counts.refused.Add(1)
	return unavailable(&w.ask.budgets[0], w.request, err)
}

func unavailable(b *budgetAsk, r *limit.Request, err error) *budget.Error {
	return &budget.Error{Budget: b.budget.Name, Key: policy.KeyText(b.budget.Per, b.value), Window: budget.WindowText(&b.budget),
		Cap: b.budget.Cap, Most: r.Cost.Pico, Unavailable: true, Err: &UnavailableError{Budget: b.budget.Name, Err: err}}
}

// closed returns why the attempt need not wait for its budgets to be opened; nil if it may.
func (w *wait) closed() error {
	patience := bridged
	if w.limiter.store.willCount() {
		patience = countTime
	}
	if time.Since(w.began) < patience {
		return nil
	}
	return w.unavailable(w.whyClosed())
}

func (w *wait) whyClosed() error {
	if w.last.code() == replyUncounted {
		return errUncounted
	}
	return errClosed
}

// willCount reports whether this process counts the rows of budgets that are closed.
func (s *Store) willCount() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config.Ledger != nil || s.counting > 0
}

// ask1 asks Redis once. It returns neither a permit nor an error if the attempt must wait.
func (w *wait) ask1(ctx context.Context) (*permit, error) {
	s, a := w.limiter.store, w.ask
	how := reserving{ahead: aheadOfTime, cheapest: w.request.Cheapest}
	if w.waiter != nil && time.Since(w.headed) > patience {
		how.ahead = time.Minute
	}
	if d := w.request.Deadline; !d.IsZero() {
		how.ahead = min(how.ahead, rest(d))
	}
	r, err := s.run(ctx, reserveScript, a.keys, len(a.budgets) > 0, func(want string, acked, seq int64, now time.Time) []byte {
		return a.reserveArg(want, acked, seq, how, now)
	})
	w.asked++
	if err == errDown {
		w.last = reply{}
		return nil, nil
	}
	if err != nil {
		a.unsure = true
		var version *VersionError
		switch {
		case ctx.Err() != nil:
			return nil, w.gaveUp(context.Cause(ctx))
		case errors.As(err, &version):
			return nil, w.broken(err)
		}
		w.last = reply{}
		if w.failed++; w.failed > 2*maxFailures { // others are answered
			return nil, w.broken(err)
		}
		return nil, nil // it is asked again, for the same record, until Redis counts as down
	}
	w.last = r
	switch r.code() {
	case replyDone:
		return w.admitted(ctx, time.Duration(r.n[2])*time.Microsecond)
	case replyRefused:
		return nil, w.refused()
	case replyClosed, replyUncounted:
		return nil, w.closed()
	case replyCancelled:
		return nil, w.broken(errors.New("the attempt was cancelled before it was admitted"))
	case replyAnother:
		return nil, w.broken(errors.New("the same attempt is under way, and holds something else: another limiter of the Store with the same budget may have admitted it"))
	case replyVersion:
		return nil, w.broken(s.versionError(r.state))
	}
	return nil, w.broken(fmt.Errorf("the clock of Redis differs from this process's by more than a window of the calendar, or changes: it says %v",
		time.UnixMicro(r.n[1]).UTC()))
}

// broken is the error of an attempt that Redis neither admits nor refuses.
func (w *wait) broken(err error) error {
	if len(w.ask.budgets) > 0 {
		return w.unavailable(err)
	}
	return fmt.Errorf("redis: %w", err)
}

// admitted returns the permit of an attempt that Redis has admitted, when it may be sent.
func (w *wait) admitted(ctx context.Context, after time.Duration) (*permit, error) {
	a, s := w.ask, w.limiter.store
	a.unsure = false
	p := &permit{store: s, ask: a, since: time.Now()}
	if a.uses {
		s.mu.Lock()
		s.live[p] = struct{}{}
		s.mu.Unlock()
	}
	if after > 0 {
		if w.waiter != nil { // the next may ask meanwhile
			s.lines.leave(w.waiter)
			w.waiter = nil
		}
		t := time.NewTimer(after)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			p.Release(limit.Count{})
			return nil, w.gaveUp(context.Cause(ctx))
		}
	}
	s.counts.reserves.Add(1)
	if n := w.last.n; len(n) > 4 {
		w.limiter.notices.look(a.budgets, n[4:], s.now())
	}
	return p, nil
}

// refused returns why the attempt need not wait after Redis has not admitted it; nil if it may.
func (w *wait) refused() error {
	n := w.last.n
	why, full, after := n[2], n[9], time.Duration(n[8])*time.Microsecond
	now := time.Now()
	if w.waiter != nil {
		w.limiter.store.lines.forMoney(w.waiter, why == 5, w.last)
	}
	switch {
	case why == 4 || why == 6, why == 5 && w.request.MaxWait <= 0:
		return w.budgetError(nil)
	case why == 5 && w.waiter != nil:
		if since, _ := w.limiter.store.lines.moneySince(w.waiter); now.Sub(since) >= w.request.MaxWait {
			return w.budgetError(nil)
		}
	}
	if d := w.request.Deadline; !d.IsZero() && n[7] > 0 && !now.Add(after).Before(d) {
		return w.ask.limits[n[7]-1].error(&limit.Error{Wait: after, Left: rest(d)})
	}
	if full == 0 {
		w.stalled = time.Time{}
	} else if w.stalled.IsZero() {
		w.stalled = now
	}
	return nil
}

// budgetError is the refusal of the budget that Redis names.
func (w *wait) budgetError(err error) error {
	n := w.last.n
	b := &w.ask.budgets[n[3]-1]
	e := &budget.Error{
		Budget: b.budget.Name, Key: policy.KeyText(b.budget.Per, b.value), Window: budget.WindowText(&b.budget), Cap: picos(b.cap),
		Spent: picos(n[4]), Held: picos(n[5]), Most: w.request.Cost.Pico, OnlyCheapest: n[2] == 6, Err: err,
	}
	if n[6] > 0 {
		e.Frees = time.UnixMicro(n[6])
	}
	return e
}

// gaveUp is the error of an attempt whose wait ended for a reason of its own.
func (w *wait) gaveUp(err error) error {
	if w.waiter != nil && len(w.last.n) == 0 {
		_, w.last = w.limiter.store.lines.moneySince(w.waiter)
	}
	n := w.last.n
	switch {
	case len(n) > 9 && n[0] == replyRefused && n[2] == 5:
		return w.budgetError(err)
	case len(n) > 9 && n[0] == replyRefused && max(n[7], n[9]) > 0:
		return w.ask.limits[cmp.Or(n[7], n[9])-1].error(&limit.Error{Err: err})
	case len(n) > 0 && (n[0] == replyClosed || n[0] == replyUncounted):
		return w.unavailable(errors.Join(err, w.whyClosed()))
	case len(w.ask.limits) > 0:
		return w.ask.limits[0].error(&limit.Error{Err: err})
	}
	return w.unavailable(err)
}

// key is that of the line in which the attempt waits.
func (w *wait) key() string {
	var b strings.Builder
	for i := range w.ask.limits {
		b.WriteString(w.ask.limits[i].key)
		b.WriteByte('\n')
	}
	for i := range w.ask.budgets {
		b.WriteString(w.ask.budgets[i].key)
		b.WriteByte('\n')
	}
	return b.String()
}

// enter has the attempt stand in line, and returns when it is at its head.
func (w *wait) enter(ctx context.Context) error {
	q := &w.limiter.store.lines
	key := w.key()
	if err := w.tooLate(key); err != nil {
		return err
	}
	w.waiter = q.enter(key, w.request.Class, &w.ask.amounts, w.began)
	if len(w.last.n) > 9 && w.last.n[0] == replyRefused && w.last.n[2] == 5 {
		q.firstForMoney(w.waiter, w.last)
	}
	return w.turn(ctx)
}

// tooLate returns an error if those who wait before the attempt would take so much of a rate that it would exceed its deadline.
func (w *wait) tooLate(key string) error {
	d := w.request.Deadline
	if d.IsZero() {
		return nil
	}
	before, some := w.limiter.store.lines.before(key)
	if !some {
		return nil
	}
	for i := range w.ask.limits {
		for _, r := range w.ask.limits[i].rates {
			// The bucket may be full, and is not while others wait for it: this is the least that it can take.
			after := time.Duration(float64(before[r.place]-r.burst) / float64(r.rate) * float64(time.Minute))
			if left := rest(d); after > 0 && after >= left {
				return w.ask.limits[i].error(&limit.Error{Wait: after, Left: left})
			}
		}
	}
	return nil
}

// turn returns when the attempt is the head of its line. If the head waits for money, so do those behind it, and not for longer
// than each of them may.
func (w *wait) turn(ctx context.Context) error {
	late, stop := w.late()
	defer stop()
	var money <-chan time.Time
	var t *time.Timer
	if len(w.ask.budgets) > 0 {
		t = time.NewTimer(max(w.request.MaxWait, pollFirst))
		defer t.Stop()
		money = t.C
	}
	for {
		select {
		case <-w.waiter.turn:
			w.headed = time.Now()
			return nil
		case <-ctx.Done():
			return w.gaveUp(context.Cause(ctx))
		case <-late:
			return w.gaveUp(context.DeadlineExceeded)
		case <-money:
		}
		since, last := w.limiter.store.lines.moneySince(w.waiter)
		left := w.request.MaxWait - time.Since(since)
		switch {
		case since.IsZero():
			left = w.request.MaxWait
		case left <= 0:
			w.last = last
			return w.budgetError(nil)
		}
		t.Reset(max(left, pollFirst))
	}
}

// late returns a channel that gets a value at the request's deadline.
func (w *wait) late() (late <-chan time.Time, stop func()) {
	if w.request.Deadline.IsZero() {
		return nil, func() {}
	}
	t := time.NewTimer(rest(w.request.Deadline))
	return t.C, func() { t.Stop() }
}

// sleep returns when Redis should be asked again by the head of the line.
func (w *wait) sleep(ctx context.Context) error {
	late, stop := w.late()
	defer stop()
	t := time.NewTimer(w.pause())
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.waiter.poke:
	case <-ctx.Done():
		return w.gaveUp(context.Cause(ctx))
	case <-late:
		return w.gaveUp(context.DeadlineExceeded)
	}
	w.report()
	if w.limiter.store.lines.yields(w.waiter) {
		return w.turn(ctx)
	}
	return nil
}

// pause returns how long to wait until Redis is asked again.
func (w *wait) pause() time.Duration {
	n := w.last.n
	switch {
	case len(n) == 0: // it did not answer
		return 5*time.Millisecond + rand.N(5*time.Millisecond)
	case n[0] != replyRefused: // the rows of budgets are being counted; the Store wakes it when they are
		return pollLast/2 + rand.N(pollLast/2)
	}
	if after := time.Duration(n[8]) * time.Microsecond; after > aheadOfTime {
		d := after - aheadOfTime
		if left := patience - time.Since(w.headed); left > 0 && left < d {
			d = left // it may take the rate further ahead then
		}
		return d + rand.N(5*time.Millisecond)
	}
	// Others hold what it needs. Its own process wakes it when it gives something back.
	d := min(pollFirst<<min(w.asked, 6), pollLast)
	return d/2 + rand.N(d)
}

// noBound returns an error if it is not known what the attempt can cost, or if that is more than a budget ever allows.
func (a *ask) noBound(r *limit.Request) *budget.Error {
	for i := range a.budgets {
		b := &a.budgets[i]
		e := &budget.Error{Budget: b.budget.Name, Key: policy.KeyText(b.budget.Per, b.value), Window: budget.WindowText(&b.budget), Cap: b.budget.Cap, Most: r.Cost.Pico}
		switch {
		case !r.Cost.Known || r.Cost.Pico < 0:
			if e.NoBound = r.NoBound; e.NoBound == "" {
				e.NoBound = "the caller does not say it"
			}
			return e
		case a.most > b.cap:
			e.Cap = picos(b.cap)
			return e
		}
	}
	return nil
}

// change returns what an attempt that counts for so much changes in each limit, above what was taken.
func (a *ask) change(requests int, t limit.Tokens) []amounts {
	if len(a.limits) == 0 {
		return nil
	}
	n := amountsOf(requests, t)
	for i := range n {
		n[i] -= a.amounts[i]
	}
	n[0], n[1] = n[placeRequests], n[placeTokens] // of the day
	change := make([]amounts, len(a.limits))
	for i := range change {
		change[i] = n
	}
	return change
}

// Release implements [limit.Permit]. It does not wait for Redis.
func (p *permit) Release(c limit.Count) {
	if p.released.Swap(true) {
		return
	}
	s, a := p.store, p.ask
	s.mu.Lock()
	delete(s.live, p)
	known := p.local == nil || p.adopted || a.unsure
	s.mu.Unlock()
	o := &op{ask: a, mode: modeEnd, permits: true}
	o.cost, o.exposed = amountsOfRow(c.Row, a.most)
	if c.Storage != nil && len(a.budgets) > 0 { // before the hold ends: at no time is too little counted
		storage := s.spendOp(c.Storage, a.budgets, max(0, a.most-o.cost), a.tag)
		if storage.cost > 0 {
			storage.at = max(storage.at, p.since.UnixMicro())
		}
		s.put(storage)
	}
	if p.local == nil {
		o.change = a.change(c.Requests, c.Tokens)
	} else {
		p.local.release(c)
	}
	if p.learned != nil {
		p.learned.Release(c)
	}
	if p.local == nil && !a.uses && !slices.ContainsFunc(o.change, func(n amounts) bool { return n != amounts{} }) {
		return // it holds nothing, and was estimated exactly
	}
	if known || len(a.budgets) > 0 {
		s.put(o)
	}
}

// Spend implements [limit.Spender]. A row of an attempt that Redis knows replaces what was counted for it; Redis knows an attempt
// for ten minutes after its end, and one that may still cost more until its window ends. The rows of earlier runs must not be
// given to Spend, but to [Store.Rebuild]: other processes may have counted them.
func (l *Limiter) Spend(row *ledger.Row) {
	if o := l.spendOp(row); o != nil {
		l.store.put(o)
	}
}

// holders returns how a limit stands, as far as this process knows: Busy and Holders are its own.
func (s *Store) holders(l *limitAsk) limit.State {
	state := limit.State{Limit: l.limit, Key: policy.KeyText(l.per, l.value)}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for p := range s.live {
		if slices.ContainsFunc(p.ask.limits, func(other limitAsk) bool { return other.key == l.key }) {
			state.Busy++
			state.Holders = append(state.Holders, limit.Holder{Call: p.ask.call, Provider: p.ask.provider, Operation: p.ask.operation, Model: p.ask.model, For: now.Sub(p.since)})
		}
	}
	slices.SortFunc(state.Holders, func(a, b limit.Holder) int { return cmp.Compare(b.For, a.For) })
	state.Holders = state.Holders[:min(len(state.Holders), 5)]
	return state
}

// Needs says which parts of a request the Limiter reads.
func (l *Limiter) Needs() limit.Needs { return l.needs }

// report tells who holds the permits, if the attempt has waited for one for long.
func (w *wait) report() {
	const long, again = 5 * time.Second, time.Minute
	if w.request.Stalled == nil || w.stalled.IsZero() || time.Since(w.stalled) < long {
		return
	}
	n := w.last.n
	if len(n) < 10 || n[9] == 0 {
		return
	}
	plan := w.ask.limits[n[9]-1].limitPlan
	said := plan.said.Load()
	now := time.Now().UnixNano()
	if said != 0 && now-said < int64(again) || !plan.said.CompareAndSwap(said, now) {
		return
	}
	w.request.Stalled(w.limiter.store.holders(&w.ask.limits[n[9]-1]))
}

// An UnavailableError says that it is not known what a budget has left, because Redis cannot be reached or does not know what was
// spent. Attempts that the budget matches are refused with a [*budget.Error] that wraps it.
type UnavailableError struct {
	Budget string // its name
	Err    error  // why
}

// Error says why it is not known.
func (e *UnavailableError) Error() string { return e.Err.Error() }

// Unwrap returns why it is not known.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *UnavailableError) Hint() string {
	var version *VersionError
	switch {
	case errors.As(e.Err, &version):
		return "update all programs of the group, or use another Config.Group"
	case errors.Is(e.Err, errClosed), errors.Is(e.Err, errUncounted):
		return "try again when the rows of the ledger have been counted"
	}
	return "see whether Redis can be reached, and try again; Config.BudgetShare sets money aside for outages"
}
