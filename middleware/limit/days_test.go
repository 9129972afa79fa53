package limit_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// A day ends at midnight: of the limit's zone, or else of the request's, or else in UTC. (A bubble begins at midnight UTC.)
func TestDayEndsAtMidnight(t *testing.T) {
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		limit policy.Limit
		zone  *time.Location
		want  time.Duration
	}{
		"UTC":         {policy.Limit{RequestsPerDay: 2}, nil, 24 * time.Hour},
		"request":     {policy.Limit{RequestsPerDay: 2}, pacific, 8 * time.Hour},
		"limit":       {policy.Limit{RequestsPerDay: 2, Zone: "Asia/Tokyo"}, pacific, 15 * time.Hour},
		"with tokens": {policy.Limit{TokensPerDay: 20}, pacific, 8 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limit.NewLocal([]policy.Limit{test.limit}, nil)
				r := tokens(10)
				r.Zone = test.zone
				var all []*waiting
				for range 5 {
					all = append(all, wait(t.Context(), l, r))
				}
				r.Deadline = time.Now().Add(test.want)
				var e *limit.Error
				if w := wait(t.Context(), l, r); !errors.As(w.err, &e) || w.took != 0 || e.Wait != test.want {
					t.Errorf("with a deadline at midnight: %+v: %v", w, w.err)
				}
				time.Sleep(72 * time.Hour)
				synctest.Wait()
				for i, want := range []time.Duration{0, 0, test.want, test.want, test.want + 24*time.Hour} {
					if w := all[i]; !w.admitted() || w.took != want {
						t.Errorf("waiter %d: %+v, want %v", i, w, want)
					}
				}
			})
		})
	}
}

// What an attempt gives back, or counts for in addition, belongs to the day on which it was admitted.
func TestSettledOnItsDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{TokensPerDay: 100}}, nil)
		left := func() int64 { return l.States()[0].Levels[0].Left }
		old, next := wait(t.Context(), l, tokens(60)), wait(t.Context(), l, tokens(10))
		next.permit.Release(limit.Count{Requests: 1, Tokens: limit.Tokens{Output: 30}})
		if left() != 10 {
			t.Errorf("%d left on the first day", left())
		}
		time.Sleep(25 * time.Hour)
		wait(t.Context(), l, tokens(50))
		old.permit.Release(limit.Count{})
		if left() != 50 {
			t.Errorf("%d left on the second day", left())
		}
	})
}
