// Package ledgertest has the contract of a [ledger.Sink] that is also a [ledger.Scanner] as a test, the way
// testing/slogtest has that of a handler. A store of one's own that passes it can be put behind a [ledger.Writer]: no
// row is lost, none counts twice, and sums are exact, whatever is written again.
package ledgertest
