package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
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
	sample(&b, "x", "1", "model", "a\"b\\c\nd\xff", "key", "")
	if want := "x{model=\"a\\\"b\\\\c\\nd\uFFFD\"} 1\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	if !sampleLine.MatchString(strings.TrimSuffix(b.String(), "\n")) {
		t.Errorf("%q is not a sample", b.String())
	}
}

// TestSeries has more models than there are series, whose costs grow in turn. No counter falls, and no series goes away.
func TestSeries(t *testing.T) {
	var m ledger.Memory
	var s series
	add := func(model string, cost price.Pico) {
		m.Add(ledger.Row{Attempt: 1, Model: model, Outcome: policy.Billed, Cost: ledger.Known(cost), List: ledger.Known(cost)})
	}
	before := map[string]ledger.Total{}
	for round := range 30 {
		for n := range 20 * round {
			add(fmt.Sprintf("model-%03d", n), price.Pico(1+(n*7919+round*104729)%100_000))
		}
		if round == 10 {
			add(otherSeries, 5) // as a client may call a model
		}
		all, groups := s.update(m.Totals())
		now, sum := map[string]ledger.Total{}, ledger.Total{}
		for _, g := range groups["model"] {
			now[g.name] = g.Total
			sum.AddTotal(g.Total)
		}
		if sum.Calls != all.Calls || sum.Cost.Cmp(all.Cost) != 0 {
			t.Errorf("round %d: the series have %d calls of %d", round, sum.Calls, all.Calls)
		}
		for name, was := range before {
			if is := now[name]; is.Calls < was.Calls || is.Attempts < was.Attempts || is.Cost.Cmp(was.Cost) < 0 || is.List.Cmp(was.List) < 0 {
				t.Errorf("round %d: %s falls from %+v to %+v", round, name, was, is)
			}
		}
		if len(now) > maxSeries+1 {
			t.Errorf("%d series", len(now))
		}
		before = now
	}
	if before[otherSeries].Calls == 0 || before["model-000"].Calls == 0 {
		t.Errorf("%+v", before[otherSeries])
	}
}

// TestCountersRise has totals in which a call has moved to another group, and a cost has become known.
func TestCountersRise(t *testing.T) {
	var s series
	one := ledger.Total{Calls: 2, Attempts: 3, Unpriced: 1}
	s.update(ledger.Totals{Total: one, By: map[string]ledger.Total{"tier:(none)": one}})
	all, groups := s.update(ledger.Totals{Total: ledger.Total{Calls: 2, Attempts: 3}, By: map[string]ledger.Total{"tier:flex": {Calls: 2, Attempts: 3}, "kind:new": {Calls: 1}}})
	want := []group{{"(none)", ledger.Total{Calls: 2, Attempts: 3}}, {"flex", ledger.Total{Calls: 2, Attempts: 3}}}
	if all.Unpriced != 0 || all.Calls != 2 || !slices.Equal(groups["tier"], want) {
		t.Errorf("%+v %+v", all, groups)
	}
}

// TestScrapes asks for the metrics again and again, while clients call ever new models. No counter falls.
func TestScrapes(t *testing.T) {
	sim := provider(t, llmtest.Config{})
	p := start(t, sim.URL)
	before := map[string]float64{}
	for round := range 6 {
		for n := range 60 {
			do(t, "POST", p.url+"/v1/chat/completions", chatBody(fmt.Sprintf("m%d", (n*7+round*50)%330), fmt.Sprint(round, n), ""))
		}
		counter := map[string]bool{}
		now := map[string]float64{}
		for line := range strings.Lines(do(t, "GET", p.url+"/metrics", "").body) {
			if f := strings.Fields(line); f[0] == "#" {
				counter[f[2]] = f[1] == "TYPE" && f[3] == "counter"
			} else if m := sampleLine.FindStringSubmatch(strings.TrimSuffix(line, "\n")); counter[m[1]] {
				now[m[1]+m[2]], _ = strconv.ParseFloat(m[6], 64)
			}
		}
		for name, was := range before {
			if is, ok := now[name]; !ok || is < was {
				t.Errorf("round %d: %s falls from %v to %v", round, name, was, is)
			}
		}
		before = now
	}
	if before[`skinflint_model_calls_total{model="(others)"}`] == 0 {
		t.Error("there are no others")
	}
}
