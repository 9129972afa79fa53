package budget

import (
	"cmp"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// Refusal returns why the accounts do not admit an attempt. It names the account that is most in the way. err is why the wait for what
// others hold ended; nil if there was none. Refusal returns nil if nothing is in the way.
func (a *Accounts) Refusal(now time.Time, refs []Ref, ask *Ask, err error) *Error {
	at := nanos(now)
	o, in, is := check(at, refs, ask)
	if o == nothing {
		return nil
	}
	e := in.refusal(is, ask, err)
	switch {
	case o == bound:
		e.NoBound = cmp.Or(ask.NoBound, "the caller does not say why")
	case o == tier:
		e.OnlyCheapest = true
	case o == spent && e.Most <= e.Cap:
		e.Frees = in.book.frees(in.key, at, 0, e.Most)
	case o == held:
		e.Frees = in.book.frees(in.key, at, is.held, e.Most)
	}
	return e
}

// Explain is [Accounts.Refusal] for an attempt that is not admitted although nothing may be in its way, because others wait
// for the same money in front of it. It then names the first of the accounts, of which there must be one.
func (a *Accounts) Explain(now time.Time, refs []Ref, ask *Ask, err error) *Error {
	if e := a.Refusal(now, refs, ask, err); e != nil {
		return e
	}
	r := refs[0]
	return r.refusal(r.book.at(r.key, nanos(now)), ask, err)
}

// refusal returns an Error with the figures of an account.
func (r Ref) refusal(is sum, ask *Ask, err error) *Error {
	b := &r.book.budget
	return &Error{
		Budget: b.Name, Key: policy.KeyText(b.Per, r.key), Window: WindowText(b), Cap: b.Cap,
		Spent: is.spent, Held: is.held, Most: ask.Most.Pico, Err: err, Unread: r.book.awaits,
	}
}
