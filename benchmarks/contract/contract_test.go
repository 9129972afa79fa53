package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/transporttest"
)

func TestMain(m *testing.M) {
	// A panic on another goroutine cannot be caught, and ends the process.
	extra = append(extra, subject{"crashes", func(base http.RoundTripper) http.RoundTripper {
		return roundTripperFunc(func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.Path, "healthz") || req.Header.Get("Upgrade") != "" {
				go panic("of the test's own")
				select {}
			}
			return base.RoundTrip(req)
		})
	}})
	if name := os.Getenv(childEnv); name != "" {
		child(name)
	}
	os.Exit(m.Run())
}

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestOurs runs ours as the program does, but in this process.
func TestOurs(t *testing.T) {
	for _, s := range subjects() {
		switch s.name {
		case bare, "skinflint", "skinflint-flex":
			t.Run(s.name, func(t *testing.T) { transporttest.TestRoundTripper(t, s.over) })
		}
	}
}

// TestJudge judges in processes of their own one that does everything right, and one that ends them.
func TestJudge(t *testing.T) {
	all := subjects()
	crashes := all[len(all)-1]
	results, err := judgeAll([]subject{all[0], crashes})
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; len(r.items) == 0 || len(r.failed) > 0 {
		t.Errorf("%s: %d items, failed %v", r.name, len(r.items), r.failed)
	}
	r := results[1]
	if want := []string{"E47_upgrade", "F50_close_idle_connections", "F59_nil_base", "F62_allocations"}; !slices.Equal(r.failed, want) {
		t.Errorf("failed %v, not %v", r.failed, want)
	}
	if !slices.Equal(r.items, results[0].items) || len(r.crashed) != 2 {
		t.Errorf("items %v, crashed %v", r.items, r.crashed)
	}

	var out bytes.Buffer
	if err := writeJSON(&out, results); err != nil {
		t.Fatal(err)
	}
	var object map[string]struct {
		Passed, Items int
		Failed        []string
	}
	if err := json.Unmarshal(out.Bytes(), &object); err != nil {
		t.Fatal(err)
	}
	if got := object["crashes"]; got.Passed != got.Items-4 || !slices.Equal(got.Failed, []string{"E47", "F50", "F59", "F62"}) {
		t.Errorf("%+v", got)
	}
	out.Reset()
	if err := writeTable(&out, results); err != nil || !strings.Contains(out.String(), "E47 upgrade (ends the program)") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
