package ledger_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func TestGroupsOfOneName(t *testing.T) {
	var m ledger.Memory
	m.Add(ledger.Row{Attempt: 1, Cost: ledger.Known(1), Tags: map[string]string{"x=y": "z"}})
	m.Add(ledger.Row{Attempt: 1, Cost: ledger.Known(2), Tags: map[string]string{"x": "y=z"}})
	if got := m.Totals().By["tag:x=y=z"]; got.Cost.String() != "0.000000000003" || got.Calls != 2 {
		t.Errorf("%+v", got)
	}
}

func TestTotals(t *testing.T) {
	var m ledger.Memory
	rejected := ledger.Row{Call: "01h", Attempt: 1, Model: "gpt-5", Outcome: policy.Rejected, Cost: ledger.Known(0), UsageSource: ledger.None}
	second := billed
	second.Attempt = 2
	m.Add(rejected)
	m.Add(second)
	m.Add(ledger.Row{Call: "02h", Outcome: policy.Refused, Cost: ledger.Known(0)})
	m.Add(ledger.Row{Call: "03h", Attempt: 1, Model: "gpt-5", Outcome: policy.Ambiguous, Unpriced: "lost", Exposure: ledger.Known(40)})
	m.Add(ledger.Row{Call: "04h", Outcome: policy.Storage, Cost: ledger.Known(7)})
	got := m.Totals()
	text, err := json.Marshal(got.Total)
	if err != nil {
		t.Fatal(err)
	}
	// Saved: 250 - 100 - 20 of the billed one, less 40 exposed, less 7 of storage.
	const want = `{"calls":3,"attempts":3,"cost_usd":"0.0000000001","list_usd":"0.00000000025","saved_usd":"0.000000000083",` +
		`"implicit_usd":"0.00000000002","storage_usd":"0.000000000007","exposure_usd":"0.00000000004","unpriced":1}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if got.By["tag:tenant=acme"].Cost.String() != "0.0000000001" || got.By["tier:flex"].Attempts != 1 || got.By["model:gpt-5"].Attempts != 2 {
		t.Errorf("%+v", got.By)
	}
	var sum price.Sum
	for _, r := range m.Rows() {
		if r.Cost.Known && r.Outcome != policy.Storage {
			sum.Add(r.Cost.Pico)
		}
	}
	if sum.Cmp(got.Cost) != 0 {
		t.Errorf("rows %v, totals %v", sum, got.Cost)
	}
}

func TestGroupsAreBounded(t *testing.T) {
	var m ledger.Memory
	for i := range 3 * ledger.MaxGroups {
		m.Add(ledger.Row{Attempt: 1, Cost: ledger.Known(1), Tags: map[string]string{"user": fmt.Sprint(i)}})
	}
	by := m.Totals().By
	var sum int64
	for _, g := range by {
		sum += g.Calls
	}
	if len(by) > ledger.MaxGroups+1 || sum != 3*ledger.MaxGroups || by["other:tag"].Calls == 0 {
		t.Errorf("%d groups of %d calls, other %+v", len(by), sum, by["other:tag"])
	}
}

func TestHoursAreBounded(t *testing.T) {
	var m ledger.Memory
	const hours = 2*ledger.MaxHours + 7
	for i := range hours {
		m.Add(ledger.Row{Call: fmt.Sprint(i), Attempt: 1, At: noon.Add(time.Duration(i) * time.Hour), Cost: ledger.Known(1)})
		if i%100 == 0 { // one that ended very late
			m.Add(ledger.Row{Call: fmt.Sprint(i), Attempt: 2, At: noon.Add(-time.Hour), Cost: ledger.Known(1)})
		}
	}
	got := m.Totals()
	var sum price.Sum
	for _, total := range got.Hours {
		sum.AddSum(total.Cost)
	}
	if len(got.Hours) != ledger.MaxHours+1 || sum != got.Cost {
		t.Errorf("%d hours that add up to %s of %s", len(got.Hours), sum, got.Cost)
	}
	last := noon.Add((hours - 1) * time.Hour).Format(time.RFC3339)
	if got.Hours[last].Attempts != 1 || got.Hours["other"].Attempts < hours-ledger.MaxHours {
		t.Errorf("last %+v, other %+v", got.Hours[last], got.Hours["other"])
	}
}
