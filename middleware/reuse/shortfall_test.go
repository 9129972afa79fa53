package reuse

import "testing"

// Where next turns miss the last two nodes, these are not held; where they rarely do, all is.
func TestShortfall(t *testing.T) {
	p := prompt(start, run(1, 20)...)
	for missed, want := range map[int]int{0: 20, 2: 18} {
		s := shortfall{30}
		for range 500 {
			s.add(missed)
		}
		if got := s.likely(&p); got != want {
			t.Errorf("missed by %d: %d nodes, want %d", missed, got, want)
		}
	}
	s := shortfall{30}
	small := prompt(start, run(1, 3)...)
	if got := s.likely(&small); got != 0 {
		t.Errorf("a small prompt: %d nodes, want none", got)
	}
}
