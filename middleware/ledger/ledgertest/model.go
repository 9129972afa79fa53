package ledgertest

import (
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// A key identifies an attempt.
type key struct {
	call    string
	attempt int
}

func keyOf(r *ledger.Row) key { return key{r.Call, r.Attempt} }

// A model is what a sink should hold. It is the simplest implementation of the rules of [ledger.Sink].
type model map[key]ledger.Row

// put keeps a row, by the rules.
func (m model) put(r *ledger.Row) {
	row := readBack(r)
	k := keyOf(&row)
	old, ok := m[k]
	settled := row.Settles && old.PriceID != ledger.BillPriceID
	if !ok || settled || row.PriceID == ledger.BillPriceID || old.Outcome == policy.Open && row.Outcome != policy.Open {
		m[k] = row
	}
}

// readBack returns the row as it is read from its line. A text that is not UTF-8 changes on the way.
func readBack(r *ledger.Row) ledger.Row {
	row, err := ledger.ParseRow(r.AppendJSON(nil))
	if err != nil {
		panic("a generated row cannot be read: " + err.Error())
	}
	return row
}

// text returns the row as one line.
func text(r *ledger.Row) string { return string(r.AppendJSON(nil)) }
