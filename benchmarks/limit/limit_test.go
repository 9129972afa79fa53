package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestProgram makes a short run of everything. The figures that do not depend on the machine have to be right, and both
// outputs have to have every row.
func TestProgram(t *testing.T) {
	brief := effort{rounds: 1, calls: 500, together: 8, cancelled: 5, few: 20, many: 200, keys: 2000, exchanges: 50, sockets: 8}
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
	var got map[string]any
	if err := json.Unmarshal(object.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	withRedis := !strings.Contains(notes.String(), "no figures of Redis")
	keys := []string{"local_ns", "contended_ns", "queue_growth", "bytes_1m_keys", "after_cancel_ms", "after_cancel_ms_xtime"}
	if withRedis {
		keys = append(keys, "redis_two_over_ping", "redis_full_over_ping", "redis_share_of_redis_rate")
	}
	for _, key := range keys {
		if n, ok := got[key].(float64); !ok || n <= 0 {
			t.Errorf("%s is %v, want a number above 0", key, got[key])
		}
	}
	if n, ok := got["allocs"].(float64); !ok || n < 0 || n > 20 {
		t.Errorf("allocs is %v", got["allocs"])
	}
	if _, ok := got["redis_two_over_ping"]; ok != withRedis {
		t.Errorf("there are figures of Redis: %v, want %v", ok, withRedis)
	}
	var names []string
	for _, w := range localWays() {
		names = append(names, w.name)
	}
	for _, w := range slowWays() {
		names = append(names, w.name)
	}
	if withRedis {
		names = append(names, "PING", "skinflint, 2 limits", "skinflint, everything", "redis_rate", "redis_rate, twice")
	}
	for _, name := range names {
		if !strings.Contains(table.String(), "| "+name+" ") {
			t.Errorf("no row %q in\n%s", name, table.String())
		}
	}
	// The next of ours is admitted as if the others had not been there; x/time/rate has it wait for some of them, whose number
	// depends on the order in which they give up.
	if w := report.cancel[0].wait; w > 2*time.Second/slowRate {
		t.Errorf("the next call waits %v", w)
	}
	if per := report.perMillion(report.keys[0]); per < 50e6 || per > 2e9 {
		t.Errorf("a million keys take %d bytes", per)
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
