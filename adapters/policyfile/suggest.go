package policyfile

import (
	"fmt"
	"strings"
)

// unknown returns the problem with a key that is not among the known keys of its place, and what to do about it.
func unknown(name string, known []string) string {
	if why, ok := unenforced[name]; ok {
		return why
	}
	if home, ok := homes[name]; ok {
		return "it does not belong here, but in " + home
	}
	best, least := "", len(name)/3+1
	for _, k := range known {
		if d := distance(name, k, least); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", best)
	}
	return "unknown key; want " + oneOf(known)
}

// oneOf lists alternatives: "a, b or c".
func oneOf(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

// distance returns how many letters have to be inserted, removed, replaced or swapped with their neighbour to turn a
// into b (the optimal string alignment distance), or most if there are more.
func distance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	var before, above []int // the rows for i-2 and i-1 letters of a
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, above, row = above, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return min(row[len(b)], most)
}
