// Package ledgertest tests the contract of a [ledger.Sink], as testing/slogtest tests that of a handler.
//
// A program that keeps its rows in a store of its own writes a type that implements [ledger.Sink] and [ledger.Scanner], and
// a test of a few lines that calls [TestSink]. A sink that passes it can be used with a [ledger.Writer]: no row is lost, no
// row counts twice, and sums are exact, even after the Writer has written rows again because of a failure.
package ledgertest
