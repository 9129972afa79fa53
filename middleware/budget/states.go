package budget

import (
	"cmp"
	"slices"
	"time"
)

// maxStates is how many keys of a budget have a [State].
const maxStates = 100

// States returns how the budgets stand, in their order. A budget with Per has a State for each of its keys that has something
// spent or held, the fullest first: at most 100. A budget that has none has one State, with nothing spent.
func (a *Accounts) States(now time.Time) []State {
	var states []State
	for _, b := range a.books {
		states = append(states, b.states(now)...)
	}
	return states
}

// states returns the states of a budget.
func (b *book) states(now time.Time) []State {
	at := nanos(now)
	type standing struct {
		key string
		sum sum
	}
	fuller := func(x, y standing) int {
		return cmp.Or(cmp.Compare(plus(y.sum.spent, y.sum.held), plus(x.sum.spent, x.sum.held)), cmp.Compare(x.key, y.key))
	}
	var fullest []standing
	for _, a := range b.all {
		s := standing{a.key, a.at(at)}
		if s.sum == (sum{}) || len(fullest) == maxStates && fuller(fullest[maxStates-1], s) < 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(fullest, s, fuller)
		fullest = slices.Insert(fullest, i, s)
		fullest = fullest[:min(len(fullest), maxStates)]
	}
	if len(fullest) == 0 {
		s := b.state("", sum{}, now)
		s.Key = "" // it has none
		return []State{s}
	}
	states := make([]State, len(fullest))
	for i, s := range fullest {
		states[i] = b.state(s.key, s.sum, now)
	}
	return states
}
