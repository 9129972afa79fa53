package postgres

import (
	"testing"
	"time"
)

func TestMonths(t *testing.T) {
	for _, c := range []struct {
		at    time.Time
		table string
	}{
		{time.Time{}, "rows_0001_01"},
		{time.Date(1969, 12, 31, 23, 59, 59, 999, time.UTC), "rows_1969_12"},
		{time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), "rows_2026_12"},
		{time.Date(2027, 1, 1, 0, 30, 0, 0, time.FixedZone("", 3600)), "rows_2026_12"},
		{latest, "rows_9999_12"},
	} {
		m := monthOf(c.at)
		if m.table() != c.table || c.at.Before(m.begin()) || !c.at.Before((m + 1).begin()) {
			t.Errorf("%v: %s from %v to %v, want %s", c.at, m.table(), m.begin(), (m + 1).begin(), c.table)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add("rows_2026_11")
	f.Add("rows_2026_13")
	f.Add("rows_-1_1")
	f.Add("rows_292277027000_01")
	f.Add("rows_99999999999999999999_01")
	f.Fuzz(func(t *testing.T, name string) {
		if m, ok := parseTable(name); ok && (m.table() != name || monthOf(m.begin()) != m) {
			t.Errorf("%q is taken for %q", name, m.table())
		}
	})
}
