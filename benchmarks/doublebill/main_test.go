package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

const (
	childEnv = "SKINFLINT_DOUBLEBILL"
	fewCalls = 200
)

func TestMain(m *testing.M) {
	flag.Parse()
	log.SetOutput(io.Discard)
	switch os.Getenv(childEnv) {
	case "passes":
		bench.AsTest("child", func(*testing.T) error { return nil })
	case "fails":
		bench.AsTest("child", func(*testing.T) error { return errors.New("it failed") })
	case "panics":
		bench.AsTest("child", func(t *testing.T) error { return bench.InBubble(t, func(*testing.T) error { panic("it panicked") }) })
	case "hangs":
		bench.AsTest("child", func(t *testing.T) error {
			return bench.InBubble(t, func(*testing.T) error { <-make(chan int); return nil })
		})
	}
	os.Exit(m.Run())
}

// TestFew makes a few calls with every client, twice.
func TestFew(t *testing.T) {
	all := clients()
	if bench.RaceDetector() {
		all = slices.DeleteFunc(all, func(c client) bool { return !strings.HasPrefix(c.name, "ours") && c.name != "openai-go" })
	}
	results, err := measure(t, all, fewCalls, 1)
	if err != nil {
		t.Fatal(err) // for example that the ledger does not agree with the meter
	}
	again, err := measure(t, all, fewCalls, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if a := again[i]; a.figures != r.figures || a.money != r.money || a.measured != r.measured {
			t.Errorf("%s: %+v, $%s and $%s, and then %+v, $%s and $%s", r.name, r.figures, r.paid, r.exposure, a.figures, a.paid, a.exposure)
		}
		checkFigures(t, r)
		checkLedger(t, r)
		checkBilling(t, r, results[0])
	}
	t.Run("json", func(t *testing.T) { testJSON(t, results) })
	t.Run("table", func(t *testing.T) { testTable(t, results) })
}

func isOurs(r result) bool { return strings.HasPrefix(r.name, "ours") }

// checkFigures checks that the figures of a client add up.
func checkFigures(t *testing.T, r result) {
	t.Helper()
	if r.Calls != fewCalls || r.Attempts < r.Calls || r.Attempts < r.Billed || r.Lost < r.LostUnbilled || r.Billed-r.BilledTwice != r.Calls-r.LostUnbilled {
		t.Errorf("%s: the figures do not add up: %+v", r.name, r.figures)
	}
}

// checkLedger checks that only skinflint has a ledger, and that it covers what was paid.
func checkLedger(t *testing.T, r result) {
	t.Helper()
	if ours := isOurs(r); ours != (r.rows > 0) || ours && (r.rows < r.Attempts || r.measured != r.Calls-r.Lost) {
		t.Errorf("%s: %d rows in the ledger, %d measured, for %+v", r.name, r.rows, r.measured, r.figures)
	}
	if azure := r.name == "ours under azopenai"; (r.unpriced > 0) != azure || azure && r.unpriced != r.measured {
		t.Errorf("%s: %d of %d without a cost", r.name, r.unpriced, r.measured)
	}
	wrong := r.paid.Sign() <= 0
	if isOurs(r) {
		wrong = wrong || r.unpriced == 0 && !r.covered()
	} else {
		wrong = wrong || r.cost.Sign() != 0 || r.exposure.Sign() != 0
	}
	if wrong {
		t.Errorf("%s: paid $%s, cost $%s, exposure $%s", r.name, r.paid, r.cost, r.exposure)
	}
}

// checkBilling checks which clients are billed twice: every one except skinflint, and skinflint only if it may be.
func checkBilling(t *testing.T, r, first result) {
	t.Helper()
	switch {
	case r.name == "ours, double billing allowed":
		if r.BilledTwice == 0 || r.LostUnbilled != 0 || r.Lost >= first.Lost {
			t.Errorf("%s: %+v, and ours: %+v", r.name, r.figures, first.figures)
		}
	case isOurs(r) && (r.BilledTwice != 0 || r.LostUnbilled != 0 || r.Billed != r.Calls):
		t.Errorf("%s: %+v", r.name, r.figures)
	case !isOurs(r) && r.BilledTwice == 0:
		t.Errorf("%s: nothing was billed twice: %+v", r.name, r.figures)
	case strings.HasPrefix(r.name, "openai-go over ") && r.Lost >= first.Lost:
		t.Errorf("%s: lost as much as ours, so that its timeout was not for each attempt: %+v", r.name, r.figures)
	}
}

func testTable(t *testing.T, results []result) {
	var table bytes.Buffer
	if err := writeTable(&table, results, 1); err != nil {
		t.Fatal(err)
	}
	want := []string{"| paid $ |", "checked: ours: ", "<= cost $"}
	for _, r := range results {
		want = append(want, " "+dollars(r.paid)+" |")
		if r.unpriced > 0 {
			want = append(want, "checked: "+r.name+": ", "no money, as the catalog has no prices")
		}
	}
	for _, s := range want {
		if !strings.Contains(table.String(), s) {
			t.Errorf("the table has no %q:\n%s", s, table.String())
		}
	}
}

func testJSON(t *testing.T, results []result) {
	var out bytes.Buffer
	if err := writeJSON(&out, results); err != nil {
		t.Fatal(err)
	}
	var object map[string]map[string]int
	if err := json.Unmarshal(out.Bytes(), &object); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"anthropic-sdk-go", "azopenai", "genai with retry options",
		"openai-go", "openai-go over failsafe-go", "openai-go over go-retryablehttp", "openai-go over rehttp", "openai-go, http.Client.Timeout",
		"ours", "ours under anthropic-sdk-go", "ours under azopenai", "ours under genai", "ours, SDK retries left on", "ours, double billing allowed",
	}
	if got := slices.Sorted(maps.Keys(object)); !slices.Equal(got, want) && !bench.RaceDetector() {
		t.Errorf("clients %q, want %q", got, want)
	}
	for name, f := range object {
		if got := slices.Sorted(maps.Keys(f)); !slices.Equal(got, []string{"attempts", "billed", "billed_twice", "calls", "lost", "lost_unbilled"}) {
			t.Errorf("%s has %q", name, got)
		}
	}
}
