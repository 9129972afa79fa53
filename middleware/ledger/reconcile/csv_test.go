package reconcile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
)

func TestParseCSV(t *testing.T) {
	for _, test := range []struct {
		name, text string
		opt        reconcile.CSVConfig
		want       string
	}{
		{
			"OpenAI's export", "\ufeffstart_time,end_time,start_time_iso,amount_value,amount_currency,quantity,line_item,project_id\r\n" +
				"1790467200,1790553600,2026-09-27T00:00:00+00:00,,,,,\r\n" +
				"1790553600,1790640000,2026-09-28T00:00:00,0.003835980000000000000000000000,usd,,\"gpt-4o, input\",proj_a\r\n",
			reconcile.CSVConfig{}, "2 days; 2026-09-28 gpt-4o input 0.00383598",
		},
		{"two columns", "Date,Cost\n2026-09-28,1.5\n2026-09-28,-0.5\n", reconcile.CSVConfig{}, "1 days; 2026-09-28  whole 1.5; 2026-09-28  whole -0.5"},
		{
			"named", "when;what;how much\n2026-09-28T13:00:00+02:00;gemini-3-pro;1e-3\n",
			reconcile.CSVConfig{Date: "When", Model: "what", Amount: "how much", Comma: ';'}, "1 days; 2026-09-28 gemini-3-pro  0.001",
		},
		{"the model's column counts", "date,model,line_item,amount\n2026-09-28,Prod,\"gpt-4o, output\",1\n", reconcile.CSVConfig{}, "1 days; 2026-09-28 Prod output 1"},
		{"a field of two lines", "date,description,amount\n2026-09-28,\"web search\ncalls\",1\n", reconcile.CSVConfig{}, "1 days; 2026-09-28  tool 1"},
		{"no lines", "date,amount\n", reconcile.CSVConfig{}, "0 days"},
	} {
		b, err := reconcile.ParseCSV(strings.NewReader(test.text), test.opt)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got := []string{fmt.Sprint(len(b.Days), " days")}
		for _, l := range b.Lines {
			got = append(got, fmt.Sprint(l.Day.Format(time.DateOnly), " ", l.Model, " ", l.Kind, " ", l.Amount))
		}
		if s := strings.Join(got, "; "); s != test.want {
			t.Errorf("%s: %q, want %q", test.name, s, test.want)
		}
	}
}

func TestParseCSVErrors(t *testing.T) {
	for _, test := range []struct {
		text string
		opt  reconcile.CSVConfig
		want string
	}{
		{"", reconcile.CSVConfig{}, "empty"},
		{"day,model\n", reconcile.CSVConfig{}, "no column amount_value or amount"},
		{"date,amount\n", reconcile.CSVConfig{Model: "sku"}, "no column sku:"},
		{"date,amount,Amount\n", reconcile.CSVConfig{}, `two columns "amount"`},
		{"date,amount\n", reconcile.CSVConfig{Comma: '"'}, "delimiter"},
		{"date,amount\n2026-09-28,1\n2026-09-28,\"1,234.5\"\n", reconcile.CSVConfig{}, `line 3, column 12 (amount): price: "1,234.5"`},
		{"date,amount\n2026-09-28,$1\n", reconcile.CSVConfig{}, "line 2, column 12 (amount)"},
		{"date,amount\n2026-09-28,\n", reconcile.CSVConfig{}, "line 2, column 12 (amount)"},
		{"date,amount\n28/09/2026,1\n", reconcile.CSVConfig{}, "line 2, column 1 (date)"},
		{"date,amount\n20260928,1\n", reconcile.CSVConfig{}, "Unix times are in seconds"},
		{"date,amount\n2026-09-28T00:00:00+02:00,1\n", reconcile.CSVConfig{}, "another time zone"},
		{"date,amount,currency\n2026-09-28,1,EUR\n", reconcile.CSVConfig{}, `line 2, column 14 (currency): "EUR"`},
		{"date,amount,currency\n2026-09-28,1,\n", reconcile.CSVConfig{}, "(currency)"},
		{"date,amount,currency\n2026-09-28,,usd\n", reconcile.CSVConfig{}, "(amount)"},
		{"date,amount\n2026-09-28,1,2\n", reconcile.CSVConfig{}, "line 2"},
		{"date,amount\n2026-09-28,\"1\n", reconcile.CSVConfig{}, "quote"},
	} {
		_, err := reconcile.ParseCSV(strings.NewReader(test.text), test.opt)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: error %v, want %q", test.text, err, test.want)
		}
	}
}

func FuzzParseCSV(f *testing.F) {
	f.Add("date,amount\n2026-09-28,1.5\n")
	f.Add("start_time,amount_value,amount_currency,line_item,model\r\n1790553600,1,usd,\"gpt-4o, input\",\r\n1790640000,,,,\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		if b, err := reconcile.ParseCSV(strings.NewReader(text), reconcile.CSVConfig{}); err == nil {
			checkBill(t, b)
		}
	})
}
