package main

import (
	"reflect"
	"slices"
	"testing"
)

func TestGenerated(t *testing.T) {
	again := generated()
	for i, tr := range generated() {
		if !reflect.DeepEqual(tr, again[i]) {
			t.Errorf("%s is another in each run", tr.name)
		}
		uses := make(map[uint64][]request) // of the first block
		for _, r := range tr.requests {
			uses[r.blocks[0]] = append(uses[r.blocks[0]], r)
			if r.at < 0 || r.at >= generatedTime || r.full != len(r.blocks)-1 {
				t.Fatalf("%s: %+v", tr.name, r)
			}
		}
		if !slices.IsSortedFunc(tr.requests, func(a, b request) int { return int(a.at - b.at) }) {
			t.Errorf("%s is not sorted", tr.name)
		}
		most, reused, late := 0, 0, 0
		for _, u := range uses {
			most = max(most, len(u))
			if len(u) > 1 {
				reused++
			}
			if len(u) > 1 && u[len(u)-2].at > generatedTime/2 {
				late++
			}
		}
		switch tr.name {
		case "apps":
			if reused < 30 || reused > 40 || len(uses)-reused < 1500 {
				t.Errorf("apps: %d of %d prefixes are shared", reused, len(uses))
			}
		case "twice":
			if len(uses) != 3000 || most != 2 || reused < 2900 {
				t.Errorf("twice: %d of %d documents are used again, one %d times", reused, len(uses), most)
			}
		case "shift":
			if len(uses) != 1500 || late != 0 || most < 10 {
				t.Errorf("shift: %d documents, %d are used again after half the time, one %d times", len(uses), late, most)
			}
		}
	}
}
