package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestProgram makes a short run of everything. Every check has to pass, and both outputs have to have every row.
func TestProgram(t *testing.T) {
	brief := effort{
		rounds: 2, memory: 40, loopback: 20, http2: 20, counted: 20,
		long: [2]int{100 << 10, 300 << 10}, longRounds: 1, longCalls: 2, concurrent: 8,
	}
	var table, object bytes.Buffer
	report, err := measure(brief)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeTables(&table, report); err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(&object, report); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"skinflint, flex then standard, in memory: ", "skinflint, under an SDK, over HTTP/2: ", "name the tier flex, once; ",
		"skinflint, default policy, over loopback: ", "skinflint, Retry alone, in memory: ", "bodies are unchanged\n",
	} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no line %q in\n%s", want, table.String())
		}
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(object.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"mem_2k_over_bare", "loop_2k_over_bare", "h2_2k_over_bare", "allocs_2k", "bytes_2k", "stainless_2k_over_bare",
		"lone_retry_2k_over_bare", "loop_1m_prose_over_bare", "loop_1m_base64_over_bare",
	} {
		var n float64
		if err := json.Unmarshal(got[key], &n); err != nil || n <= 0 {
			t.Errorf("%s is %s, want a number above 0", key, got[key])
		}
	}
	if _, ok := got["peak_live_100x16m"]; !ok {
		t.Error("no peak_live_100x16m") // its value may be below 0 in a run as short as this
	}
	for _, v := range variants() {
		want := 1
		if v.sendsLong() {
			want = 2
		}
		if n := rows(table.String(), v.name); n != want {
			t.Errorf("the tables have %d rows %q, want %d", n, v.name, want)
		}
		var f figures
		if err := json.Unmarshal(got[v.key], &f); err != nil || f.Memory <= 0 || f.Loopback <= 0 || f.HTTP2 <= 0 || f.Allocs <= 0 || f.Bytes <= 0 {
			t.Errorf("%s is %s, want numbers above 0", v.key, got[v.key])
		}
		if long := f.Prose1M > 0 && f.Base641M > 0 && f.Prose16M > 0 && f.Base6416M > 0 && f.Live != nil; long != v.sendsLong() {
			t.Errorf("%s is %s, want numbers of long bodies: %v", v.key, got[v.key], v.sendsLong())
		}
	}
}

// rows returns the number of rows with the given name in the tables.
func rows(tables, name string) (n int) {
	for line := range strings.Lines(tables) {
		if cells := strings.Split(line, "|"); len(cells) > 1 && strings.TrimSpace(cells[1]) == name {
			n++
		}
	}
	return n
}
