package reconcile_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
)

// page returns a page of costs with these results in the bucket of 2026-09-28.
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
