package limit

import (
	"iter"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// A Needer is a [Limiter] that does not need all of a [Request]. What it does not need is not set in its requests, and costs
// nothing. A limiter without the method gets all of them.
type Needer interface {
	Needs() Needs
}

// A Spender is a [Limiter] with budgets. It also counts money that no permit stands for.
//
// A limiter with budgets that is no Spender counts the rows of attempts only: no storage of context caches, no result of a
// background call, and no bill of Stack.Resolve. A Stack logs that.
type Spender interface {
	// Spend counts a row: of storage, of a bill, of a result that is fetched later, or of an earlier run of the program. A row
	// whose attempt is known replaces what was counted for it.
	Spend(*ledger.Row)
}

// A Loader is a [Limiter] whose budgets count what was spent before, such as in an earlier run of the program. A Stack calls its
// methods when it begins, and after each change of its policy.
//
// The budgets of a limiter that is no Loader begin with nothing spent. A Stack logs that, and says of each of its budgets that
// what was spent before is not known.
type Loader interface {
	// Since returns from when rows are needed, for the budgets of which it is not known what was spent before; false if there
	// are none, for example because a shared store has it.
	Since(now time.Time) (since time.Time, ok bool)

	// Load counts the rows in these budgets. If it fails, it counts none of them.
	Load(rows iter.Seq2[ledger.Row, error]) error
}

// A Stater is a [Limiter] that says how its limits stand, for Stack.Limits and Stack.Explain.
type Stater interface {
	States() []State
}

// An Accountant is a [Limiter] that says how its budgets stand, for Stack.Budgets and Stack.Explain.
type Accountant interface {
	// Budgets returns the states of the budgets that are known. A budget for which it returns some, but fewer than 100, has
	// nothing spent or held for its other keys. If it returns none for a budget, it is not known how that stands.
	Budgets() []budget.State
}

// A Noticer is a [Limiter] whose budgets have something to say. A Stack asks after each attempt, and logs it.
type Noticer interface {
	// Notices returns what the log should say since the last call.
	Notices() []budget.Notice
}

// A Refuser is a [Limiter] that says beforehand whether a budget would refuse an attempt at once, for Stack.Explain.
type Refuser interface {
	// Refuses returns the error with which Wait would refuse the request at once because of a budget; nil if it would not.
	// It takes nothing.
	Refuses(*Request) *budget.Error
}

// A BudgetStater is an [Accountant] that can say how the budgets of one attempt stand, for Stack.Explain. It returns those of which
// something is spent or held, or an error that says why that is not known.
type BudgetStater interface {
	BudgetStates(*Request) ([]budget.State, error)
}

// A Retirer is a [Limiter] that wants to know when a new policy has replaced it. Calls that began with it still use it.
type Retirer interface {
	Retire()
}
