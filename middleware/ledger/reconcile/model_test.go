package reconcile_test

import (
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
)

func TestModels(t *testing.T) {
	row := func(model string) ledger.Row {
		return ledger.Row{At: noon, Model: model, ServedModel: model, Cost: ledger.Known(1)}
	}
	asked := ambiguous(noon, "gpt-4o", "1")
	deployed := row("gpt-4o-2024-08-06")
	deployed.Model = "prod"
	for _, test := range []struct {
		name   string
		rows   []ledger.Row
		billed []string
		want   string // the entries
	}{
		{"exact", []ledger.Row{row("gpt-4o-2024-08-06"), row("gpt-4o")}, []string{"gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-2024-11-20"}, "gpt-4o gpt-4o-2024-08-06 gpt-4o-2024-11-20"},
		{"alias", []ledger.Row{row("gpt-4o")}, []string{"gpt-4o-2024-08-06"}, "gpt-4o"},
		{"alias of one of several", []ledger.Row{row("gpt-4o"), row("gpt-4o-2024-08-06")}, []string{"gpt-4o-2024-08-06"}, "gpt-4o"},
		{"other models stay", []ledger.Row{row("gpt-4o"), row("gpt-4o-mini")}, []string{"gpt-4o-2024-08-06", "gpt-4o-mini"}, "gpt-4o gpt-4o-mini"},
		{"what served is not known", []ledger.Row{asked, row("gpt-4o-2024-08-06")}, []string{"gpt-4o", "gpt-4o-2024-08-06"}, "gpt-4o"},
		{"a deployment", []ledger.Row{deployed, ambiguous(noon, "prod", "1")}, []string{"gpt-4o-2024-08-06"}, "gpt-4o"},
		{"fine-tuned", []ledger.Row{row("ft:gpt-4o-2024-08-06:acme::abc")}, []string{"ft-gpt-4o-2024-08-06"}, "ft-gpt-4o-2024-08-06"},
		{"letters", []ledger.Row{row("gpt-5.4")}, []string{"GPT-5.4"}, "gpt-5.4"},
		{"old snapshots", []ledger.Row{row("gpt-4")}, []string{"gpt-4-0613"}, "gpt-4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := bill()
			for _, name := range test.billed {
				b.Lines = append(b.Lines, reconcile.Line{Day: day1, Model: name, Amount: 1})
			}
			var got []string
			for _, e := range compare(t, b, reconcile.Config{}, test.rows...).Entries {
				got = append(got, e.Model)
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("entries %q, want %q", s, test.want)
			}
		})
	}
}
