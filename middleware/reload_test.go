package middleware_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// A slowStore is a store whose rows take a while to read, or cannot be read.
type slowStore struct {
	*ledger.Memory
	wait time.Duration
	err  error
}

func (s *slowStore) Scan(ctx context.Context, f ledger.Filter) iter.Seq2[ledger.Row, error] {
	return func(yield func(ledger.Row, error) bool) {
		var rows []ledger.Row
		for r, err := range s.Memory.Scan(ctx, f) {
			if err == nil {
				rows = append(rows, r)
			}
		}
		time.Sleep(s.wait)
		if s.err != nil {
			yield(ledger.Row{}, s.err)
			return
		}
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// A budget of a new policy admits nothing while what was spent in its window is read, nor if it cannot be read.
func TestBudgetWaitsForItsHistory(t *testing.T) {
	for name, s := range map[string]*slowStore{
		"slow":  {Memory: ledger.NewMemory(0), wait: time.Minute},
		"fails": {Memory: ledger.NewMemory(0), err: errors.New("disk")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := transport.RoundTripperFunc(says(200, jsonType, strings.Replace(served, `"completion_tokens":20`, `"completion_tokens":100`, 1)))
				stack := stackOver(t, base, policy.Policy{}, middleware.WithStore(s))
				for range 20 {
					mustDo(t, stack, "POST", openaiURL, boundedBody)
				}
				spent, _ := stack.Totals().Exposure.Pico()
				p := capOf("0.01") // which is spent already
				p.MaxWait = time.Second
				var all sync.WaitGroup
				all.Go(func() { t.Log(name, "SetPolicy:", stack.SetPolicy(p)) })
				time.Sleep(time.Second)
				n := 0
				for range 20 {
					if _, err := do(t, t.Context(), stack, "POST", openaiURL, boundedBody); err == nil {
						n++
					}
				}
				all.Wait()
				time.Sleep(time.Second)
				if n > 0 {
					t.Errorf("%s: $%v of $0.01 were spent, and %d more calls were admitted; now %v", name, spent, n, stack.Budgets()[0])
				}
			})
		})
	}
}

// Rows whose time is after now, as after the clock was set back, are read at the start.
func TestBudgetReloadsRowsOfALaterClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := ledger.NewMemory(0)
		m.Add(ledger.Row{Call: "a", Attempt: 1, At: time.Now().Add(10 * time.Minute), Provider: "openai", Operation: "chat", Model: "gpt-5", Outcome: policy.Billed, Cost: ledger.Known(price.USD)})
		stack := stackOver(t, transport.RoundTripperFunc(says(200, jsonType, served)), capOf("1"), middleware.WithStore(&slowStore{Memory: m}))
		time.Sleep(20 * time.Minute)
		if s := stack.Budgets()[0]; s.Spent == 0 {
			t.Errorf("the ledger has $1 within the window, the budget %v", s)
		}
	})
}

// A budget that is removed and added again, while a call is under way, agrees with the ledger in the end.
func TestBudgetRemovedAndAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			io.ReadAll(r.Body)
			time.Sleep(time.Second)
			return says(200, jsonType, served)(r)
		})
		stack := stackOver(t, base, capOf("0.1"))
		for range 5 {
			do(t, t.Context(), stack, "POST", openaiURL, boundedBody)
		}
		var wg sync.WaitGroup
		wg.Go(func() { do(t, t.Context(), stack, "POST", openaiURL, boundedBody) })
		time.Sleep(time.Millisecond)
		before := stack.Budgets()[0]
		if err := stack.SetPolicy(policy.Policy{}); err != nil {
			t.Fatal(err)
		}
		if err := stack.SetPolicy(capOf("0.1")); err != nil {
			t.Fatal(err)
		}
		after := stack.Budgets()[0]
		wg.Wait()
		end := stack.Budgets()[0]
		total, _ := stack.Totals().Cost.Pico()
		t.Logf("before %v\nafter %v\nend %v\nledger %v", before, after, end, total)
		if end.Spent != total {
			t.Errorf("spent %v, ledger %v", end.Spent, total)
		}
	})
}
