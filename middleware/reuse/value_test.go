package reuse

import (
	"math"
	"testing"
	"time"
)

// A use that is certain within the first ten seconds is worth its gain less the rent until then. Holding ends where nothing is
// to be expected.
func TestHolding(t *testing.T) {
	var hazards [bins]float64
	last := 0
	for i := range hazards {
		if binEnd[i] <= 16*time.Second {
			last = i
		}
	}
	hazards[last] = 1
	worth, hold := holding(&hazards, 0.9, 0.001)
	middle := (binStart(last) + binEnd[last]).Seconds() / 2
	if want := 0.9 - 0.001*middle; math.Abs(worth-want) > 1e-9 || hold != binEnd[last] {
		t.Errorf("worth %.6f for %v, want %.6f for %v", worth, hold, want, binEnd[last])
	}
	if worth, hold := holding(&hazards, 0.9, 0.1); worth != 0 || hold != 0 {
		t.Errorf("at a high rent %.3f for %v, want nothing", worth, hold)
	}
	if worth, hold := holding(&[bins]float64{}, 0.9, 0.001); worth != 0 || hold != 0 {
		t.Errorf("without a use %.3f for %v, want nothing", worth, hold)
	}
}
