package budget

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// Explain is [Accounts.Refusal] for an attempt that is not admitted although nothing may be in its way, because others wait
// for the same money in front of it. It then names the first of the accounts, of which there must be one.
func (a *Accounts) Explain(now time.Time, refs []Ref, ask *Ask, err error) *Error {
	if e := a.Refusal(now, refs, ask, err); e != nil {
		return e
	}
	b := &refs[0].book.budget
	is := refs[0].book.at(refs[0].key, nanos(now))
	return &Error{
		Budget: b.Name, Key: policy.KeyText(b.Per, refs[0].key), Window: windowText(b), Cap: b.Cap,
		Spent: is.spent, Held: is.held, Most: ask.Most.Pico, Err: err,
	}
}
