package redis

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// errBack ends a wait for this process's share: Redis is back.
var errBack = errors.New("the server is back")

// maxDebts is for how many buckets it is known what was taken from them while Redis was away.
const maxDebts = 100_000

// A share is this process's part of the limits and budgets of a Limiter. It admits attempts while Redis cannot be reached.
type share struct {
	store *Store
	local *limit.Local
}

// debts are of what shares have admitted, by the key of Redis.
type debts struct {
	mu  sync.Mutex
	all map[string]*debt
}

// A debt is what Redis has to count in a bucket: what would be missing in it if it were full when Redis went away.
type debt struct {
	limit limitAsk
	at    time.Time
	short [8]float64 // by place, in tokens
	day   int64
	daily [2]int64 // requests and tokens

	// Other processes may have found Redis back before this one did, and have taken what flows into the bucket since. So what was
	// taken after Redis was last found to be away is owed in full.
	away  [8]float64 // what short was then
	since [8]float64 // what was taken since
}

// A localPermit is a permit of the share.
type localPermit struct {
	share  *share
	permit limit.Permit
	ask    *ask
}

func newShare(s *Store, limits []policy.Limit, budgets []policy.Budget) *share {
	n := s.config.Replicas
	var parts []policy.Limit
	for _, p := range plansOf(limits) {
		parts = append(parts, partOf(p.limit, n))
	}
	var aside []policy.Budget
	for _, b := range budgets {
		if b.Cap = b.Share(s.config.BudgetShare) / price.Pico(n); b.Cap > 0 {
			aside = append(aside, b)
		}
	}
	return &share{store: s, local: limit.NewLocal(parts, aside)}
}

// partOf returns a limit for one of n processes. Each may do at least one of everything: else it would do nothing at all.
func partOf(l policy.Limit, n int) policy.Limit {
	burst, m := l.Bursts(), int64(n)
	l.TokenBurst = part(l.TokenBursts(max(l.TokensPerMinute, l.InputTokensPerMinute, l.OutputTokensPerMinute)), m)
	l.RequestsPerMinute, l.Burst = int(part(int64(l.RequestsPerMinute), m)), int(part(int64(burst), m))
	l.TokensPerMinute, l.InputTokensPerMinute, l.OutputTokensPerMinute = part(l.TokensPerMinute, m), part(l.InputTokensPerMinute, m), part(l.OutputTokensPerMinute, m)
	l.RequestsPerDay, l.TokensPerDay = int(part(int64(l.RequestsPerDay), m)), part(l.TokensPerDay, m)
	l.Concurrency = int(part(int64(l.Concurrency), m))
	if l.Name != "" {
		l.Name += ", "
	}
	l.Name += "the share of this process while Redis is away"
	l.Learn = false
	return l
}

// part returns the nth part of a figure, and at least 1 if it is not zero.
func part(figure, n int64) int64 {
	if figure == 0 {
		return 0
	}
	return max(1, figure/n)
}

// wait returns when the share admits the attempt. It fails with errBack if Redis is back.
func (h *share) wait(ctx context.Context, a *ask, r *limit.Request, back <-chan struct{}) (*permit, error) {
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-back:
			cancel(errBack)
		case <-waiting.Done():
		}
	}()
	p, err := h.local.Wait(waiting, r)
	switch {
	case err != nil && ctx.Err() == nil && context.Cause(waiting) == errBack:
		return nil, errBack
	case err != nil:
		return nil, err
	case p == nil:
		return nil, errors.New("redis: this process has no share of the limits")
	}
	return h.admitted(a, p), nil
}

// admitted notes what the share has admitted, for Redis.
func (h *share) admitted(a *ask, lp limit.Permit) *permit {
	s := h.store
	s.counts.local.Add(1)
	p := &permit{store: s, ask: a, local: &localPermit{h, lp, a}, since: time.Now()}
	s.owe(a, &a.amounts, [2]int64{1, a.amounts[placeTokens]})
	s.mu.Lock()
	s.live[p] = struct{}{}
	isBack := !s.health.isDown()
	if isBack { // in the meantime
		p.adopt()
	}
	s.mu.Unlock()
	if isBack {
		s.chargeLater()
	}
	return p
}

// release gives the permit back to the share.
func (p *localPermit) release(c limit.Count) {
	p.permit.Release(c)
	n := amountsOf(c.Requests, c.Tokens)
	for i := range n {
		n[i] -= p.ask.amounts[i]
	}
	s := p.share.store
	s.owe(p.ask, &n, [2]int64{n[placeRequests], n[placeTokens]})
	if !s.health.isDown() {
		s.chargeLater()
	}
}

// owe adds to what Redis has to count.
func (s *Store) owe(a *ask, n *amounts, daily [2]int64) {
	s.debts.mu.Lock()
	defer s.debts.mu.Unlock()
	now := time.Now()
	for i := range a.limits {
		l := a.limits[i]
		d := s.debts.all[l.key]
		if d == nil {
			if len(s.debts.all) >= maxDebts {
				s.counts.dropped.Add(1)
				continue
			}
			d = &debt{limit: l, at: now}
			s.debts.all[l.key] = d
		}
		d.add(n, daily, now, s.now())
	}
}

// add takes n from the bucket, after what has flowed into it since the last time.
func (d *debt) add(n *amounts, daily [2]int64, now, there time.Time) {
	d.drain(now)
	for _, r := range d.limit.rates {
		d.short[r.place] = max(0, d.short[r.place]+float64(n[r.place]))
		d.since[r.place] += float64(n[r.place])
	}
	if !d.limit.daily {
		return
	}
	if day := d.limit.calendar.around(policy.EveryDay, d.limit.zone, there).at[1]; day != d.day {
		d.day, d.daily = day, [2]int64{}
	}
	d.daily[0], d.daily[1] = d.daily[0]+daily[0], d.daily[1]+daily[1]
}

func (d *debt) drain(now time.Time) {
	minutes := now.Sub(d.at).Minutes()
	d.at = now
	for _, r := range d.limit.rates {
		d.short[r.place] = max(0, d.short[r.place]-minutes*float64(r.rate))
	}
}

// isAway notes that Redis is still away.
func (s *Store) isAway() {
	s.debts.mu.Lock()
	defer s.debts.mu.Unlock()
	now := time.Now()
	for _, d := range s.debts.all {
		d.drain(now)
		d.away, d.since = d.short, [8]float64{}
	}
}

// charges returns what Redis has to count, and forgets it.
func (s *Store) charges() (ops []*op) {
	s.debts.mu.Lock()
	defer s.debts.mu.Unlock()
	for _, d := range s.debts.all {
		a := &ask{store: s, limits: []limitAsk{d.limit}, record: s.prefix + keyRecord + "charge"}
		a.setKeys()
		var n amounts
		for _, r := range d.limit.rates {
			n[r.place] = int64(max(0, d.away[r.place]+d.since[r.place]) + 0.5)
		}
		n[0], n[1] = d.daily[0], d.daily[1]
		if n != (amounts{}) {
			ops = append(ops, &op{ask: a, mode: modeCharge, change: []amounts{n}})
		}
	}
	clear(s.debts.all)
	return ops
}

// repay tells Redis what was admitted while it was away, and reports whether it could.
func (s *Store) repay(ctx context.Context) bool {
	ops := s.charges()
	for len(ops) > 0 {
		n := min(len(ops), maxBatch)
		again, _, ok := s.exec(ctx, ops[:n])
		ops = ops[n:]
		if !ok {
			for _, o := range append(again, ops...) { // for the next time
				s.owe(o.ask, &o.change[0], [2]int64{o.change[0][0], o.change[0][1]})
			}
			return false
		}
		ops = append(again, ops...)
	}
	return true
}

// chargeLater tells Redis what shares have admitted since it is back.
func (s *Store) chargeLater() {
	for _, o := range s.charges() {
		s.put(o)
	}
}
