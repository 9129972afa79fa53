package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

// TestOutput measures small traces, with a recorded one and without. Both outputs have to be complete.
func TestOutput(t *testing.T) {
	apps := small(2, 60, 12)
	apps.name = "apps"
	for name, recorded := range map[string]*trace{"recorded": small(1, 80, 12), "none": nil} {
		t.Run(name, func(t *testing.T) {
			results, err := measure(workloads(recorded, []*trace{apps}))
			if err != nil {
				t.Fatal(err)
			}
			loads := 3
			if recorded == nil {
				loads = 1
			}
			var table, object bytes.Buffer
			if err := writeTables(&table, results, recorded == nil); err != nil {
				t.Fatal(err)
			}
			rows := strings.Count(table.String(), "\n| pro ") + strings.Count(table.String(), "\n| flash ")
			if rows != 36*loads || strings.Count(table.String(), "\n| 12h ") != 3*loads {
				t.Errorf("%d rows:\n%s", rows, table.String())
			}
			if got := strings.HasPrefix(table.String(), "Only generated traces are measured"); got != (recorded == nil) {
				t.Errorf("says that only generated traces are measured: %v\n%.200s", got, table.String())
			}
			if !strings.Contains(table.String(), legend) || strings.Contains(table.String(), "../") {
				t.Errorf("%.1000s", table.String())
			}
			if err := bench.WriteJSON(&object, figuresOf(results)); err != nil {
				t.Fatal(err)
			}
			checkFigures(t, object.Bytes(), recorded != nil, loads)
		})
	}
}

func checkFigures(t *testing.T, object []byte, recorded bool, loads int) {
	var got map[string]any
	if err := json.Unmarshal(object, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"worst_over_no_cache", "apps_share"} {
		if _, ok := got[key].(float64); !ok {
			t.Errorf("%s is %v, want a number", key, got[key])
		}
	}
	for _, key := range []string{"share_x01_p0", "share_x01_p30", "share_x1_p0", "dollars_share"} {
		if _, ok := got[key].(float64); ok != recorded {
			t.Errorf("%s is %v", key, got[key])
		}
	}
	shares, _ := got["writes_share"].(map[string]any)
	for _, p := range products {
		if _, ok := shares[p.name].(float64); ok != recorded {
			t.Errorf("writes_share.%s is %v", p.name, shares[p.name])
		}
	}
	explicit, _ := got["explicit"].([]any)
	writes, _ := got["writes"].([]any)
	if len(shares) != 4 || len(got) != 9 || len(explicit) != 36*loads || len(writes) != 12*loads {
		t.Errorf("%d figures, %d shares of writes, %d and %d rows", len(got), len(shares), len(explicit), len(writes))
	}
}

func TestRunNamesTheFile(t *testing.T) {
	if err := run(&bytes.Buffer{}, "absent.jsonl", false); err == nil || !strings.Contains(err.Error(), "absent.jsonl") {
		t.Errorf("%v, want an error that names the file", err)
	}
}

// The conclusion says what is saved on each trace, and the worst loss.
func TestConclusion(t *testing.T) {
	results := []result{{
		workload: workload{name: "apps"},
		explicit: []explicit{{none: 1000, ours: outcome{cost: 900}, hindsight: 300}, {none: 100, ours: outcome{cost: 102}}},
		writes:   []writes{{never: 1000, ours: 800, clairvoyant: 600}},
	}}
	var b strings.Builder
	writeConclusion(&b, results)
	want := "\nConclusion: of what can be saved with the future known, explicit caches and priced writes of ours save 27 % and 50 % (apps)," +
		" and in the worst row they cost 2.0 % more than no cache.\n"
	if b.String() != want {
		t.Errorf("%s, want %s", b.String(), want)
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if _, err := parse([]string{"-h"}, &out); !errors.Is(err, flag.ErrHelp) || !strings.HasPrefix(out.String(), "Usage: cacheeconomics [flags]\n") {
		t.Errorf("%v, %s", err, out.String())
	}
	if _, err := parse([]string{"x"}, &out); err == nil || !strings.Contains(out.String(), `unknown argument "x"`) {
		t.Errorf("%v, %s", err, out.String())
	}
}
