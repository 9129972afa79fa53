// Package budget keeps account of budgets of money: what was spent within each budget's window, and what calls under way may
// cost at most. Both together exceed a budget's cap only if a row costs more than was held for it, or nothing was held.
//
// [Accounts] are the budgets of one process. An attempt is admitted before it is sent, by the most that it can cost, and
// settled when its answer has ended, by its row:
//
//	accounts := budget.New([]policy.Budget{{Name: "nightly", Window: 24 * time.Hour, Cap: 25 * price.USD}})
//	refs := accounts.Match(nil, &subject, tier, key, tags)
//	ask := budget.Ask{Most: ledger.Known(most)}
//	switch accounts.Check(now, refs, &ask) {
//	case budget.Refuses:
//		return accounts.Refusal(now, refs, &ask, nil)
//	case budget.Waits: // others hold what it needs: check again when one of them has settled
//	case budget.Admits:
//		hold := accounts.Hold(now, refs, most)
//		// ... the attempt is sent, and its answer is read ...
//		accounts.Settle(now, &hold, &row)
//	}
//
// Package limit does this for a chain, under the lock of its Limiter; a program needs this package to read an [Error] that a
// budget refused a call with, and the [State] of its budgets.
//
// # What counts, and when
//
// A row counts in the window that has the time at which its attempt began ([ledger.Row.At]). Its exposure, which is what it
// may have cost in addition, counts as spent until a later row says what was charged: the result of a background call
// ([ledger.Row.Settles]) or a bill ([ledger.BillPriceID]). That row replaces the earlier amounts where these counted. What an
// attempt under way holds counts in the window that is now, whenever it began.
//
// A row whose cost is unknown and has no bound counts as what was held for it. If nothing was held, as at the reload of an
// earlier run's rows, it is not known what it adds: [State.Unknown] counts such rows, and a [Notice] says so.
//
// A row that costs more than was held for it counts in full. The budget may then be exceeded, which its State and a Notice
// show, and admits nothing until enough has left its window.
//
// # Windows
//
// A window of the calendar begins anew with nothing spent. A sliding window is kept in slices of a sixtieth of it, and a
// slice counts until all of it has left the window, so that an amount counts for up to a sixtieth of the window longer than it
// needs to, and never shorter. The time that passes decides, and not the clock: see
// [Accounts.ClockSet]. A row whose time is in the future counts now.
package budget
