package main

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// spender returns a proxy after some calls, and its provider.
func spender(t *testing.T, args ...string) (*instance, *llmtest.Server) {
	sim := provider(t, llmtest.Config{Flex: llmtest.Schedule("..x"), Faults: llmtest.Sequence(llmtest.NoFault, llmtest.ResetAfterAccept)})
	p := start(t, sim.URL, append([]string{"-headers", "-policy", policyFile(t, flexFirst)}, args...)...)
	for _, prompt := range []string{"one", "two", "three", "four"} {
		p.chat(prompt, "Skinflint-Tag", `note=<script>alert("1")</script>`)
	}
	return p, sim
}

func TestData(t *testing.T) {
	for _, args := range [][]string{nil, {"-ledger", t.TempDir()}} {
		p, _ := spender(t, args...)
		rows, totals := p.rows(), p.totals()
		if totals.Calls != 4 || totals.Cost != spent(rows) || totals.Cost.Sign() <= 0 || totals.Exposure.Sign() <= 0 || len(rows) != int(totals.Attempts) {
			t.Errorf("%v: %d rows of %s, totals %+v", args, len(rows), spent(rows), totals)
		}
		entries := p.url + "/debug/spend/entries.jsonl"
		for query, want := range map[string]int{
			"": len(rows), "?since=1h": len(rows), "?limit=2": 2, "?limit=0": 0, "?since=2000-01-01T00:00:00Z&limit=1": 1,
			"?since=" + url.QueryEscape(rows[1].At.Format(time.RFC3339Nano)): len(rows) - 1, "?since=0s": 0, "?since=2999-01-01T00:00:00%2B02:00": 0,
		} {
			a := do(t, "GET", entries+query, "")
			if got := strings.Count(a.body, "\n"); a.status != 200 || got != want {
				t.Errorf("%v %s: %d, %d rows, want %d", args, query, a.status, got, want)
			}
		}
		at := func(name string, t time.Time) string { return name + "=" + url.QueryEscape(t.Format(time.RFC3339Nano)) }
		for query, want := range map[string]int{
			"?until=0s": len(rows), "?until=1h": 0, "?until=2000-01-01T00:00:00Z": 0, "?until=2999-01-01T00:00:00Z&limit=1": 1,
			"?" + at("until", rows[2].At): 2, "?" + at("since", rows[1].At) + "&" + at("until", rows[3].At): 2, "?" + at("since", rows[1].At) + "&" + at("until", rows[1].At): 0,
		} {
			a := do(t, "GET", entries+query, "")
			if got := strings.Count(a.body, "\n"); a.status != 200 || got != want {
				t.Errorf("%v %s: %d, %d rows, want %d", args, query, a.status, got, want)
			}
		}
	}
}

// TestQueries has queries of our own pages that are wrong. The answer names what is.
func TestQueries(t *testing.T) {
	p := start(t, "http://127.0.0.1:1")
	const entries = "/debug/spend/entries.jsonl"
	for query, want := range map[string]string{
		entries + "?since=yesterday": "since", entries + "?since=-1h": "since", entries + "?since=": "since", entries + "?since=0001-01-01T00:00:00Z": "since",
		entries + "?until=tomorrow": "until", entries + "?until": "until", entries + "?since=1h&until=2h": "until", entries + "?until=2026-13-01T00:00:00Z": "until",
		entries + "?limit=x": "limit", entries + "?limit=-1": "limit", entries + "?limit=": "limit", entries + "?limit=1.5": "limit", entries + "?limit=99999999999999999999": "limit",
		entries + "?limit=1&limit=2": "limit", entries + "?Since=1h": `\"Since\" is not known; known are since, until, limit`, entries + "?since=1h&model=gpt-5": "model",
		entries + "?since=1h;limit=1": "cannot be parsed", entries + "?since=%zz": "cannot be parsed", entries + "?=": "not known",
		"/debug/spend/totals.json?since=1h": "since", "/debug/spend/?until=1h": "until", "/debug/spend?x=1": "x", "/metrics?name=x": "this page has none", "/healthz?verbose": "verbose",
	} {
		a := do(t, "GET", p.url+query, "")
		var body struct{ Error struct{ Message string } }
		if err := json.Unmarshal([]byte(a.body), &body); err != nil || a.status != 400 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

func TestPage(t *testing.T) {
	for _, args := range [][]string{nil, {"-ledger", t.TempDir()}} {
		p, _ := spender(t, args...)
		a := do(t, "GET", p.url+"/debug/spend/", "")
		totals := p.totals()
		for _, want := range []string{
			"$" + totals.Cost.String(), "$" + totals.Exposure.String(), "By Model", "By Tier", "By Tag", "gpt-5-mini", "ambiguous (transport_error)",
			"&lt;script&gt;", "<style>\nbody",
		} {
			if !strings.Contains(a.body, want) {
				t.Errorf("%v: no %q in\n%s", args, want, a.body)
			}
		}
		if kept := strings.Contains(a.body, "Rows lost"); kept != (args != nil) {
			t.Errorf("%v: ledger's health: %v", args, kept)
		}
		for _, no := range []string{"<script", "<link", "<img", "http://", "https://", "url(", "ZgotmplZ"} {
			if strings.Contains(a.body, no) {
				t.Errorf("%q in the page", no)
			}
		}
		if csp := a.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("policy %q", csp)
		}
		if r := do(t, "GET", p.url+"/debug/spend/nothing", ""); r.status != 404 || !strings.Contains(r.body, "no such page") {
			t.Errorf("an unknown page: %d %s", r.status, r.body)
		}
		if r := do(t, "GET", p.url+"/debug/spend", ""); r.status != 302 || r.header.Get("Location") != "/debug/spend/" {
			t.Errorf("%+v", r)
		}
	}
}
