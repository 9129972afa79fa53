package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// brief is an effort for a test.
var brief = effort{rounds: 1, calls: 500, together: 8, cancelled: 5, few: 20, many: 200, keys: 2000, exchanges: 50, sockets: 8}

// TestProgram makes a short run of everything. Both outputs have to have every figure and row.
func TestProgram(t *testing.T) {
	var notes, table, object bytes.Buffer
	report, err := measure(t.Context(), brief, &notes)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeTables(&table, report); err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(&object, report); err != nil {
		t.Fatal(err)
	}
	figures := []string{"local_ns", "contended_ns", "allocs", "queue_growth", "bytes_1m_keys", "after_cancel_ms", "after_cancel_ms_xtime"}
	names := []string{queues[0].name, queues[1].name, report.keys[0].name, report.keys[1].name, report.keys[2].name}
	for _, w := range append(localWays(), slowWays()...) {
		names = append(names, w.name)
	}
	if !strings.Contains(notes.String(), "no figures of Redis") {
		figures = append(figures, "redis_two_over_ping", "redis_full_over_ping", "redis_share_of_redis_rate")
		names = append(names, "PING", "skinflint, 2 limits", "skinflint, 2 limits, settled", "skinflint, everything", "redis_rate", "redis_rate, twice")
	}
	var got map[string]any
	if err := json.Unmarshal(object.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range figures {
		if n, ok := got[key].(float64); !ok || n <= 0 {
			t.Errorf("%s is %v, want a number above 0", key, got[key])
		}
	}
	for _, name := range names {
		if !strings.Contains(table.String(), "| "+name+" ") {
			t.Errorf("no row %q in\n%s", name, table.String())
		}
	}
}

// TestAfterCancelled: the next call of ours is admitted as if those that have given up had not been there.
func TestAfterCancelled(t *testing.T) {
	wait, err := afterCancelled(t.Context(), slowWays()[0].make, 50)
	if err != nil || wait > 2*time.Second/slowRate {
		t.Errorf("the next call waits %v, %v", wait, err)
	}
}

// TestKeys: no key that has taken something is left out.
func TestKeys(t *testing.T) {
	rows, err := measureKeys(t.Context(), brief)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if per := row.bytes / int64(brief.keys); per < 50 || per > 2000 {
			t.Errorf("%s: %d bytes a key", row.name, per)
		}
	}
}

// Without redis-server the program says so, and has all other figures.
func TestWithoutRedis(t *testing.T) {
	t.Setenv("PATH", "")
	var notes bytes.Buffer
	r, err := measureRedis(t.Context(), full, &notes)
	if r != nil || err != nil || !strings.Contains(notes.String(), "redis-server") {
		t.Errorf("%v, %v, %q", r, err, notes.String())
	}
}
