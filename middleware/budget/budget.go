// Package budget keeps account of budgets of money: what was spent within each budget's window, and what calls under way may
// cost at most.
package budget

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// An Error says that a budget refused an attempt.
type Error struct {
	Budget string // its name
	Key    string // which of its values, if it has Per: "tenant acme"
	Cap    price.Pico
	Spent  price.Pico
	Held   price.Pico // by other attempts under way
	Most   price.Pico // that the attempt can cost
	Frees  time.Time  // when enough of the window has passed for the attempt; zero if never, or if that is not known

	// OnlyCheapest says that the budget would admit the attempt on the cheapest tier of its plan.
	OnlyCheapest bool

	// NoBound says why it is not known what the attempt can cost; "" if it is.
	NoBound string

	Err error // why the wait for what others hold ended; nil if there was none
}

// Error returns the refusal for people to read.
func (e *Error) Error() string { return "budget: " + e.Budget }

// Unwrap returns why the wait ended.
func (e *Error) Unwrap() error { return e.Err }

// A State is how a budget stands.
type State struct {
	Budget policy.Budget
	Key    string // which of its values, if it has Per
	From   time.Time
	Until  time.Time // when its window of the calendar ends; zero for a sliding one
	Spent  price.Pico
	// Exposure is the part of Spent that may not have been charged.
	Exposure price.Pico
	Held     price.Pico
}
