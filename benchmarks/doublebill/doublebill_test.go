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
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
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
		asTest("child", func(*testing.T) error { return nil })
	case "fails":
		asTest("child", func(*testing.T) error { return errors.New("it failed") })
	case "panics":
		asTest("child", func(t *testing.T) error { return inBubble(t, func(*testing.T) error { panic("it panicked") }) })
	case "hangs":
		asTest("child", func(t *testing.T) error {
			return inBubble(t, func(*testing.T) error { <-make(chan int); return nil })
		})
	}
	os.Exit(m.Run())
}

// TestExit ends processes of their own in all the ways.
func TestExit(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for way, want := range map[string]struct {
		status int
		says   string
	}{
		"passes": {0, ""}, "fails": {1, "it failed"}, "panics": {1, "it panicked"}, "hangs": {1, "deadlock"},
	} {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), childEnv+"="+way)
		var says strings.Builder
		cmd.Stderr = &says
		out, err := cmd.Output()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != want.status || !strings.Contains(says.String(), want.says) || len(out) > 0 {
			t.Errorf("%s: exit status %d, want %d; it prints %q, and says\n%s", way, got, want.status, out, says.String())
		}
	}
}

// TestFew has every client make a few calls, twice.
func TestFew(t *testing.T) {
	all := clients()
	if raceEnabled {
		all = slices.DeleteFunc(all, func(c client) bool { return !strings.HasPrefix(c.name, "ours") && c.name != "openai-go" })
	}
	results, err := measure(t, all, fewCalls, 1)
	if err != nil {
		t.Fatal(err) // our ledger not agreeing with the meter is one
	}
	again, err := measure(t, all, fewCalls, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if again[i].figures != r.figures {
			t.Errorf("%s: %+v, and then %+v", r.name, r.figures, again[i].figures)
		}
		if r.Calls != fewCalls || r.Attempts < r.Calls || r.Attempts < r.Billed || r.Lost < r.LostUnbilled || r.Billed-r.BilledTwice != r.Calls-r.LostUnbilled {
			t.Errorf("%s: the figures do not add up: %+v", r.name, r.figures)
		}
		ours := strings.HasPrefix(r.name, "ours")
		if ours != (r.rows > 0) || ours && r.rows < r.Attempts {
			t.Errorf("%s: %d rows in the ledger, for %d attempts", r.name, r.rows, r.Attempts)
		}
		switch {
		case r.name == "ours, double billing allowed":
			if r.BilledTwice == 0 || r.LostUnbilled != 0 || r.Lost >= results[0].Lost {
				t.Errorf("%s: %+v, and ours: %+v", r.name, r.figures, results[0].figures)
			}
		case ours && (r.BilledTwice != 0 || r.LostUnbilled != 0 || r.Billed != r.Calls):
			t.Errorf("%s: %+v", r.name, r.figures)
		case !ours && r.BilledTwice == 0:
			t.Errorf("%s: nothing was billed twice: %+v", r.name, r.figures)
		}
	}
	t.Run("json", func(t *testing.T) { testJSON(t, results) })
	var table bytes.Buffer
	if err := writeTable(&table, results, 1); err != nil || !strings.Contains(table.String(), "checked: ours under genai: ") {
		t.Errorf("%v\n%s", err, table.String())
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
	if got := slices.Sorted(maps.Keys(object)); !slices.Equal(got, want) && !raceEnabled {
		t.Errorf("clients %q, want %q", got, want)
	}
	for name, f := range object {
		if got := slices.Sorted(maps.Keys(f)); !slices.Equal(got, []string{"attempts", "billed", "billed_twice", "calls", "lost", "lost_unbilled"}) {
			t.Errorf("%s has %q", name, got)
		}
	}
}

// TestAgree has ledgers that differ from the meter.
func TestAgree(t *testing.T) {
	meter := []llmtest.Generation{{ID: "a", Prompt: 7, Completion: 5}, {ID: "b", Prompt: 9, Completion: 3}}
	row := func(id string, in, out int64) ledger.Row {
		return ledger.Row{ResponseID: id, Outcome: policy.Billed, UsageSource: ledger.Measured, Usage: price.Usage{Input: in, Output: out}}
	}
	free := ledger.Row{Outcome: policy.Rejected, UsageSource: ledger.None}
	lost := ledger.Row{Outcome: policy.Ambiguous, UsageSource: ledger.Unknown}
	unknown := ledger.Row{ResponseID: "b", Outcome: policy.Billed, UsageSource: ledger.Unknown}
	for name, c := range map[string]struct {
		rows []ledger.Row
		want string
	}{
		"the same":      {[]ledger.Row{free, row("a", 7, 5), free, row("b", 9, 3)}, ""},
		"without one":   {[]ledger.Row{row("a", 7, 5), lost}, ""},
		"one too few":   {[]ledger.Row{row("a", 7, 5), free}, "2 generations"},
		"one too many":  {[]ledger.Row{row("a", 7, 5), row("b", 9, 3), lost}, "nothing was billed for"},
		"another usage": {[]ledger.Row{row("a", 7, 5), row("b", 9, 4)}, "another usage"},
		"another order": {[]ledger.Row{row("b", 7, 5), row("a", 9, 3)}, "another answer"},
		"no usage":      {[]ledger.Row{row("a", 7, 5), unknown}, "not known"},
	} {
		err := (&books{rows: c.rows}).agree(meter)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
