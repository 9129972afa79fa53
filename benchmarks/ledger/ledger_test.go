package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestProgram runs all of it, briefly: every way has to keep every row, and both outputs have to hold what they promise.
func TestProgram(t *testing.T) {
	var notes, table, object bytes.Buffer
	report, err := measure(t.Context(), effort{rows: 2500, rounds: 1, seed: 1, million: 50_000, held: 320, priced: 100}, &notes)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeTables(&table, report); err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(&object, report); err != nil {
		t.Fatal(err)
	}
	var got map[string]*float64
	if err := json.Unmarshal(object.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"jsonl_share", "jsonl_encoding_share", "sqlite_share", "postgres_share", "memory_rows_s", "enqueue_ns", "cost_ns", "rollup_bytes_1m",
		"open_ns", "blocked_max_ms", "blocked_second_ms",
	} {
		switch {
		case got[key] == nil && key == "postgres_share" && strings.Contains(notes.String(), "PostgreSQL"):
		case got[key] == nil || *got[key] <= 0:
			t.Errorf("%s is not a number above 0", key)
		}
	}
	for _, key := range []string{"enqueue_allocs", "cost_allocs"} {
		if got[key] == nil || *got[key] < 0 {
			t.Errorf("%s is not a number", key)
		}
	}
	if len(got) != 14 {
		t.Errorf("%d figures, want 14: %s", len(got), object.String())
	}
	for _, s := range report.standings {
		for _, w := range s.ways {
			if !strings.Contains(table.String(), "| "+w.name+" ") {
				t.Errorf("the table has no row of %s", w.name)
			}
		}
	}
	if r := report.rollup; r.groups != 10_000+2 || r.hours != 500 {
		t.Errorf("%+v, want %d groups, those of other models and tags among them, and 500 hours", r, 10_000+2)
	}
	if longest := report.delays[0].took[0]; longest < openWait {
		t.Errorf("the first call behind a sink that blocks took %v, want %v", longest, openWait)
	}
	if n := report.delays[0].waited(); n > 5 { // a busy machine may hold up others
		t.Errorf("%d calls waited for the sink, one after the other, want 1", n)
	}
}

// TestRefused: an invalid effort is refused with the figure.
func TestRefused(t *testing.T) {
	for _, size := range []effort{{rounds: 1}, {rows: 1}} {
		if _, err := measure(t.Context(), size, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "1 is the least") {
			t.Errorf("%+v: %v", size, err)
		}
	}
}

func TestDelays(t *testing.T) {
	d := &delays{took: []time.Duration{100 * time.Millisecond, 3, 2, 1, 0}}
	if d.waited() != 1 || d.at(0) != 0 || d.at(0.5) != 2 || d.at(1) != 100*time.Millisecond {
		t.Errorf("%d waited; %v, %v, %v", d.waited(), d.at(0), d.at(0.5), d.at(1))
	}
}
