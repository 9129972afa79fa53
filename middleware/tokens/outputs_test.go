package tokens

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestOutputClasses(t *testing.T) {
	last := -1
	for n := range int64(1 << 18) {
		class := classOfOutput(n)
		if class != last && class != last+1 || class >= outputClasses {
			t.Fatalf("class %d of %d follows %d", class, n, last)
		}
		if most := mostOfClass(class); most < n || most > n+n/4 {
			t.Fatalf("%d is in the class up to %d", n, most)
		}
		last = class
	}
	for _, n := range []int64{-1, 1 << 40, 1<<63 - 1} {
		if class := classOfOutput(n); class < 0 || class >= outputClasses {
			t.Errorf("class %d of %d", class, n)
		}
	}
}

func TestOutputsAtFirst(t *testing.T) {
	var o outputs
	if got := o.most(); got != startOutput {
		t.Errorf("%d at first", got)
	}
	for range 10 {
		o.add(20)
	}
	if got := o.most(); got != startOutput {
		t.Errorf("%d after ten short answers", got)
	}
	for range 20 {
		o.add(20)
	}
	if got := o.most(); got < 20 || got > 25 {
		t.Errorf("%d after thirty short answers", got)
	}
	var long outputs
	long.add(5000)
	if got := long.most(); got < 5000 || got > 6250 {
		t.Errorf("%d after a long answer", got)
	}
}

// Nine of ten answers stay within what is expected, of whatever sizes they are, and what is old is forgotten.
func TestOutputs(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var o outputs
	for _, scale := range []int64{100, 20_000, 50, 3000} {
		for range 2000 {
			o.add(random.Int64N(scale))
		}
		within := 0
		sizes := make([]int64, 1000)
		for i := range sizes {
			if sizes[i] = random.Int64N(scale); sizes[i] <= o.most() {
				within++
			}
		}
		slices.Sort(sizes)
		if within < 840 || o.most() > scale*5/4 {
			t.Errorf("scale %d: %d of 1000 within %d; nine of ten are within %d", scale, within, o.most(), sizes[900])
		}
	}
}
