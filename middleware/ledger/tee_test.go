package ledger_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

func TestTee(t *testing.T) {
	var sink faultySink
	var m ledger.Memory
	w := ledger.NewWriter(&sink, ledger.WriterConfig{Logger: quiet})
	defer w.Close(t.Context())
	tee := ledger.Tee{&m, w}
	tee.Open(open("a", 1, 5))
	tee.Add(ledger.Row{Call: "a", Attempt: 1, Outcome: policy.Ambiguous, Exposure: ledger.Known(5), Unpriced: "?"})
	if err := tee.Resolve("a", 1, 3); err != nil {
		t.Fatal(err)
	}
	if err := tee.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := sink.calls(); got != "(a) a a" {
		t.Errorf("the sink has %q", got)
	}
	wantRows(t, tee, ledger.Filter{}, "a/1:ambiguous:0.000000000003")
	if tee.Totals().Cost != w.Totals().Cost || tee.Totals().Cost.String() != "0.000000000003" || len(tee.Rows()) != 1 {
		t.Errorf("%+v, %+v", tee.Totals(), w.Totals())
	}
	if tee.Resolve("a", 1, 3) == nil || (ledger.Tee{}).Resolve("a", 1, 3) == nil {
		t.Error("resolved twice, or nowhere")
	}
	if _, err := scan(t, ledger.Tee{}, ledger.Filter{}); err == nil {
		t.Error("nothing was read without an error")
	}
}
