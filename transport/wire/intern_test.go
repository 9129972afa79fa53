package wire

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// A name is returned as it is, however many others there are, also with concurrent callers.
func TestIntern(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 10_000 {
				want := fmt.Sprintf("model-%d", i%1000)
				if got := intern([]byte(want)); got != want {
					t.Errorf("intern(%q) = %q", want, got)
				}
			}
		})
	}
	wg.Wait()
	for _, want := range []string{"", strings.Repeat("m", maxName), strings.Repeat("m", maxName+1)} {
		if got := intern([]byte(want)); got != want {
			t.Errorf("intern(%q) = %q", want, got)
		}
	}
	name := []byte("gpt-5")
	if n := testing.AllocsPerRun(100, func() { intern(name) }); n != 0 {
		t.Errorf("%v allocations for a known name, want 0", n)
	}
}
