package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

// testMainEnv makes the test's own program be the program.
const testMainEnv = "SKINFLINT_TEST_MAIN"

// TestMain runs a worker, or the program, instead of the tests in the processes that the tests start.
func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) != "" || os.Getenv(testMainEnv) == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// skipWithout skips the test if what the program says is that a server is not installed.
func skipWithout(t *testing.T, code int, said string) {
	t.Helper()
	if code == exitUsage && strings.Contains(said, "is not installed") && os.Getenv("SKINFLINT_REQUIRE_SERVICES") != "1" {
		t.Skip(said)
	}
}

// TestFleet is a run with small figures. Every promise must be kept.
func TestFleet(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	code := start(t.Context(), []string{"-json", "-workers", "3", "-for", "15s", "-hang", "1s", "-v"}, &stdout, &stderr)
	skipWithout(t, code, stderr.String())
	if code != exitDone {
		t.Fatalf("code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	t.Logf("%s", stdout.String())
	var s summary
	if err := json.Unmarshal(stdout.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Killed != 1 || s.Shared == 0 || s.Unknown == 0 || s.Samples < 50 || s.RefusedBudget == 0 || s.Answered == 0 || s.LedgerRows < s.Answered {
		t.Errorf("%+v", s)
	}
	for _, word := range []string{"Redis cannot be reached", "Redis is back"} {
		if !strings.Contains(stderr.String(), word) {
			t.Errorf("the logs do not say %q:\n%s", word, stderr.String())
		}
	}
	checkFields(t, stdout.Bytes())
}

// checkFields checks the fields that other programs read.
func checkFields(t *testing.T, object []byte) {
	t.Helper()
	var counts struct{ Admitted, Limit *int }
	if err := json.Unmarshal(object, &counts); err != nil || counts.Admitted == nil || counts.Limit == nil {
		t.Errorf("%v in %s", err, object)
	}
	var amounts struct {
		Spent    *string `json:"spent_usd"`
		Held     *string `json:"held_usd"`
		Exposure *string `json:"exposure_usd"`
		Cap      *string `json:"cap_usd"`
		Meter    *string `json:"meter_usd"`
	}
	if err := json.Unmarshal(object, &amounts); err != nil {
		t.Fatal(err)
	}
	for _, text := range []*string{amounts.Spent, amounts.Held, amounts.Exposure, amounts.Cap, amounts.Meter} {
		if text == nil {
			t.Fatalf("an amount is not there: %s", object)
		}
		if _, err := price.ParseUSD(*text); err != nil {
			t.Error(err)
		}
	}
}

func TestNoRedis(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var stdout, stderr bytes.Buffer
	if code := start(t.Context(), nil, &stdout, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "apt-get install redis-server") {
		t.Errorf("code %d: %s", code, stderr.String())
	}
}

func TestBadFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-workers 1":              "-workers 1: want 2 to 50",
		"-workers -3":             "-workers -3: want",
		"-workers x":              "-workers",
		"-calls 0":                "-calls 0: want",
		"-calls 1":                "-calls 1: with 4 workers, and one of them killed, that is too few",
		"-rpm 100":                "-rpm 100: want 240",
		"-rpm 1000000":            "to 60000",
		"-for 1s":                 "-for 1s: want 5s",
		"-hang 0s":                "-hang 0s: want 1s",
		"-for 8s -hang 5s":        "-hang 5s: want 1s to half of -for",
		"again":                   `"again": there are only flags`,
		"-cap 5":                  "not defined: -cap",
		"-for 20 -json -workers=": "-for",
	} {
		var stdout, stderr bytes.Buffer
		if code := start(t.Context(), strings.Fields(args), &stdout, &stderr); code != exitUsage || !strings.Contains(stderr.String(), want) || stdout.Len() > 0 {
			t.Errorf("%s: code %d, %q, want %q", args, code, stderr.String(), want)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := start(t.Context(), []string{"-h"}, &stdout, &stderr); code != exitDone || !strings.Contains(stderr.String(), "-hang") {
		t.Errorf("-h: code %d, %s", code, stderr.String())
	}
}
