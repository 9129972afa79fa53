package ledgertest

import (
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

const openOutcome = policy.Open

// A key tells attempts apart.
type key struct {
	call    string
	attempt int
}

func keyOf(r *ledger.Row) key { return key{r.Call, r.Attempt} }

// A model is what a sink should hold: the rules of [ledger.Sink] in the plainest form.
type model map[key]ledger.Row

func (m model) put(r *ledger.Row) {
	row := readBack(r)
	k := keyOf(&row)
	old, ok := m[k]
	if !ok || row.PriceID == ledger.BillPriceID || old.Outcome == policy.Open && row.Outcome != policy.Open {
		m[k] = row
	}
}

// readBack returns the row as its line says it: a text that is not UTF-8 is not the same.
func readBack(r *ledger.Row) ledger.Row {
	row, err := ledger.ParseRow(r.AppendJSON(nil))
	if err != nil {
		panic("a row that is made up cannot be read: " + err.Error())
	}
	return row
}

// text is the row as one line.
func text(r *ledger.Row) string { return string(r.AppendJSON(nil)) }
