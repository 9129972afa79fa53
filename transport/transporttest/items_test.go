package transporttest

import (
	"slices"
	"strings"
	"testing"
)

// TestBroken checks that each bug is found by the right items, and only by those.
func TestBroken(t *testing.T) {
	for _, row := range bugs {
		t.Run(strings.ReplaceAll(row.bug, " ", "_"), func(t *testing.T) {
			want := strings.Fields(row.want)
			among := func(it item) bool { return !raceEnabled || slices.Contains(want, it.name[:3]) }
			if got := failed(t, row.wrap, among); !slices.Equal(got, want) {
				t.Errorf("fails %v, not %v", got, want)
			}
		})
	}
}

// failed returns the short names, such as "A01", of the items that a RoundTripper fails.
func failed(t *testing.T, wrap wrapper, among func(item) bool) (names []string) {
	t.Helper()
	for _, it := range items {
		if !among(it) {
			continue
		}
		for _, via := range it.over {
			if failures := it.run(t, via, wrap); len(failures) > 0 {
				t.Logf("%s/%s: %.400s", it.name, via, failures[0])
				if !slices.Contains(names, it.name[:3]) {
					names = append(names, it.name[:3])
				}
			}
		}
	}
	return names
}
