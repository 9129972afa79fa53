package ledger

import (
	"context"
	"iter"
)

// A Store takes rows. Add is called once for each attempt, when its answer has ended, by many goroutines at once and on
// the way of the call: it must not block. [Memory] is one, and a [Writer] is one that keeps rows for good.
//
// What else a store can do it says by its methods: [Opener], [Resolver], [Source] and [Flusher].
type Store interface {
	Add(Row)
}

// An Adder is a [Store] that takes a row by its address, which is the caller's again when AddRow returns.
type Adder interface{ AddRow(*Row) }

// An Opener is a [Store] that wants to know of an attempt before its request is written, so that what was sent is known
// even if the program does not live to see the answer.
type Opener interface {
	// Open notes an attempt, by a row of outcome open: what is known of it so far, and as exposure what it may cost at
	// most. It returns when that is safe, and must not take long, as the request is sent after it. The row that Add is
	// given later has the same call, attempt and time.
	Open(Row)
}

// A Flusher is a [Store] that keeps rows later than it takes them.
type Flusher interface {
	// Flush returns when all rows that were taken before are safe or given up, or ctx is done.
	Flush(ctx context.Context) error
}

// A Source is where rows are read from.
type Source interface {
	// Scan returns the rows that the filter selects, in the order in which they were stored or that of their times. An
	// error ends it, and comes with the zero Row. Rows that are stored meanwhile may or may not be among them.
	Scan(ctx context.Context, f Filter) iter.Seq2[Row, error]
}

// A Sink keeps rows for good, for a [Writer], which calls its methods one at a time.
//
// Rows are told apart by call and attempt (and by their time, which is the same for the same attempt). A Sink holds at
// most one row for each:
//
//   - one of outcome open is kept until the row of its attempt comes, which takes its place;
//   - one whose price_id is [Bill] takes the place of whatever is there;
//   - any other is kept only if there is none yet, so that to write a row again changes nothing. A [JSONL] knows the
//     latest 16384 rows again.
type Sink interface {
	// Write keeps the rows, and returns when they are safe. If it fails, any part of them may have been kept: the same
	// rows are handed in again, together with later ones or not.
	Write(ctx context.Context, rows []Row) error

	// Close releases what the sink holds. Every row that was written is safe.
	Close() error
}

// A Syncer is a [Sink] whose Write returns early: when the rows would outlive the program, but not yet the machine.
type Syncer interface {
	Sink

	// Sync returns when all rows that were written before it was called are safe. It may be called while Write is.
	// If it fails, the rows written since the last Sync that did not are written again.
	Sync(ctx context.Context) error
}

// Bill is the price_id of a row whose cost is from a bill: see [Resolver].
const Bill = "bill"
