package main

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestGenerated(t *testing.T) {
	again := generated()
	for i, tr := range generated() {
		if !reflect.DeepEqual(tr, again[i]) {
			t.Errorf("%s is another in each run", tr.name)
		}
		if !slices.IsSortedFunc(tr.requests, func(a, b request) int { return int(a.at - b.at) }) {
			t.Errorf("%s is not sorted", tr.name)
		}
		for _, r := range tr.requests {
			if r.at < 0 || r.at >= generatedTime || r.full != len(r.blocks)-1 {
				t.Fatalf("%s: %+v", tr.name, r)
			}
		}
	}
}

// reuses returns how many first blocks there are, how many come again, and how many of these do so after a time; and the most
// uses of one.
func reuses(requests []request, after time.Duration) (all, again, late, most int) {
	uses := make(map[uint64][]time.Duration)
	for _, r := range requests {
		uses[r.blocks[0]] = append(uses[r.blocks[0]], r.at)
	}
	for _, at := range uses {
		most = max(most, len(at))
		if len(at) > 1 {
			again++
		}
		if len(at) > 1 && at[len(at)-2] > after {
			late++
		}
	}
	return len(uses), again, late, most
}

func TestApps(t *testing.T) {
	if all, again, _, _ := reuses(apps(), 0); again < 30 || again > 40 || all < 1500+again || all > 1540 {
		t.Errorf("%d prefixes of %d come again", again, all)
	}
}

func TestTwice(t *testing.T) {
	if all, again, _, most := reuses(twice(), 0); all != 3000 || again < 2900 || most != 2 {
		t.Errorf("%d documents of %d come again, one %d times", again, all, most)
	}
}

func TestShift(t *testing.T) {
	all, again, late, most := reuses(shift(), generatedTime/2)
	if all != 1500 || again < 500 || late != 0 || most < 10 {
		t.Errorf("%d documents of %d come again, %d of them after half the time, one %d times", again, all, late, most)
	}
}
