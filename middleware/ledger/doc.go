// Package ledger records what calls cost: one [Row] for each HTTP attempt of a call.
//
// Start with a [Store], which takes the rows. [Memory] keeps the totals and the latest rows in memory. A [Writer] also
// writes each row to a [Sink], which keeps it for good: [OpenJSONL] opens files of JSON lines, and packages
// adapters/sqlite and adapters/postgres open databases. Give the store to middleware.WithStore:
//
//	files, err := ledger.OpenJSONL("spend", ledger.JSONLConfig{})
//	if err != nil {
//		return err
//	}
//	store := ledger.NewWriter(files, ledger.WriterConfig{})
//	defer store.Close(ctx)
//	err = store.Load(ctx, ledger.Filter{}) // the rows of earlier runs
//
// # What a row says
//
// The cost of a row is exact, or it is unknown and Unpriced says why; it is never a silent zero. Exposure is the most that
// an attempt can have cost beyond its known cost, for example because the connection was lost. It is separate from the cost,
// and remains until a bill says what was charged: see [Resolver] and package reconcile. If there is no such bound, the row has
// neither a cost nor an exposure, and Unpriced says that as well.
//
// A row of outcome open is written before the request is sent. If the program ends before the answer does, the open row
// remains, and becomes a row of outcome ambiguous when the store is opened again: see [Abandoned] and [Recover].
//
// # Reading
//
// Every store that keeps rows is a [Scanner]: Scan returns the rows that a [Filter] selects. [TotalsOf] adds them up,
// [SavingsOf] says where savings come from, and [WriteCSV] writes them for a spreadsheet. Package reconcile compares them
// with a provider's bill, and package ledgertest tests a Sink.
package ledger
