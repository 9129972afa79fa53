package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A budgetEntry is how one budget stands, in limits.json.
type budgetEntry struct {
	Name     string     `json:"name"`
	Key      string     `json:"key,omitzero"`
	From     time.Time  `json:"from"`
	Until    time.Time  `json:"until,omitzero"`
	Cap      price.Pico `json:"cap_usd"`
	Spent    price.Pico `json:"spent_usd"`
	Exposure price.Pico `json:"exposure_usd"`
	Held     price.Pico `json:"held_usd"`
	Unknown  int        `json:"unknown,omitzero"`
	Unread   bool       `json:"unread,omitzero"` // what was spent before is not known
}

// A limitEntry is how one limit stands, in limits.json.
type limitEntry struct {
	Limit     string `json:"limit"` // its name; its figures if it has none
	Figures   string `json:"figures"`
	Match     string `json:"match"`
	Key       string `json:"key,omitzero"`
	Busy      int    `json:"busy"`
	Waiting   int    `json:"waiting"`   // attempts that it holds back
	Elsewhere int    `json:"elsewhere"` // attempts that need it and are held back elsewhere

	Levels    []levelEntry `json:"levels"`
	BlockedMS int64        `json:"blocked_ms,omitzero"`
}

// A levelEntry is what is left of something that a limit counts.
type levelEntry struct {
	Unit    string `json:"unit"`
	Limit   int64  `json:"limit"`
	Left    int64  `json:"left"`
	Learned bool   `json:"learned,omitzero"`
}

// limits serves how limits and budgets stand.
func (d *debug) limits(w http.ResponseWriter, _ *http.Request, _ url.Values) {
	all := struct {
		Limits  []limitEntry  `json:"limits"`
		Budgets []budgetEntry `json:"budgets"`
	}{limitEntries(d.stack.Limits()), budgetEntries(d.stack.Budgets())}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(all)
}

func budgetEntries(states []budget.State) []budgetEntry {
	entries := []budgetEntry{}
	for _, s := range states {
		entries = append(entries, budgetEntry{s.Budget.Name, s.Key, s.From, s.Until, s.Budget.Cap, s.Spent, s.Exposure, s.Held, s.Unknown, s.Unread})
	}
	return entries
}

func limitEntries(states []limit.State) []limitEntry {
	entries := []limitEntry{}
	for _, s := range states {
		levels := []levelEntry{}
		for _, l := range s.Levels {
			levels = append(levels, levelEntry{l.Unit, l.Limit, l.Left, l.Learned})
		}
		entries = append(entries, limitEntry{limit.NameOf(s.Limit), limit.Describe(s.Limit), s.Limit.Match.String(), s.Key, s.Busy, s.Waiting, s.Elsewhere, levels, s.Blocked.Milliseconds()})
	}
	return entries
}

// budgetMetrics are the figures of a budget. Its keys may come and go, so all are gauges.
var budgetMetrics = []struct {
	name, help string
	value      func(*budgetEntry) price.Pico
}{
	{"cap_usd", "Cap of a budget, in US dollars.", func(b *budgetEntry) price.Pico { return b.Cap }},
	{"spent_usd", "Spent within the budget's window, exposure included, in US dollars.", func(b *budgetEntry) price.Pico { return b.Spent }},
	{"exposure_usd", "Part of what is spent that may not have been charged, in US dollars.", func(b *budgetEntry) price.Pico { return b.Exposure }},
	{"held_usd", "Held for attempts under way, in US dollars.", func(b *budgetEntry) price.Pico { return b.Held }},
}

// limitMetrics writes how limits and budgets stand in Prometheus' text format.
func (d *debug) limitMetrics(b *bytes.Buffer) {
	if budgets := budgetEntries(d.stack.Budgets()); len(budgets) > 0 {
		for _, m := range budgetMetrics {
			head(b, "skinflint_budget_"+m.name, "gauge", m.help)
			for i := range budgets {
				sample(b, "skinflint_budget_"+m.name, m.value(&budgets[i]).String(), "budget", budgets[i].Name, "key", budgets[i].Key)
			}
		}
	}
	limits := limitEntries(d.stack.Limits())
	if len(limits) == 0 {
		return
	}
	head(b, "skinflint_limit_busy", "gauge", "Attempts under way that a limit has admitted.")
	for i := range limits {
		sample(b, "skinflint_limit_busy", strconv.Itoa(limits[i].Busy), limits[i].labels()...)
	}
	head(b, "skinflint_limit_waiting", "gauge", "Attempts that a limit holds back.")
	for i := range limits {
		sample(b, "skinflint_limit_waiting", strconv.Itoa(limits[i].Waiting), limits[i].labels()...)
	}
}

// labels name a limit. One with a name has the same series when its figures change.
func (l *limitEntry) labels() []string {
	return []string{"limit", l.Limit, "match", l.Match, "key", l.Key}
}
