package tokens

import (
	"math/rand/v2"
	"testing"
)

// What a text costs does not depend on the pieces in which it comes.
func TestTextInPieces(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, d := range corpus(t) {
		want := Text(d.Text)
		var x text
		for rest := []byte(d.Text); len(rest) > 0; {
			n := 1 + random.IntN(min(len(rest), 7))
			x.write(theTable(), rest[:n])
			rest = rest[n:]
		}
		if got := x.tokens(); got != want {
			t.Errorf("%s: %d in pieces, %d at once", d.Kind, got, want)
		}
	}
}

// The table has a row for each state, and all that leads to a state is in it.
func TestTable(t *testing.T) {
	table, seen := theTable(), map[uint32]bool{0: true}
	for todo := []uint32{0}; len(todo) > 0; todo = todo[1:] {
		for c := range uint32(classes) {
			next := table[todo[0]|c] & nextMask
			if next%(1<<rowBits) != 0 || next >= rows<<rowBits {
				t.Fatalf("row %d, class %d: next is %d", todo[0], c, next)
			}
			if !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	if len(seen) < 100 || len(seen) > rows {
		t.Errorf("%d states", len(seen))
	}
}

func TestText(t *testing.T) {
	for _, test := range []struct {
		text     string
		from, to int64
	}{
		{"", 0, 0},
		{"a", 1, 1},
		{"The capital of France is Paris.", 6, 9},
		{"\xff\xfe\x80", 1, 6},
		{"\xe4\xb8", 1, 2}, // cut in a character
	} {
		if got := Text(test.text); got < test.from || got > test.to {
			t.Errorf("%q: %d tokens, want %d to %d", test.text, got, test.from, test.to)
		}
	}
}
