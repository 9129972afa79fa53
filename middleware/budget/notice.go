package budget

import (
	"cmp"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Kind is what a [Notice] is about.
type Kind uint8

const (
	// Unknown: it is not known what a row adds to what was spent.
	Unknown Kind = iota + 1
	// Warned: more than [policy.Budget.WarnPercent] of the cap is spent.
	Warned
	// Exceeded: more than the cap is spent. Why says the reason.
	Exceeded
	// Forgotten: there are too many exposures. That of an old attempt goes on to count beside a row that replaces it.
	Forgotten
	// Omitted: there were more notices than are kept.
	Omitted
)

// maxNotices is how many notices are kept until they are taken.
const maxNotices = 100

// A Notice is something that the log should say.
type Notice struct {
	Kind  Kind
	State State // of the budget
	// Call and Attempt are those of the row.
	Call    string
	Attempt int
	Count   int // of an Omitted one: how many
	// Why says why an Exceeded one came about: "it cost more than was held for it".
	Why string
}

// An entry is a row as it is added to accounts.
type entry struct {
	row     *ledger.Row
	amounts amounts
	holds   bool // its attempt was admitted by the accounts, for at most so much
	most    price.Pico
}

// why says why more than the cap is spent, of which so much was added now.
func (e *entry) why(b *book, spent price.Pico, added amounts) string {
	size := func(n amounts) price.Pico { return plus(max(0, n.cost), max(0, n.exposure)) }
	switch before := spent - min(spent, size(added)); {
	case e.holds && size(e.amounts) > e.most:
		return "it cost more than was held for it"
	case b.lowered && (e.holds || before > b.budget.Cap):
		return "the cap was lowered while as much was spent or held"
	case !e.holds:
		return "nothing was held for it"
	}
	return "what was spent beside it had nothing held"
}

// String returns the notice for people to read.
func (n Notice) String() string {
	s := &n.State
	name := s.Name()
	spent := fmt.Sprintf("$%s spent of $%s %s", s.Spent, s.Budget.Cap, WindowText(&s.Budget))
	switch n.Kind {
	case Warned:
		return fmt.Sprintf("budget %s: %s, which is %d%% of the cap or more", name, spent, s.Budget.Warns())
	case Exceeded:
		return fmt.Sprintf("budget %s: %s: attempt %d of call %s is beyond the cap: %s; nothing more is admitted until enough has left the window", name, spent, n.Attempt, n.Call, cmp.Or(n.Why, "it is not known why"))
	case Unknown:
		return fmt.Sprintf("budget %s: %s, and it is not known what attempt %d of call %s added to it: its cost has no bound, and nothing was held for it", name, spent, n.Attempt, n.Call)
	case Forgotten:
		return fmt.Sprintf("budget: more than %d attempts have an exposure: those of older ones count until they leave the window, also beside a later row that replaces them", maxKnown)
	}
	return fmt.Sprintf("budget: %d more notices", n.Count)
}

// notices are those that were not taken yet.
type notices struct {
	all       []Notice
	omitted   int
	didForget bool
}

func (n *notices) take() []Notice {
	all := n.all
	if n.omitted > 0 {
		all = append(all, Notice{Kind: Omitted, Count: n.omitted})
	}
	n.all, n.omitted = nil, 0
	return all
}

func (n *notices) add(notice Notice) {
	if len(n.all) >= maxNotices {
		n.omitted++
		return
	}
	n.all = append(n.all, notice)
}

// forgot notes that an exposure was forgotten. It is noted once.
func (n *notices) forgot(row *ledger.Row) {
	if !n.didForget {
		n.didForget = true
		n.add(Notice{Kind: Forgotten, Call: row.Call, Attempt: row.Attempt})
	}
}

// look notes what is new about an account to which a row was added.
func (n *notices) look(b *book, in *account, now int64, e *entry, added amounts) {
	if now >= in.quiet {
		in.said = 0
	}
	s := in.at(now)
	note := func(k Kind, why string) {
		if in.said&(1<<k) != 0 {
			return
		}
		if in.said == 0 {
			in.quiet = b.leaves(now, now)
		}
		in.said |= 1 << k
		n.add(Notice{Kind: k, State: b.state(in.key, s, time.Unix(0, now)), Call: e.row.Call, Attempt: e.row.Attempt, Why: why})
	}
	if added.unknown > 0 {
		note(Unknown, "")
	}
	switch warn := b.budget.Warns(); {
	case s.spent > b.budget.Cap:
		note(Exceeded, e.why(b, s.spent, added))
	case warn < 100 && s.spent >= b.budget.Share(warn):
		note(Warned, "")
	}
}
