package ledger

import (
	"context"
	"iter"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Store takes rows. Add is called for each attempt when its answer has ended, and once more, with a row that settles the
// first, if what it costs becomes known only later. Many goroutines call it at the same time, and the caller's read of the
// answer waits for it, so it must not block. [Memory] is a Store, and [Writer] is one
// that keeps rows for good.
//
// A Store may implement more interfaces: [Adder], [Opener], [Resolver], [Scanner] and [Flusher].
type Store interface {
	Add(Row)
}

// An Adder is a [Store] that also takes a row by its address, which saves a copy for each attempt. Where a Store has
// AddRow, Add is not called.
type Adder interface {
	// AddRow is Add. The row is the caller's again when AddRow returns.
	AddRow(*Row)
}

// An Opener is a [Store] that records an attempt before its request is written, so that the attempt is known even if the
// program ends before the answer does.
type Opener interface {
	// Open records an attempt by a row of outcome open. The row has what is known so far, and its exposure is the most that
	// the attempt can cost. Open returns when the row is safe. The request is sent after that, so Open must not take long.
	// The later row of the attempt, which Add gets, has the same call, attempt and time.
	Open(Row)
}

// A Flusher is a [Store] that takes a row before it has kept it.
type Flusher interface {
	// Flush returns when all rows taken before are safe or given up, or when ctx is done. An error says how many rows are
	// not safe.
	Flush(ctx context.Context) error
}

// A Resolver is a [Store] that can replace the unknown cost of an attempt by the cost on a bill.
type Resolver interface {
	// Resolve replaces the cost and the exposure of an attempt by its whole cost as the bill states it: 0 if it was not
	// billed. It returns an error if the store does not know the attempt, or if its cost is fully known. The result of a
	// background call that is fetched later is not checked by the store: see middleware.Stack.Resolve.
	Resolve(call string, attempt int, cost price.Pico) error
}

// A Scanner reads rows.
type Scanner interface {
	// Scan returns the rows that the filter selects, either in the order in which they were stored or by time. An error comes
	// with the zero Row and ends the scan. Rows that are stored during the scan may be returned or not.
	Scan(ctx context.Context, f Filter) iter.Seq2[Row, error]
}

// A Sink keeps rows for good. A [Writer] calls its methods one at a time. Package ledgertest tests this contract.
//
// The key of a row is its call and attempt. (Rows of one attempt have the same time, which a Sink may include in the key.)
// A Sink keeps at most one row for each key:
//
//   - a row of outcome open is kept until the row of its attempt comes and replaces it;
//   - a row that settles an earlier one ([Row.Settles]) replaces any row but one of a bill;
//   - a row whose price_id is [BillPriceID] replaces any row;
//   - any other row is kept only if there is no row yet, so writing a row again changes nothing. [JSONL] remembers the
//     latest 16384 rows for this.
type Sink interface {
	// Write keeps the rows and returns when they are safe. If it fails, any of them may have been kept. The Writer then
	// writes all of them again, alone or together with later rows.
	Write(ctx context.Context, rows []Row) error

	// Close releases the sink's resources. All rows written before are safe.
	Close() error
}

// A Syncer is a [Sink] whose Write returns early: the rows then survive a crash of the program, but not yet one of the
// machine.
type Syncer interface {
	Sink

	// Sync returns when all rows written before the call are safe. It may run at the same time as Write. If it fails, the
	// Writer writes all rows since the last successful Sync again.
	Sync(ctx context.Context) error
}

// BillPriceID is the price_id of a row whose cost comes from a bill: see [Resolver].
const BillPriceID = "bill"

// Replaces reports whether a [Sink] that has the row old of the same attempt keeps r in its place.
func (r *Row) Replaces(old *Row) bool {
	switch {
	case r.PriceID == BillPriceID:
		return true
	case r.Settles:
		return old.PriceID != BillPriceID
	}
	return old.Outcome == policy.Open && r.Outcome != policy.Open
}

// isChange reports whether the row changes what an earlier row of its attempt said.
func (r *Row) isChange() bool { return r.Settles || r.PriceID == BillPriceID }
