package budget

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// An Error says that a budget refused an attempt.
type Error struct {
	Budget string // its name
	Key    string // which of its values, if it has Per: "tenant acme"
	Window string // as WindowText returns it: "in 24h", "each day in Europe/Berlin"
	Cap    price.Pico
	Spent  price.Pico
	Held   price.Pico // by other attempts under way
	Most   price.Pico // that the attempt can cost

	// Frees is when enough of what was spent has left the window for the attempt. If what is spent refuses the attempt, others
	// must also have given back what they hold; if only that is in the way, it is beside what they hold now. Zero: never, or
	// it is not known.
	Frees time.Time

	// OnlyCheapest says that so much of the cap is spent that the budget admits only the cheapest tier of a plan. The attempt
	// may be admitted there: see [policy.Budget.CheapestPercent].
	OnlyCheapest bool

	// NoBound says why it is not known what the attempt can cost; "" if it is.
	NoBound string

	// Unread says that it is not known yet what was spent in the window before: see [Accounts.Update].
	Unread bool

	// Unavailable says that it is not known what was spent: for example because a shared store cannot be reached. Spent and Held are
	// then not known. Err says why, and may have a method Hint() string that says what to do.
	Unavailable bool

	Err error // why the wait for what others hold ended; nil if there was none
}

// Error returns the refusal for people to read: [Error.Detail], why the wait ended, and [Error.Hint].
func (e *Error) Error() string {
	s := e.Detail()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + ": " + e.Hint()
}

// Detail says what was refused, by which budget, and the figures. It leaves out the cause.
func (e *Error) Detail() string {
	var b strings.Builder
	b.WriteString("budget " + e.Budget)
	if e.Key != "" {
		fmt.Fprintf(&b, " (%s)", e.Key)
	}
	switch {
	case e.NoBound != "":
		fmt.Fprintf(&b, ": it is not known what it can cost at most: %s", e.NoBound)
		return b.String()
	case e.Unread:
		b.WriteString(": what was spent in its window is not read yet, or could not be read")
		return b.String()
	case e.Unavailable:
		fmt.Fprintf(&b, ": it is not known what is left of $%s %s", e.Cap, e.Window)
		return b.String()
	case e.Most > e.Cap && !e.OnlyCheapest:
		fmt.Fprintf(&b, ": it can cost $%s, and the cap is $%s %s", e.Most, e.Cap, e.Window)
		return b.String()
	}
	fmt.Fprintf(&b, ": $%s spent and $%s held of $%s %s; ", e.Spent, e.Held, e.Cap, e.Window)
	if e.OnlyCheapest {
		b.WriteString("it asks for a tier that is not the cheapest of its plan")
	} else {
		fmt.Fprintf(&b, "it can cost $%s", e.Most)
		switch {
		case !e.heldByOthers():
		case fits(e.Spent, e.Held, e.Most, e.Cap):
			b.WriteString("; others that wait for money came before it")
		default:
			b.WriteString("; others hold what it needs")
		}
		if !e.Frees.IsZero() {
			fmt.Fprintf(&b, "; room for it frees at %s", e.Frees.UTC().Add(time.Second-1).Format("2006-01-02T15:04:05Z"))
		}
	}
	return b.String()
}

// Hint says what to do about it.
func (e *Error) Hint() string {
	switch {
	case e.NoBound != "":
		return "change the request so that its cost has a bound, or leave it out of the budget's match"
	case e.Unavailable:
		var known interface{ Hint() string }
		if errors.As(e.Err, &known) {
			return known.Hint()
		}
		return "try again later"
	case e.Unread:
		return "see the error of SetPolicy, and set the policy again"
	case e.Most > e.Cap && !e.OnlyCheapest:
		return "lower what it can cost, such as its max_completion_tokens or max_tokens, or raise the cap"
	case e.OnlyCheapest:
		return "ask for the cheapest tier, or raise the cap, or the share of it from which only that tier is asked for"
	case e.heldByOthers():
		return "wait longer, send fewer at once, or raise the cap"
	}
	return "wait until then, lower what it can cost, or raise the cap"
}

// heldByOthers reports whether the attempt would be admitted if others gave back what they hold.
func (e *Error) heldByOthers() bool { return e.Spent <= e.Cap && e.Most <= e.Cap-e.Spent }

// Unwrap returns why the wait ended. It returns nil for a nil e, so that errors.As does not panic for a Limiter's typed nil.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// WindowText returns the window of a budget for people to read, as [Error.Window] has it.
func WindowText(b *policy.Budget) string {
	if b.Every == "" {
		return "in " + short(b.Window)
	}
	s := "each " + string(b.Every)
	if b.Zone != "" {
		s += " in " + b.Zone
	}
	return s
}

// short prints a duration as people write it: 7 days, 24h and not 24h0m0s.
func short(d time.Duration) string {
	const day = 24 * time.Hour
	if d > day && d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	s := d.String()
	if t, ok := strings.CutSuffix(s, "m0s"); ok {
		s = t + "m"
	}
	if t, ok := strings.CutSuffix(s, "h0m"); ok {
		s = t + "h"
	}
	return s
}
