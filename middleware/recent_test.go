package middleware

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// What a recent remembers is what a list of all that was added says, as long as there is room for it.
func TestRecentRemembersForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m recent[int]
		if !m.empty() {
			t.Error("the zero recent is not empty")
		}
		added := map[int]time.Time{} // zero: it was forgotten
		random := rand.New(rand.NewPCG(1, 2))
		for range 50_000 {
			k := random.IntN(300)
			switch random.IntN(4) {
			case 0:
				m.forget(k)
				delete(added, k)
			case 1:
				at, ok := added[k]
				want := ok && time.Since(at) < recentTime
				if is, maybe := m.has(k); is != want || maybe != want {
					t.Fatalf("has(%d) = %v, %v, want %v", k, is, maybe, want)
				}
			default:
				m.add(k)
				added[k] = time.Now()
			}
			time.Sleep(time.Duration(random.Int64N(int64(time.Minute))))
		}
		if len(m.when) > 300 || len(m.ring) > 1024 {
			t.Errorf("it holds %d things in a ring of %d", len(m.when), len(m.ring))
		}
	})
}

// If there are too many, the oldest are forgotten, and has says that anything may have been added.
func TestRecentIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m recent[int]
		const all = recentMost + 1000
		for k := range all {
			m.add(k)
			if k == 500 {
				m.add(0) // which is now younger than those before
			}
			time.Sleep(time.Millisecond)
		}
		for _, test := range []struct {
			k  int
			is bool
		}{{0, true}, {1, false}, {900, false}, {all - 1, true}, {all - recentMost/2, true}, {all + 1, false}} {
			if is, maybe := m.has(test.k); is != test.is || !maybe {
				t.Errorf("has(%d) = %v, %v, want %v, true", test.k, is, maybe, test.is)
			}
		}
		if len(m.when) != recentMost || len(m.ring) != recentMost {
			t.Errorf("it holds %d things in a ring of %d, want %d", len(m.when), len(m.ring), recentMost)
		}
		time.Sleep(2 * recentTime)
		if is, maybe := m.has(all - 1); is || maybe {
			t.Errorf("after two hours, has = %v, %v", is, maybe)
		}
	})
}
