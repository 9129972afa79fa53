package redis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// Places in the state of a limit.
const (
	placeRequests = 4
	placeTokens   = 5
	placeInput    = 6
	placeOutput   = 7
)

// unitsOfRates name them.
var unitsOfRates = [...]string{placeRequests: "requests per minute", placeTokens: "tokens per minute", placeInput: "input tokens per minute", placeOutput: "output tokens per minute"}

// sliceCount is how many parts a sliding window has. What was spent leaves it a part at a time, up to a part late.
const sliceCount = 60

// A limitPlan is a limit as the scripts see it.
type limitPlan struct {
	limit    policy.Limit
	text     string // for errors
	id       string
	per      []string
	rates    []ratePlan
	daily    bool
	zone     *time.Location // nil: the request says it
	calendar calendar
	buckets  buckets
	said     atomic.Int64 // when it was last said who holds the permits, in Unix nanoseconds
}

// A ratePlan is one of the rates of a limit.
type ratePlan struct{ place, rate, burst int64 }

// A budgetPlan is a budget as the scripts see it. Its amounts are nanodollars: a script counts in numbers that are exact to
// 2^53, which is 9 million dollars.
type budgetPlan struct {
	budget   policy.Budget
	id       string
	cap      int64 // that Redis may spend: what is set aside for when it is away is left out
	only     int64 // how much may be spent before it refuses all but the cheapest tier; -1: any
	slice    int64 // of a sliding window, in microseconds; 0: it is one of the calendar
	mark     any   // the key that says that the budget is open, as an argument of a command: see keyMark
	zone     *time.Location
	calendar calendar
	buckets  buckets
}

// A calendar remembers the windows around now.
type calendar struct{ last atomic.Pointer[windows] }

// Windows are when the window before a time's, its own and the next begin, and when that ends, in Unix seconds.
type windows struct {
	at   [4]int64
	zone *time.Location
}

// around returns the windows around a time.
func (c *calendar) around(p policy.Period, zone *time.Location, t time.Time) *windows {
	unix := t.Unix()
	if w := c.last.Load(); w != nil && w.zone == zone && unix >= w.at[1] && unix < w.at[2] {
		return w
	}
	from, until := p.WindowAt(t.In(zone))
	before, _ := p.WindowAt(from.Add(-1))
	_, after := p.WindowAt(until)
	w := &windows{[4]int64{before.Unix(), from.Unix(), until.Unix(), after.Unix()}, zone}
	c.last.Store(w)
	return w
}

func newLimitPlan(l policy.Limit) *limitPlan {
	p := &limitPlan{limit: l, text: limit.Describe(l), id: identity(&l), per: l.Dimensions(), zone: l.Location(),
		daily: l.RequestsPerDay > 0 || l.TokensPerDay > 0}
	for _, r := range []ratePlan{
		{placeRequests, int64(l.RequestsPerMinute), int64(l.Bursts())},
		{placeTokens, l.TokensPerMinute, l.TokenBursts(l.TokensPerMinute)},
		{placeInput, l.InputTokensPerMinute, l.TokenBursts(l.InputTokensPerMinute)},
		{placeOutput, l.OutputTokensPerMinute, l.TokenBursts(l.OutputTokensPerMinute)},
	} {
		if r.rate > 0 {
			p.rates = append(p.rates, r)
		}
	}
	return p
}

// plansOf returns the plans of the limits that have figures. Limits without a name that differ only in their figures are kept apart by their order.
func plansOf(limits []policy.Limit) []*limitPlan {
	var plans []*limitPlan
	seen := make(map[string]int)
	for _, l := range limits {
		p := newLimitPlan(l)
		if len(p.rates) == 0 && !p.daily && l.Concurrency == 0 {
			continue // it only learns
		}
		if seen[p.id]++; seen[p.id] > 1 {
			p.id += "." + strconv.Itoa(seen[p.id])
		}
		plans = append(plans, p)
	}
	return plans
}

// newBudgetPlan returns the plan of a budget of which a share, in percent, is set aside.
func newBudgetPlan(b policy.Budget, share int) *budgetPlan {
	p := &budgetPlan{budget: b, cap: nanosDown(b.Cap - b.Share(share)), only: -1, zone: b.Location()}
	p.id = hash("budget", b.Name, string(b.Every), b.Window.String(), b.Zone, strings.Join(b.Per, "\x00"))
	if b.CheapestPercent > 0 {
		p.only = nanosUp(b.Share(b.CheapestPercent))
	}
	if b.Every == "" {
		p.slice = max(1, int64(b.Window/time.Microsecond)/sliceCount)
	}
	return p
}

// nanosUp and nanosDown return an amount in nanodollars.
func nanosUp(p price.Pico) int64 {
	n := int64(p) / 1000
	if int64(p)%1000 > 0 {
		n++
	}
	return n
}

func nanosDown(p price.Pico) int64 { return -nanosUp(-p) }

// picos returns nanodollars as an amount.
func picos(nanos int64) price.Pico { return price.Pico(nanos) * 1000 }

// window packs the windows of a budget around a time.
func (p *budgetPlan) window(a *packer, now time.Time) {
	if p.slice > 0 {
		a.ints(1, p.slice, sliceCount, 0, 0)
		return
	}
	w := p.calendar.around(p.budget.Every, p.zone, now)
	a.ints(0, w.at[0], w.at[1], w.at[2], w.at[3])
}

// day packs the days of a limit around a time, if it counts by the day.
func (p *limitPlan) day(a *packer, zone *time.Location, now time.Time) bool {
	if !p.daily {
		a.ints(0)
		return false
	}
	w := p.calendar.around(policy.EveryDay, zone, now)
	a.ints(1, w.at[0], w.at[1], w.at[2], w.at[3])
	return true
}

// zoneOf returns where the day of a limit ends for a request.
func (p *limitPlan) zoneOf(r *limit.Request) *time.Location {
	switch {
	case p.zone != nil:
		return p.zone
	case r.Zone != nil:
		return r.Zone
	}
	return time.UTC
}

// checkPolicy returns an error for limits and budgets that would not be enforced.
func checkPolicy(limits []policy.Limit, budgets []policy.Budget) error {
	p := policy.Policy{Limits: slices.Clone(limits), Budgets: slices.Clone(budgets)}
	if err := p.Validate(); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}
