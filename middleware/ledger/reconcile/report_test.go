package reconcile_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
	"github.com/skinflint-go/skinflint/policy"
)

func TestReportJSON(t *testing.T) {
	want := compare(t, bill(line(day1, "m-one, input", "0.4")), reconcile.Config{Provider: "openai"},
		priced(noon, "m-one", policy.Standard, small), ambiguous(noon, "m-one", "0.5"), priced(day0, "m-one", policy.Standard, small))
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got reconcile.Report
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(&got, want) {
		t.Errorf("%v: read back\n%+v, want\n%+v", err, &got, want)
	}
	if !strings.Contains(string(text), `"residual_usd":"0.12","tolerance_usd":"0.0000005"`) {
		t.Errorf("%s", text)
	}
}

// Text from the provider does not break the table.
func TestReportText(t *testing.T) {
	b := bill(reconcile.Line{Day: day1, Model: "m\x1b[2J\none", Amount: 1})
	if text := compare(t, b, reconcile.Config{}).String(); strings.Contains(text, "\x1b") || strings.Contains(text, "\none") {
		t.Errorf("%q", text)
	}
}

func TestReportResolve(t *testing.T) {
	m := ledger.NewMemory(0)
	row := ambiguous(noon, "m-one", "0.5")
	m.Add(row)
	settled := []reconcile.Resolution{{Call: "nobody", Attempt: 1}, {Call: row.Call, Attempt: 1, Cost: 7}, {Call: "nobody", Attempt: 2}}
	err := (&reconcile.Report{Resolutions: settled}).Resolve(m)
	if err == nil || strings.Count(err.Error(), "nobody") < 2 {
		t.Errorf("errors %v, want one for each", err)
	}
	if got := m.Totals(); got.Exposure.Sign() != 0 || got.Cost.String() != "0.000000000007" {
		t.Errorf("%+v", got.Total)
	}
	rows := m.Rows()
	if i := slices.IndexFunc(rows, func(r ledger.Row) bool { return r.PriceID == ledger.BillPriceID }); i < 0 {
		t.Error("the row was not settled")
	}
	// Settled once, the attempt is known, and the bill is even.
	r := compare(t, &reconcile.Bill{Lines: []reconcile.Line{{Day: day1, Model: "m-one", Amount: 7}}}, reconcile.Config{Rounding: 1}, rows...)
	if r.Total.Residual.Sign() != 0 || len(r.Resolutions) != 0 {
		t.Errorf("%s", r)
	}
}
