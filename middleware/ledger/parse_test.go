package ledger_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// A row is read back as it was written, and as encoding/json reads it.
func TestParseRow(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 5000 {
		r := randomRow(random)
		line := r.AppendJSON(nil)
		got, err := ledger.ParseRow(line)
		var want ledger.Row
		if e := json.Unmarshal(line, &want); e != nil || err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\nis read as %+v\nwant %+v\n%v, %v", line, got, want, err, e)
		}
	}
}

func FuzzParseRow(f *testing.F) {
	f.Add(billed.AppendJSON(nil))
	f.Add([]byte(`{"call":"a","attempt":01,"usage":{"input":-0,"output":+1}}`))
	f.Add([]byte(`{"attempt":1,"call":"a","call":"b","tags":{"a":"1","a":"2"}} `))
	f.Add([]byte(`{"call":"a","later_member":[1],"cost_usd":"-0.000000000001","tags":{}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := ledger.ParseRow(line)
		var want ledger.Row
		if e := json.Unmarshal(line, &want); (e == nil && !owed(&want)) != (err == nil) || err == nil && !reflect.DeepEqual(r, want) {
			t.Fatalf("%q is read as %+v, %v, by encoding/json as %+v, %v", line, r, err, want, e)
		}
		if err != nil {
			return
		}
		text := r.AppendJSON(nil)
		back, err := ledger.ParseRow(text)
		if err != nil || string(back.AppendJSON(nil)) != string(text) {
			t.Errorf("%s is read as %s: %v", text, back.AppendJSON(nil), err)
		}
	})
}

// owed reports whether an amount of the row is negative that cannot be.
func owed(r *ledger.Row) bool {
	return r.Cost.Pico < 0 && r.Outcome != policy.Storage || r.List.Pico < 0 || r.Exposure.Pico < 0 || r.Reported.Pico < 0
}

// Money that cannot be negative is not read back as such, and the error names the member.
func TestParseNegativeMoney(t *testing.T) {
	for name, bad := range map[string]bool{
		"cost_usd": true, "list_usd": true, "exposure_usd": true, "reported_usd": true, "implicit_usd": false, "explicit_usd": false,
	} {
		for _, form := range []string{`{"call":"a","attempt":1,"` + name + `":"-0.5"}`, `{ "call":"a", "` + name + `" : "-0.5", "attempt":1}`} {
			if _, err := ledger.ParseRow([]byte(form)); (err != nil) != bad || bad && !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", form, err)
			}
		}
	}
	for _, good := range []string{
		`{"call":"a","attempt":1,"outcome":"storage","usage":{},"usage_source":"estimated","cost_usd":"-0.5"}`,
		`{"call":"a","attempt":1,"cost_usd":"0"}`, `{"call":"a","attempt":1,"cost_usd":null}`,
	} {
		if _, err := ledger.ParseRow([]byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	if _, err := ledger.ParseRow([]byte(`{"call":"a","outcome":"storage","exposure_usd":"-1"}`)); err == nil {
		t.Error("a negative exposure of storage was read")
	}
}

// An error names the member that is wrong.
func TestParseRowNamesMembers(t *testing.T) {
	for line, want := range map[string]string{
		`{"attempt":"x"}`: "attempt", `{"cost_usd":"x"}`: "cost_usd", `{"cost_usd":1e3}`: "cost_usd", `{"at":"yesterday"}`: "at is",
		`{"usage":{"input":"x"}}`: "usage", `{"tags":[]}`: "tags", `[]`: "the line",
	} {
		if _, err := ledger.ParseRow([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

func BenchmarkParseRow(b *testing.B) {
	row := billed
	row.At = time.Now().UTC()
	line := row.AppendJSON(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ledger.ParseRow(line); err != nil {
			b.Fatal(err)
		}
	}
}

// No error quotes a line.
func TestParseRowDoesNotQuote(t *testing.T) {
	for _, line := range []string{`{"at":"sk-secret"}`, `{"cost_usd":"sk-secret"}`, `{"call":{"sk-secret":1}}`, `{"tags":{"sk-secret":1}}`, `{"sk-secret`, `sk-secret`, `{"attempt":"sk-secret"}`} {
		if _, err := ledger.ParseRow([]byte(line)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", line, err)
		}
	}
}
