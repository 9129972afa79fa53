package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
)

// TestProgram measures briefly. Every check has to pass, and both outputs have to be complete.
func TestProgram(t *testing.T) {
	brief := effort{rounds: 1, busy: 1, loopback: 300, memory: 2000}
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
	var got map[string]float64
	if err := json.Unmarshal(object.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"throughput_share", "tap_gb_s"} {
		if got[key] <= 0 {
			t.Errorf("%s is %v, want a number above 0", key, got[key])
		}
	}
	if _, ok := got["allocs_per_event"]; !ok || len(got) != 3 {
		t.Errorf("got %v, want three figures, allocs_per_event among them", got)
	}
	for _, k := range kinds() {
		if n := strings.Count(table.String(), "| "+k.name+" "); n != 6 {
			t.Errorf("the tables have %d rows %q, want 6", n, k.name)
		}
	}
}

// TestWrongUsage has a ground report a wrong usage. The check has to find it.
func TestWrongUsage(t *testing.T) {
	s := chat.NewStream(10, "\n")
	s.All = bytes.Replace(s.All, []byte("20064,"), []byte("20063,"), 1)
	s.All = bytes.Replace(s.All, []byte("20501,"), []byte("20500,"), 1)
	c, err := open(kinds()[1], inMemory(s, "LF"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.check(); err == nil || !strings.Contains(err.Error(), "a row cost") {
		t.Errorf("got error %v, want an error about a wrong row", err)
	}
}

// TestStrangeStream changes one byte of the stream. Every kind has to find it.
func TestStrangeStream(t *testing.T) {
	for _, k := range kinds() {
		c, err := open(k, inMemory(chat.NewStream(10, "\n"), "LF"))
		if err != nil {
			t.Fatal(err)
		}
		c.want = bytes.Clone(c.want)
		c.want[100] ^= 1
		if err := c.rehearse(); err == nil {
			t.Errorf("%s: no error for a stream that differs by a bit", k.name)
		}
	}
}

// TestStream checks the streams: events of the right size, each of them JSON, and the usage once.
func TestStream(t *testing.T) {
	for _, newline := range newlines {
		s := chat.NewStream(1000, newline.text)
		if n := len(s.All) / len(s.Events); n < 260 || n > 280 {
			t.Errorf("%s: events of %d bytes, want about 270", newline.name, n)
		}
		for i, e := range s.Events {
			data := strings.TrimSuffix(strings.TrimPrefix(string(e), "data: "), newline.text+newline.text)
			if i < len(s.Events)-1 && !json.Valid([]byte(data)) {
				t.Errorf("%s: event %d is not JSON: %s", newline.name, i, data)
			}
			if strings.Contains(data, `"usage":{`) != (i == s.Usage) {
				t.Errorf("%s: event %d: %s", newline.name, i, data)
			}
		}
	}
}
