package budget

import "time"

// Explain is [Accounts.Refusal] for an attempt that is not admitted although nothing may be in its way, because others wait
// for the same money in front of it. It then names the first of the accounts, of which there must be one.
func (a *Accounts) Explain(now time.Time, refs []Ref, ask *Ask, err error) *Error {
	if e := a.Refusal(now, refs, ask, err); e != nil {
		return e
	}
	r := refs[0]
	return r.refusal(r.book.at(r.key, nanos(now)), ask, err)
}
