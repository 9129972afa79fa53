package reconcile_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
	"github.com/skinflint-go/skinflint/policy/price"
)

// page is a page of costs with these results in the bucket of 2026-09-28.
func page(results string) string {
	return bucket(`"object": "bucket", "start_time": 1790553600, "end_time": 1790640000, "results": [` + results + `]`)
}

func bucket(fields string) string {
	return `{"object": "page", "data": [{` + fields + `}], "has_more": false, "next_page": null}`
}

func result(value, item string) string {
	return `{"object": "organization.costs.result", "amount": {"value": ` + value + `, "currency": "usd"}, "line_item": ` + item + `, "project_id": "proj_a"}`
}

func TestParseCosts(t *testing.T) {
	first := strings.Replace(strings.Replace(strings.Replace(page(result("0.06", "null")),
		"1790553600", "1790467200", 1), "1790640000", "1790553600", 1), `"has_more": false`, `"has_more": true`, 1)
	b, err := reconcile.ParseCosts(strings.NewReader("\ufeff" + first + "\n\n" + page(
		result("0.1234567890125", `"gpt-4o-mini-2024-07-18, input"`)+","+result(`"0.003835980000000000000000000000"`, `"web search tool calls"`)+","+result("1.5e-7", `"x-1"`))))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(b.Days); got != "[2026-09-27 00:00:00 +0000 UTC 2026-09-28 00:00:00 +0000 UTC]" {
		t.Errorf("days %s", got)
	}
	var got []string
	for _, l := range b.Lines {
		got = append(got, fmt.Sprint(l.Day.Format(time.DateOnly), " ", l.Model, " ", l.Kind, " ", l.Project, " ", l.Amount))
	}
	want := []string{
		"2026-09-27  whole proj_a 0.06",
		"2026-09-28 gpt-4o-mini-2024-07-18 input proj_a 0.123456789012",
		"2026-09-28  tool proj_a 0.00383598",
		"2026-09-28 x-1  proj_a 0.00000015",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("lines\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestParseItem(t *testing.T) {
	for item, want := range map[string]string{
		"gpt-5.5-2026-04-23, cached input":             "gpt-5.5-2026-04-23  cached_input",
		"gpt-4o-2024-08-06, Output":                    "gpt-4o-2024-08-06  output",
		"gpt-5.6, cache writes":                        "gpt-5.6  cache_write",
		"gpt-5, input_tokens":                          "gpt-5  input",
		"priority | gpt-5.6-sol, output, long context": "gpt-5.6-sol priority output",
		"flex | gpt-5-mini":                            "gpt-5-mini flex ",
		"gpt-image-2.5 text, cached input":             "gpt-image-2.5  cached_input",
		"gpt-audio-mini-2025-12-15 audio, input":       "gpt-audio-mini-2025-12-15  input",
		"gpt-realtime-2.1, audio input":                "gpt-realtime-2.1  input",
		"ft-gpt-4o-2024-08-06, input":                  "ft-gpt-4o-2024-08-06  input",
		"GPT-5.4":                                      "gpt-5.4  ",
		"whisper-1, audio":                             "whisper-1  ",
		"evals | gpt-4o-mini, input":                   "  other",
		"assistants api | file search":                 "  tool",
		"web search tool calls":                        "  tool",
		"code interpreter sessions":                    "  tool",
		"Vector storage":                               "  storage",
		"Image models":                                 "  other",
		"Completions":                                  "  other",
		", input":                                      "  other",
		"\" | , ,":                                     "  other",
		"":                                             "  whole",
	} {
		b, err := reconcile.ParseCosts(strings.NewReader(page(result("1", fmt.Sprintf("%q", item)))))
		if err != nil {
			t.Fatal(err)
		}
		l := b.Lines[0]
		if got := fmt.Sprint(l.Model, " ", l.Tier, " ", l.Kind); got != want {
			t.Errorf("%q is %q, want %q", item, got, want)
		}
	}
}

func TestParseCostsErrors(t *testing.T) {
	good := result("0.06", "null")
	for _, test := range []struct{ text, want string }{
		{"", "empty"},
		{"{", "line 1"},
		{"\n\n{\"object\": \"page\",\n\"data\" 1}", "line 4"},
		{page(good) + " x", "page 2"},
		{"[]", "want reconcile.costsPage"},
		{`{"error": {"message": "no"}}`, `object: want "page"`},
		{`{"object": "page"}`, "data: missing"},
		{strings.Replace(page(good), "false", "true", 1), "next_page"},
		{page(good) + page(good), "page 2: data[0].start_time: there is a bucket of 2026-09-28 before"},
		{bucket(``), `data[0].object: want "bucket"`},
		{bucket(`"object": "bucket", "end_time": 1790640000, "results": []`), "data[0].start_time: missing"},
		{bucket(`"object": "bucket", "start_time": 1790553600, "results": []`), "data[0].end_time: missing"},
		{bucket(`"object": "bucket", "start_time": 1790553600, "end_time": 1790640000`), "data[0].results: missing"},
		{bucket(`"object": "bucket", "start_time": 1790553600000, "end_time": 1790640000000, "results": []`), "not a Unix time in seconds"},
		{bucket(`"object": "bucket", "start_time": 1790557200, "end_time": 1790643600, "results": []`), "not midnight"},
		{bucket(`"object": "bucket", "start_time": 1790553600, "end_time": 1790557200, "results": []`), "not a day after"},
		{bucket(`"object": "bucket", "start_time": "1790553600"`), "data.start_time: want int64"},
		{page(strings.Replace(good, "costs", "usage.completions", 1)), `data[0].results[0].object: want "organization.costs.result"`},
		{page(good + "," + strings.Replace(good, `"usd"`, `"eur"`, 1)), `data[0].results[1].amount.currency: "eur"`},
		{page(strings.Replace(good, `"currency": "usd"`, `"unit": 1`, 1)), "amount.currency: missing"},
		{page(strings.Replace(good, `"value"`, `"worth"`, 1)), "amount.value: missing"},
		{page(strings.Replace(good, `"amount"`, `"sum"`, 1)), "amount: missing"},
		{page(result("null", "null")), "amount.value"},
		{page(result(`"1,000.5"`, "null")), "amount.value"},
		{page(result("true", "null")), "amount.value"},
		{page(result("1e30", "null")), "amount.value"},
		{page(result("1", "7")), "line_item: want string"},
	} {
		_, err := reconcile.ParseCosts(strings.NewReader(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.200s\nerror %v, want %q", test.text, err, test.want)
		}
	}
}

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

// endless is a bill without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestBillTooLarge(t *testing.T) {
	if _, err := reconcile.ParseCosts(endless{}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
	if _, err := reconcile.ParseCSV(endless{}, reconcile.CSVConfig{}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
}

// checkBill is what holds for whatever was read: days of UTC, and a comparison with nothing whose residual is the bill.
func checkBill(t *testing.T, b *reconcile.Bill) {
	var sum price.Sum
	days := make(map[time.Time]bool)
	for _, day := range b.Days {
		days[day] = true
	}
	for _, l := range b.Lines {
		sum.Add(l.Amount)
		if !days[l.Day] || l.Day.Unix()%86400 != 0 {
			t.Fatalf("a line of %s, which is no day of the bill", l.Day)
		}
	}
	r, err := reconcile.Compare(seq(), b, reconcile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Total.Residual != sum || r.Total.Billed != sum {
		t.Fatalf("total %+v, want $%s", r.Total, sum)
	}
	_ = r.String()
}

func FuzzParseCosts(f *testing.F) {
	f.Add([]byte(page(result("0.06", `"gpt-4o, input"`))))
	f.Add([]byte(page(result(`"1e-7"`, "null")) + "\n" + strings.Replace(page(""), "1790553600", "1790640000", 1)))
	f.Add([]byte(`{"object":"page","data":[],"has_more":false}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if b, err := reconcile.ParseCosts(bytes.NewReader(text)); err == nil {
			checkBill(t, b)
		}
	})
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
