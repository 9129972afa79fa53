package ledger

import (
	"math/rand/v2"
	"testing"
)

// A queue has the same rows as a slice after any pushes and drops.
func TestQueue(t *testing.T) {
	random := rand.New(rand.NewPCG(30, 31))
	for range 300 {
		q := queue{size: 1 + random.IntN(5)}
		var want []int
		next := 0
		for range 200 {
			switch random.IntN(3) {
			case 0:
				n := random.IntN(len(want) + 1)
				q.drop(n)
				want = want[n:]
			default:
				for range random.IntN(4) {
					q.push(&Row{Attempt: next})
					want = append(want, next)
					next++
				}
			}
			if q.n != len(want) {
				t.Fatalf("%d rows, want %d", q.n, len(want))
			}
			for i := 0; i <= len(want); {
				batch := q.batch(i)
				if len(batch) == 0 || len(batch) > q.size {
					if i < len(want) || len(batch) > 0 {
						t.Fatalf("from %d of %d a batch of %d", i, len(want), len(batch))
					}
					break
				}
				for _, r := range batch {
					if r.Attempt != want[i] {
						t.Fatalf("row %d is %d, want %d", i, r.Attempt, want[i])
					}
					i++
				}
			}
		}
	}
}
