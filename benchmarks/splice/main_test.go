package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestProgram measures briefly. Every check has to pass, and both outputs have to be complete.
func TestProgram(t *testing.T) {
	brief := effort{rounds: 1, slowRounds: 1, sample: 1, slowSample: 1, large: 500 << 10}
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
	for _, key := range []string{"prose_10m_over_memcpy", "base64_10m_over_memcpy", "alloc_bytes_10m"} {
		if got[key] <= 0 {
			t.Errorf("%s is %v, want a number above 0", key, got[key])
		}
	}
	if len(got) != 3 {
		t.Errorf("%d figures, want 3: %v", len(got), got)
	}
	for _, w := range ways() {
		if n := strings.Count(table.String(), "| "+w.name+" "); n != len(report.tables) {
			t.Errorf("the tables have %d rows %q, want %d", n, w.name, len(report.tables))
		}
	}
}

func TestCheckDocument(t *testing.T) {
	const original = `{"model":"gpt-5","n":1}`
	for _, c := range []struct {
		name, made string
		place      place
		ok         bool
	}{
		{"front", `{"service_tier":"flex","model":"gpt-5","n":1}`, front, true},
		{"back", `{"model":"gpt-5","n":1,"service_tier":"flex"}`, back, true},
		{"in the middle", `{"model":"gpt-5", "service_tier":"flex", "n":1}`, anywhere, true},
		{"not edited", original, nowhere, true},
		{"missing", original, front, false},
		{"missing from a map", original, anywhere, false},
		{"twice", `{"service_tier":"flex","service_tier":"flex","model":"gpt-5","n":1}`, front, false},
		{"at the wrong end", `{"model":"gpt-5","n":1,"service_tier":"flex"}`, front, false},
		{"another", `{"service_tier":"fast","model":"gpt-5","n":1}`, front, false},
		{"changed", `{"service_tier":"flex","model":"gpt-5","n":2}`, front, false},
		{"changed in a map", `{"service_tier":"flex","model":"gpt-5","n":2}`, anywhere, false},
		{"cut off", `{"service_tier":"flex","model":"gpt-5","n":1`, front, false},
		{"longer", `{"service_tier":"flex","model":"gpt-5","n":1}}`, front, false},
		{"broken", `{"service_tier":"flex","model":"gpt-5","n":1`, anywhere, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := checkDocument([]byte(c.made), []byte(original), c.place); (err == nil) != c.ok {
				t.Errorf("got error %v, want none: %v", err, c.ok)
			}
		})
	}
}

// TestBodies checks the bodies: valid JSON, of about the right size, and the same ones every time.
func TestBodies(t *testing.T) {
	sizes := []int{2 << 10, 100 << 10, 1 << 20, 1 << 20}
	again := bodies(1 << 20)
	for i, b := range bodies(1 << 20) {
		if !json.Valid(b.data) || bytes.Contains(b.data, []byte(`"service_tier"`)) {
			t.Errorf("%s is not JSON without a tier", b.name)
		}
		if n := len(b.data); n < sizes[i]*97/100 || n > sizes[i]*115/100 {
			t.Errorf("%s has %d bytes, want about %d", b.name, n, sizes[i])
		}
		if !bytes.Equal(b.data, again[i].data) {
			t.Errorf("%s differs when it is made again", b.name)
		}
	}
}
