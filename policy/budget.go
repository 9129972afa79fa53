package policy

import (
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A Budget bounds what the calls that it matches cost within a window of time. What is spent, and what calls under way may
// cost at most, never exceed the cap together.
type Budget struct {
	// Name is how errors, logs and a shared store name the budget. Each budget needs a name of its own.
	Name string

	Match Match

	// Per gives each value of these dimensions a budget of its own: see [Limit.Per].
	Per []string

	// Window is a sliding window: the budget counts what was spent within it until now. Either Window or Every is set.
	Window time.Duration

	// Every is a window of the calendar: the budget starts anew with each minute, hour, day, week (on Monday) or month.
	Every Period

	// Zone is where the windows of the calendar begin, as in "Europe/Berlin". Default: UTC.
	Zone string

	// Cap is what may be spent within the window.
	Cap price.Pico

	// WarnPercent is the share of the cap from which the log warns, once in a window. Zero: 80. 100: never.
	WarnPercent int

	// CheapestPercent is the share of the cap from which calls ask only for the cheapest tier of their plan. Zero: never.
	CheapestPercent int
}

// A Period is a window of the calendar.
type Period string

const (
	EveryMinute Period = "minute"
	EveryHour   Period = "hour"
	EveryDay    Period = "day"
	EveryWeek   Period = "week"
	EveryMonth  Period = "month"
)
