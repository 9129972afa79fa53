package main

import (
	"context"
	"testing"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// TestAllocations checks that what every call does for the ledger does not allocate.
func TestAllocations(t *testing.T) {
	if bench.RaceDetector() {
		t.Skip("the race detector allocates")
	}
	l := newLoad(4096, 1)
	w := ledger.NewWriter(quick{}, ledger.WriterConfig{})
	defer w.Close(context.Background())
	n := 0
	add := func() error {
		w.Add(l.rows[n%len(l.rows)])
		n++
		return nil
	}
	for range 2 * len(l.rows) { // until there is room in memory for all that is kept
		add()
	}
	for name, c := range map[string]struct {
		most float64
		call func() error
	}{"Writer.Add": {1, add}} {
		if got, _, err := bench.Allocated(len(l.rows), c.call); err != nil || got > c.most {
			t.Errorf("%s allocates %.2f times, want at most %.0f: %v", name, got, c.most, err)
		}
	}
	all, err := pricings()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if got := testing.AllocsPerRun(1000, func() { p.cost() }); got > 0 {
			t.Errorf("Catalog.Cost, %s: allocates %.2f times, want 0", p.name, got)
		}
	}
}
