package limit

import (
	"slices"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/policy"
)

// Local is the [Limiter] of one process: of rates, days, permits and money. It must be made by [NewLocal]. Its methods are safe
// for concurrent use.
//
// Waiters of one class that need the same buckets and budgets stand in one line. Only the head of a line takes anything, and
// only when all its places admit it, so a waiter that leaves has taken nothing (x/time/rate does not give back all of a
// cancelled reservation). A line that waits for limit A does not hold up a line that needs only B. But then later waiters for
// B could overtake the head of a line for A and B for ever, and interactive waiters those of batch. So a head that was
// overtaken 32 times is protected: it is no longer behind interactive waiters that came later, and a place in B is kept for it.
//
// The work for each waiter depends neither on how many wait nor on how many keys there are: a line is parked at the place that
// holds its head back, and looked at again when something changes there.
//
// # Learning
//
// Limits with [policy.Limit.Learn] learn from the answers that their permits get: see [LearningPermit].
//
//   - A stated limit by the minute replaces the policy's where it is lower, or where the policy has none. It holds until an
//     answer states another, and for an hour at most. So nothing is ever admitted faster than the policy says.
//   - If less remains at the provider than we have left, others use its limit too. What we have left is then lowered to what
//     remains, less 1/50 of the limit. Both figures include our own attempts that are under way, as far as the provider had
//     seen them. Because it is not known when it looked, the lower one of two figures counts as what we have left: the one
//     when the answer's attempt was admitted, and the one now. What was lowered in between for another answer is not lowered
//     again. An answer that comes more than a window after its attempt was admitted is not used for this.
//   - After a rejection that says how long to wait, nothing is admitted for that long. A later answer of an attempt that was
//     already under way does not shorten it.
//   - If nothing remains for the day, nothing is admitted until there is some again.
//   - A rejection where no limit is stated lowers the rate of requests to 7/10 of the one that was achieved in the last
//     minute, once for all attempts that were admitted until then, and not below 1/20 of the best until then. Every ten
//     seconds with a success raise it by 1/20 of that best, until it is twice as much and is no limit any more.
//
// The time that an answer takes has no effect.
type Local struct {
	mu       sync.Mutex
	start    time.Time
	groups   []*group
	accounts *budget.Accounts
	policies []policy.Budget // of the accounts
	holders  list            // those that hold a permit of a limit on concurrency
	clockSet time.Duration   // by how much the clock was set forwards since the start
	arrived  uint64          // waiters so far; their order
	admitted uint64          // of them
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

// NewLocal returns a Local with the given limits and budgets, which must be valid: see [policy.Policy.Validate]. Nothing of
// them is used up: see [Local.Load].
func NewLocal(limits []policy.Limit, budgets []policy.Budget) *Local {
	q := &Local{start: time.Now(), accounts: budget.New(budgets), policies: slices.Clone(budgets), lines: make(map[uint64]*line), money: make(map[budget.Ref]*queue)}
	for _, l := range limits {
		q.groups = append(q.groups, newGroup(l))
	}
	return q
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
