package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A Budget bounds what the calls that it matches cost within a window of time. A call is sent only if the most that it may cost
// fits into the cap beside what is spent and what other calls under way may cost. So the cap is exceeded only if an answer costs
// more than its bound, because prices or the provider's rules have changed, or by work without a bound that is let through: see
// [AllowDeferredCost].
type Budget struct {
	// Name is how errors, logs and a shared store name the budget. Each budget needs a name of its own.
	Name string

	Match Match

	// Per gives each value of these dimensions a budget of its own: those of [Limit.Per] but "key", which rows do not have.
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

const (
	minWindow = time.Minute
	maxWindow = 366 * 24 * time.Hour

	// maxCap leaves room in a price.Pico for what is spent, what is held and one call more.
	maxCap = 4_000_000 * price.USD
)

// periods are the windows of the calendar, each of which lies within one of the next except for a week in a month.
var periods = []Period{EveryMinute, EveryHour, EveryDay, EveryWeek, EveryMonth}

func (b *Budget) validate(prefix string) error {
	if err := b.Match.validate(prefix + "Match."); err != nil {
		return err
	}
	if err := checkName(prefix+"Name", b.Name); err != nil {
		return err
	}
	if slices.Contains(b.Per, keyDimension) {
		return &FieldError{prefix + "Per", quote(keyDimension), "rows do not say which key an attempt had, so that what was spent cannot be read from a ledger; use a tag"}
	}
	if err := checkPer(prefix+"Per", b.Per, rowDimensions); err != nil {
		return err
	}
	if err := b.checkWindow(prefix); err != nil {
		return err
	}
	switch {
	case b.Cap < 0:
		return &FieldError{prefix + "Cap", b.Cap, "it must not be negative"}
	case b.Cap == 0:
		return &FieldError{prefix + "Cap", b.Cap, "a budget needs a Cap above 0; for no spending at all, do not send the calls"}
	case b.Cap > maxCap:
		return &FieldError{prefix + "Cap", b.Cap, fmt.Sprintf("it is more than %v US dollars, the most that a budget can have", maxCap)}
	}
	if err := checkCount(prefix+"WarnPercent", int64(b.WarnPercent), 100); err != nil {
		return err
	}
	return checkCount(prefix+"CheapestPercent", int64(b.CheapestPercent), 100)
}

func (b *Budget) checkWindow(prefix string) error {
	switch {
	case b.Window == 0 && b.Every == "":
		return &FieldError{prefix + "Window", b.Window, "a budget needs either Window or Every"}
	case b.Window != 0 && b.Every != "":
		return &FieldError{prefix + "Every", quote(string(b.Every)), "a budget has either Window or Every"}
	case b.Every != "" && !slices.Contains(periods, b.Every):
		return &FieldError{prefix + "Every", quote(string(b.Every)), "want minute, hour, day, week or month"}
	case b.Window < 0:
		return &FieldError{prefix + "Window", b.Window, "it must not be negative"}
	case b.Every == "" && b.Window < minWindow:
		return &FieldError{prefix + "Window", b.Window, "it is shorter than a minute, which is the shortest window"}
	case b.Window > maxWindow:
		return &FieldError{prefix + "Window", b.Window, "it is longer than 366 days, which is the longest window"}
	case b.Every == "" && b.Zone != "":
		return &FieldError{prefix + "Zone", quote(b.Zone), "it needs Every: a sliding window begins nowhere"}
	}
	return checkZone(prefix+"Zone", b.Zone)
}
