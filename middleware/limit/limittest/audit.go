package limittest

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// An Audit is a model of limits and budgets, against which it holds what a limiter admits:
//
//   - never more than a rate's burst and what it has added since, less what attempts took, and with what they gave back;
//   - never more in a day than its limit, and never more at once than the concurrency;
//   - never more spent and held than a budget's cap. No window of a budget may end while the Audit is used.
//
// Its methods are called concurrently.
type Audit struct {
	// Slack is how much later than it happened the Audit may learn of something. Zero: at the same time, as in a bubble of
	// testing/synctest.
	Slack time.Duration

	limits  []policy.Limit
	budgets []policy.Budget

	mu       sync.Mutex
	buckets  map[string]*bucket // by the limit's number and key
	accounts map[string]*account
	errs     []error
	admitted int
}

// A bucket is the model of one limit, for one key.
type bucket struct {
	limit  *policy.Limit
	levels [4]level
	busy   int
	day    [2]int64 // requests and tokens that were taken, less what was given back
}

// A level is the model of a token bucket.
type level struct {
	perMinute, burst int64
	left             float64
	charged          int64 // at the moment of the last change
	at               time.Time
}

type account struct {
	budget      *policy.Budget
	spent, held price.Pico
}

// NewAudit returns an Audit of limits and budgets of which nothing is used.
func NewAudit(limits []policy.Limit, budgets []policy.Budget) *Audit {
	return &Audit{limits: limits, budgets: budgets, buckets: make(map[string]*bucket), accounts: make(map[string]*account)}
}

// Admitted notes that a request was admitted.
func (a *Audit) Admitted(r *limit.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.admitted++
	for _, b := range a.matching(r) {
		b.busy++
		if c := b.limit.Concurrency; c > 0 && b.busy > c {
			a.fail("%d at once, of %s", b.busy, limit.Describe(*b.limit))
		}
		for i, n := range takes(r.Tokens) {
			b.levels[i].take(now, n, a.Slack, func(short float64) {
				a.fail("%s: %.3f too many of %s", limit.Describe(*b.limit), short, unitNames[i])
			})
		}
		b.day[0]++
		b.day[1] += r.Tokens.Input + r.Tokens.Output
		if most := int64(b.limit.RequestsPerDay); most > 0 && b.day[0] > most {
			a.fail("%d requests in a day, of %s", b.day[0], limit.Describe(*b.limit))
		}
		if most := b.limit.TokensPerDay; most > 0 && b.day[1] > most {
			a.fail("%d tokens in a day, of %s", b.day[1], limit.Describe(*b.limit))
		}
	}
	for _, in := range a.paying(r) {
		in.held += r.Cost.Pico
		if in.spent+in.held > in.budget.Cap {
			a.fail("budget %s: $%s spent and $%s held of $%s", in.budget.Name, in.spent, in.held, in.budget.Cap)
		}
	}
}

// Release gives a permit of a request back, and notes it.
func (a *Audit) Release(p limit.Permit, r *limit.Request, c limit.Count) {
	a.settle(r, c, false)
	p.Release(c)
	a.settle(r, c, true)
}

// settle notes what an attempt gives back, or, after it has been given back, what it counts for beyond what it took.
func (a *Audit) settle(r *limit.Request, c limit.Count, after bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	took, counts := takes(r.Tokens), takes(c.Tokens)
	counts[0] = int64(c.Requests)
	for _, b := range a.matching(r) {
		if !after {
			b.busy--
		}
		for i := range took {
			n := counts[i] - took[i]
			switch l := &b.levels[i]; {
			case n > 0 && after:
				l.add(now, 0)
				l.charged += n
			case n < 0 && !after:
				l.add(now, -float64(n))
			}
			if i < len(b.day) && n < 0 && !after {
				b.day[i] += n
			}
		}
	}
	var cost price.Pico
	if c.Row != nil {
		cost = c.Row.Cost.Pico + c.Row.Exposure.Pico
	}
	if c.Storage != nil {
		cost += c.Storage.Cost.Pico + c.Storage.Exposure.Pico
	}
	for _, in := range a.paying(r) {
		if !after {
			in.held -= r.Cost.Pico
		}
		if cost > r.Cost.Pico == after {
			in.spent += cost
		}
	}
}

// Count returns how many requests were admitted.
func (a *Audit) Count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.admitted
}

// Err returns where more was admitted than the limits and budgets allow; nil if nowhere.
func (a *Audit) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return errors.Join(a.errs...)
}

// fail notes a violation, of the first ten.
func (a *Audit) fail(format string, args ...any) {
	if len(a.errs) < 10 {
		a.errs = append(a.errs, fmt.Errorf(format, args...))
	}
}

// matching returns the model's buckets that a request takes from.
func (a *Audit) matching(r *limit.Request) (buckets []*bucket) {
	for i := range a.limits {
		l := &a.limits[i]
		if r.MoneyOnly || !l.Selects(&r.Subject, r.Tier, r.Tags) {
			continue
		}
		key := fmt.Sprint(i, " ", policy.KeyOf(l.Dimensions(), &r.Subject, r.Tier, r.Key, r.Tags))
		b := a.buckets[key]
		if b == nil {
			b = &bucket{limit: l}
			for u, perMinute := range [...]int64{int64(l.RequestsPerMinute), l.TokensPerMinute, l.InputTokensPerMinute, l.OutputTokensPerMinute} {
				burst := l.TokenBursts(perMinute)
				if u == 0 {
					burst = int64(l.Bursts())
				}
				b.levels[u] = level{perMinute: perMinute, burst: burst, left: float64(burst), at: time.Now()}
			}
			a.buckets[key] = b
		}
		buckets = append(buckets, b)
	}
	return buckets
}

// paying returns the model's accounts that a request takes from.
func (a *Audit) paying(r *limit.Request) (accounts []*account) {
	for i := range a.budgets {
		b := &a.budgets[i]
		if !b.Match.Matches(&r.Subject, r.Tags) {
			continue
		}
		key := fmt.Sprint(i, " ", policy.KeyOf(b.Per, &r.Subject, r.Tier, r.Key, r.Tags))
		if a.accounts[key] == nil {
			a.accounts[key] = &account{budget: b}
		}
		accounts = append(accounts, a.accounts[key])
	}
	return accounts
}

var unitNames = [4]string{"requests", "tokens", "input tokens", "output tokens"}

// takes returns what an attempt takes, by unit.
func takes(t limit.Tokens) [4]int64 { return [4]int64{1, t.Input + t.Output, t.Input, t.Output} }

// add adds n, after what the rate has added since the last change. Of what happens at one moment, the order is not known: what
// exceeds the burst is lost, and what attempts are charged for in addition counts, only when time has passed.
func (l *level) add(now time.Time, n float64) {
	if now.After(l.at) {
		l.left = min(float64(l.burst), l.left-float64(l.charged)+now.Sub(l.at).Minutes()*float64(l.perMinute))
		l.at, l.charged = now, 0
	}
	l.left += n
}

// take takes n. It calls fail if there was less than n, or less than the burst, with how much less.
func (l *level) take(now time.Time, n int64, slack time.Duration, fail func(short float64)) {
	if l.perMinute == 0 || n == 0 {
		return
	}
	l.add(now, 0)
	had := min(l.left, float64(l.burst)) + slack.Minutes()*float64(l.perMinute)
	if short := float64(min(n, l.burst)) - had; short > 1e-3*math.Max(1, float64(l.perMinute)/1e6) {
		fail(short)
	}
	l.left -= float64(n)
}
