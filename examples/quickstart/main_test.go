package main

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out, true); err != nil {
		t.Fatal(err)
	}
	var s summary
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	saved, ok := new(big.Rat).SetString(s.Saved)
	if !ok || saved.Sign() <= 0 {
		t.Errorf("saved_usd %q", s.Saved)
	}
	if s.DoubleBilled != 0 || s.Refused == 0 || s.Fallbacks == 0 || s.Ledger != s.Meter || s.Ledger != s.Cost {
		t.Errorf("%+v", s)
	}
	if s.Calls != int64(len(calls)) || s.BilledAttempts != len(calls) || s.Attempts != s.Calls+int64(s.Refused) {
		t.Errorf("%+v", s)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out, false); err != nil {
		t.Fatal(err)
	}
	for _, c := range calls {
		if !strings.Contains(out.String(), c.what) {
			t.Errorf("no line for %q in\n%s", c.what, out.String())
		}
	}
	for _, want := range []string{"flex (capacity) > standard", "flex (tier_refused) > standard", " ms", "gemini-2.5-pro", "24000"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
