package middleware

import "github.com/skinflint-go/skinflint/policy"

// A tierSkip is what the log says once an hour: that calls of a model do not ask for a tier, and why.
type tierSkip struct {
	provider, operation, model string
	tier                       policy.Tier
	cause                      skipCause
}

type skipCause uint8

const (
	tooLate skipCause = iota
	rejectedBefore
	noTiers
	bodyLeft
)

// hints say what a program can do, by cause.
var hints = [...]string{
	tooLate:        "give the calls more time, or lower FlexMinimum",
	rejectedBefore: "it is asked for again an hour after the model rejected it",
	noTiers:        "",
	bodyLeft:       "",
}

// both joins two texts of which one may be empty.
func both(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
