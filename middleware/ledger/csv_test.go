package ledger_test

import (
	"encoding/csv"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

func TestWriteCSV(t *testing.T) {
	random := rand.New(rand.NewPCG(22, 23))
	rows := randomRows(random, 40)
	rows[0].Model, rows[0].ErrorCode = "=cmd|' /C calc'!A0", "-1+1"
	rows[1].Model, rows[1].Exposure = "a,\"b\"\nc", ledger.Known(-5)
	var b strings.Builder
	if err := ledger.WriteCSV(&b, all(nil, rows...)); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(records) != len(rows)+1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	column := func(name string) int { return slices.Index(records[0], name) }
	var cost, want price.Sum
	for i, record := range records[1:] {
		if text := record[column("cost_usd")]; text != "" {
			cost.Add(price.MustUSD(text))
		}
		want.Add(rows[i].Cost.Pico)
	}
	if cost != want {
		t.Errorf("the costs add up to %s, want %s", cost, want)
	}
	if got := records[1][column("model")]; got != "'=cmd|' /C calc'!A0" || records[1][column("error_code")] != "'-1+1" {
		t.Errorf("a formula: %q", records[1])
	}
	if records[2][column("model")] != rows[1].Model || records[2][column("exposure_usd")] != "-0.000000000005" {
		t.Errorf("%q", records[2])
	}
	failed := errors.New("failed")
	if err := ledger.WriteCSV(&b, all(failed, rows[0])); err != failed {
		t.Error(err)
	}
}

// Every member of a row's JSON but the lesser counters of its usage is a column.
func TestWriteCSVHasAll(t *testing.T) {
	var b strings.Builder
	if err := ledger.WriteCSV(&b, all(nil)); err != nil {
		t.Fatal(err)
	}
	columns := strings.Split(strings.TrimSpace(b.String()), ",")
	for _, name := range memberNames(ledger.Row{}) {
		if !slices.Contains(columns, name) {
			t.Errorf("%s is no column", name)
		}
	}
}
