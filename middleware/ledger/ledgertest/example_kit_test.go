package ledgertest_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/ledgertest"
)

// The test of a sink takes a few lines.
func ExampleTestSink() {
	_ = func(t *testing.T) { // func TestMySink
		ledgertest.TestSink(t, func(t *testing.T, dir string) ledger.Sink {
			sink, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
			if err != nil {
				t.Fatal(err)
			}
			return sink
		})
	}
}
