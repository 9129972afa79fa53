package main

import (
	"maps"
	"slices"
	"sync"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// maxSeries is how many groups of a kind get a series of their own. Clients choose the names of models, so the rest share one.
const maxSeries = 200

// seriesKinds are the kinds of groups that have series.
var seriesKinds = []string{"model", "tier"}

// otherSeries is the name of the series of all other groups of a kind.
const otherSeries = "(others)"

// series are the figures that /metrics has shown. A group that has a series keeps it, and a group that has found no place stays
// among the others, for as long as the proxy runs. No counter falls, as Prometheus would take that for a new start: where a
// figure of the ledger falls, because a call has moved to another group, the counter stays until the figure has caught up.
type series struct {
	mu     sync.Mutex
	all    ledger.Total
	groups map[string]map[string]ledger.Total // by kind and name
}

// update adds the totals to the series, and returns the figures to show: those of all calls, and of the groups of each kind,
// by name.
func (s *series) update(totals ledger.Totals) (all ledger.Total, groups map[string][]group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups == nil {
		s.groups = make(map[string]map[string]ledger.Total)
	}
	s.all = rising(s.all, totals.Total)
	now := grouped(totals)
	groups = make(map[string][]group, len(seriesKinds))
	for _, kind := range seriesKinds {
		groups[kind] = s.updateKind(kind, now)
	}
	return s.all, groups
}

// updateKind adds the groups of one kind to the series, and returns the figures to show.
func (s *series) updateKind(kind string, now map[string][]group) (shown []group) {
	known := s.groups[kind]
	if known == nil {
		known = make(map[string]ledger.Total)
		s.groups[kind] = known
	}
	figures := make(map[string]ledger.Total, len(known))
	add := func(name string, t ledger.Total) {
		if _, ok := known[name]; !ok && len(known) >= maxSeries {
			name = otherSeries
		}
		if _, ok := known[name]; !ok {
			known[name] = ledger.Total{}
		}
		sum := figures[name]
		sum.AddTotal(t)
		figures[name] = sum
	}
	for _, g := range now[kind] {
		add(g.name, g.Total)
	}
	for _, g := range now["other"] { // those that the ledger itself has no place for
		if g.name == kind {
			add(otherSeries, g.Total)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		known[name] = rising(known[name], figures[name])
		shown = append(shown, group{name, known[name]})
	}
	return shown
}

// rising returns the totals now, with the counters of before where those are higher.
func rising(before, now ledger.Total) ledger.Total {
	now.Calls = max(now.Calls, before.Calls)
	now.Attempts = max(now.Attempts, before.Attempts)
	if before.Cost.Cmp(now.Cost) > 0 {
		now.Cost = before.Cost
	}
	if before.List.Cmp(now.List) > 0 {
		now.List = before.List
	}
	return now
}
