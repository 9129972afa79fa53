package budget

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A State is how a budget stands.
type State struct {
	Budget policy.Budget
	Key    string // which of its values, if it has Per: "tenant acme"
	From   time.Time
	Until  time.Time // when its window of the calendar ends; zero for a sliding one
	Spent  price.Pico
	// Exposure is the part of Spent that may not have been charged.
	Exposure price.Pico
	Held     price.Pico
	// Unknown is how many rows within the window added an amount that is not known, and that is not in Spent.
	Unknown int
	// Unread says that what was spent before, within the window, is not in Spent: it was not read yet, or could not be.
	Unread bool
}

// Name returns the budget's name, with the key if there is one: "nightly (tenant acme)".
func (s State) Name() string {
	if s.Key == "" {
		return s.Budget.Name
	}
	return s.Budget.Name + " (" + s.Key + ")"
}

// String returns the state for people to read: "nightly (tenant acme): $4.2 spent and $0.35 held of $25 in 24h".
func (s State) String() string {
	text := fmt.Sprintf("%s: $%s spent and $%s held of $%s %s", s.Name(), s.Spent, s.Held, s.Budget.Cap, WindowText(&s.Budget))
	if s.Unknown > 0 {
		text += fmt.Sprintf(", and %d rows whose cost is not known", s.Unknown)
	}
	if s.Unread {
		text += ", and what was spent before is not known"
	}
	return text
}

// state returns the state of an account.
func (b *book) state(key string, s sum, now time.Time) State {
	from, until := b.budget.WindowAt(now)
	return State{
		Budget: b.budget, Key: policy.KeyText(b.budget.Per, key), From: from.UTC(), Until: until.UTC(),
		Spent: s.spent, Exposure: s.exposure, Held: s.held, Unknown: s.unknown, Unread: b.awaits,
	}
}
