package reuse

import "testing"

// Each trait of each prefix has a weight of its own, within the tables.
func TestTraitsDoNotOverlap(t *testing.T) {
	type use struct {
		trait string
		value [3]int
	}
	seen := map[string]map[uint16]use{"aged": {}, "flat": {}}
	enter := func(table string, index uint16, limit int, u use) {
		if int(index) >= limit {
			t.Fatalf("%s %d of %+v: there are %d", table, index, u, limit)
		}
		if was, ok := seen[table][index]; ok && was != u {
			t.Fatalf("%s %d is for %+v and for %+v", table, index, was, u)
		}
		seen[table][index] = u
	}
	for turn := range turns {
		for uses := range turns {
			for other := range 12 {
				c := circumstances{turn: turn, uses: uses, growth: other % growths, fresh: other % fresh, size: other % sizes, gap: other % gaps}
				for which, of := range []traits{c.tip(other), c.stem(other)} {
					count := turn
					if which == 1 {
						count = uses
					}
					enter("aged", of.aged[0], ageds, use{"turn", [3]int{which, turn}})
					enter("aged", of.aged[1], ageds, use{"output", [3]int{which, min(turn, 1), other}})
					enter("aged", of.aged[2], ageds, use{"gap", [3]int{which, c.gap}})
					enter("flat", of.flat[0], flats, use{"growth", [3]int{which, turn, c.growth}})
					enter("flat", of.flat[1], flats, use{"size", [3]int{which, count, c.size}})
					if which == 1 {
						count = min(uses, few-1)
					}
					enter("flat", of.flat[2], flats, use{"output", [3]int{which, count, other}})
					enter("flat", of.flat[3], flats, use{"gap", [3]int{which, min(count, few-1), c.gap}})
				}
			}
		}
	}
}

func TestBuckets(t *testing.T) {
	for turn := range turns {
		for other := range fresh {
			c := circumstances{turn: turn, uses: turns - 1 - turn, fresh: other, size: other % sizes}
			for which := range 2 {
				for _, b := range c.bucketOf(which) {
					if b < which*buckets/2 || b >= (which+1)*buckets/2 {
						t.Fatalf("bucket %d of %d", b, which)
					}
				}
			}
		}
	}
}

func TestBeforeAnswer(t *testing.T) {
	for turn := range turns {
		for output := range outputs {
			c := circumstances{turn: turn, uses: turns - 1 - turn}
			for _, of := range []func(int) traits{c.tip, c.stem} {
				if got, want := beforeAnswer(of(output)), of(0); got != want {
					t.Fatalf("turn %d, output %d: %+v, want %+v", turn, output, got, want)
				}
			}
		}
	}
}

func TestClasses(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, 2: 2, 3: 3, 4: 3, 5: 4, 8: 4, 9: 5, 1000: 5} {
		if got := classify(n); got != want {
			t.Errorf("classify(%d) = %d, want %d", n, got, want)
		}
	}
	for n, want := range map[int64]int{-5: 1, 0: 1, 1: 2, 3: 3, 1 << 40: outputs - 1} {
		if got := outputClass(n); got != want {
			t.Errorf("outputClass(%d) = %d, want %d", n, got, want)
		}
	}
}
