package ledgertest

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// TestSink tests the sinks that open returns. Each subtest tests one item of the contract. The sinks must also implement
// [ledger.Scanner].
//
// Each subtest passes open a directory of its own, which open does not have to use. TestSink closes each sink. If it then
// calls open with the same directory again, the new sink must have the same rows; only a row of outcome open may have been
// replaced by what [ledger.Abandoned] returns for it. If open fails, it must fail the test.
//
// TestSink calls Write from one goroutine at a time, as a Writer does, and Scan from several, at any time. All rows of an
// attempt have the same time. The order of a scan is tested with times that differ by at least a microsecond.
func TestSink(t *testing.T, open func(t *testing.T, dir string) ledger.Sink) {
	for _, it := range items {
		t.Run(it.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // for a sink that hangs
			defer cancel()
			seed := fnv.New64a()
			seed.Write([]byte(it.name))
			c := &check{T: t, ctx: ctx, dir: t.TempDir(), open: open, random: rand.New(rand.NewPCG(seed.Sum64(), 1)), want: make(model)}
			c.reopen()
			defer func() { c.close() }()
			it.test(c)
		})
	}
}

// items are the items of the contract.
var items = []struct {
	name string
	test func(c *check)
}{
	{"round_trip", roundTrip},
	{"replay", replay},
	{"open", openGivesWay},
	{"first_stays", firstStays},
	{"bill", billReplaces},
	{"settled", settledReplaces},
	{"order", order},
	{"filters", filters},
	{"sums", sums},
	{"break", stopEarly},
	{"scan_while_writing", scanWhileWriting},
	{"write_while_scanning", writeWhileScanning},
	{"cancelled", cancelled},
	{"reopen", reopen},
}
