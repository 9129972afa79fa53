package bench

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestInterleave has ways whose times are known, on a machine that is twice as slow in every other round.
func TestInterleave(t *testing.T) {
	var order []int
	got, err := Interleave(4, 3, 1, func(way int) (time.Duration, error) {
		slow := time.Duration(1 + len(order)/3%2)
		order = append(order, way)
		return slow * time.Duration(way+1) * time.Millisecond, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for way, want := range []Timing{{1500 * time.Microsecond, 0.5}, {3 * time.Millisecond, 1}, {4500 * time.Microsecond, 1.5}} {
		if got[way].Time != want.Time || math.Abs(got[way].Ratio-want.Ratio) > 1e-9 {
			t.Errorf("way %d: %v, want %v", way, got[way], want)
		}
	}
	if want := []int{0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2}; !slices.Equal(order, want) {
		t.Errorf("in the order %v, want %v", order, want)
	}
}

func TestMedian(t *testing.T) {
	for want, of := range map[float64][]float64{3: {5, 1, 3}, 2.5: {4, 1, 2, 3}} {
		if got := Median(of); got != want {
			t.Errorf("median of %v is %v, want %v", of, got, want)
		}
	}
}

var kept []byte

func TestAllocated(t *testing.T) {
	allocs, bytes, err := Allocated(100, func() error {
		kept = make([]byte, 1<<10)
		return nil
	})
	if err != nil || allocs < 1 || allocs > 2 || bytes < 1<<10 || bytes > 2<<10 {
		t.Errorf("%v allocations, %v bytes, %v; want about 1 of 1024", allocs, bytes, err)
	}
}

func TestAlign(t *testing.T) {
	var b strings.Builder
	Align(&b, [][]string{{"way", "µs"}, {":-", "-:"}, {"memcpy", "1.0"}})
	const want = "| way    |  µs |\n| :----- | --: |\n| memcpy | 1.0 |\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
