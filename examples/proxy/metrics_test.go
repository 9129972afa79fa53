package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

var (
	comment    = regexp.MustCompile(`^# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge))$`)
	sampleLine = regexp.MustCompile(`^([a-z_]+)(\{(model|tier)="((\\\\|\\n|\\"|[^\\"\n])*)"\})? (-?[0-9]+(\.[0-9]+)?)$`)
)

func TestMetrics(t *testing.T) {
	p, _ := spender(t)
	a := do(t, "GET", p.url+"/metrics", "")
	if a.header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Error(a.header)
	}
	values := map[string]string{}
	typed := map[string]bool{}
	for line := range strings.Lines(a.body) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			if !comment.MatchString(line) {
				t.Errorf("%q", line)
			}
			typed[strings.Fields(line)[2]] = true
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%q is not a sample", line)
		}
		if _, again := values[m[1]+m[2]]; again || !typed[m[1]] {
			t.Errorf("%q: there already, or of no type", line)
		}
		values[m[1]+m[2]] = m[6]
	}
	totals := p.totals()
	for name, want := range map[string]string{
		"skinflint_calls_total": "4", "skinflint_unpriced": "1", "skinflint_ledger_lost_total": "0", "skinflint_ledger_queued": "0",
		"skinflint_cost_usd_total": totals.Cost.String(), "skinflint_exposure_usd": totals.Exposure.String(), "skinflint_saved_usd": totals.Saved.String(),
		`skinflint_model_cost_usd_total{model="gpt-5-mini"}`: totals.Cost.String(), `skinflint_model_calls_total{model="gpt-5-mini"}`: "4",
		`skinflint_tier_list_usd_total{tier="flex"}`: totals.By["tier:flex"].List.String(),
	} {
		if values[name] != want {
			t.Errorf("%s is %s, want %s", name, values[name], want)
		}
	}
}

func TestLabelsAreEscaped(t *testing.T) {
	g := grouped(ledger.Totals{By: map[string]ledger.Total{"model:a:b": {}, "other": {}}})
	if len(g["model"]) != 1 || g["model"][0].name != "a:b" || len(g["other"]) != 1 {
		t.Fatalf("%v", g)
	}
	var b bytes.Buffer
	sample(&b, "x", "model", "a\"b\\c\nd\xff", "1")
	if want := "x{model=\"a\\\"b\\\\c\\nd\uFFFD\"} 1\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	if !sampleLine.MatchString(strings.TrimSuffix(b.String(), "\n")) {
		t.Errorf("%q is not a sample", b.String())
	}
}
