package middleware_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
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

// While SetPolicy reads what was spent, calls are admitted as if nothing was.
func TestFoeSetPolicyReads(t *testing.T) {
	for name, s := range map[string]*slowStore{
		"slow":  {Memory: ledger.NewMemory(0), wait: time.Minute},
		"fails": {Memory: ledger.NewMemory(0), err: errors.New("disk")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := answerer(says(200, jsonType, strings.Replace(served, `"completion_tokens":20`, `"completion_tokens":100`, 1)))
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

// Prices that rise while a call waits.
func TestFoePriceRisesInTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := answerer(says(200, jsonType, strings.Replace(served, `"completion_tokens":20`, `"completion_tokens":100`, 1)))
		book := new(price.Book)
		p := capOf("0.03")
		p.Limits = []policy.Limit{{RequestsPerMinute: 1, Burst: 1}}
		stack := stackOver(t, base, p, middleware.WithBook(book))
		mustDo(t, stack, "POST", openaiURL, boundedBody)
		var all sync.WaitGroup
		all.Go(func() { do(t, t.Context(), stack, "POST", openaiURL, boundedBody) })
		time.Sleep(time.Second)
		book.SetUser(catalogOf(t, "openai", `"gpt-5":{"periods":[{"source":"made up","tiers":{"standard":[{"usd_per_million":{"input":"100","output":"100"}}]}}]}`))
		all.Wait()
		s := stack.Budgets()[0]
		for _, r := range stack.Rows() {
			t.Logf("%v %v %s", r.Cost, r.Exposure, r.Unpriced)
		}
		if s.Spent > s.Budget.Cap {
			t.Errorf("%v", s)
		}
	})
}

// A row whose time is after now, as after the clock was set back, is not read at start.
func TestFoeRowsAfterNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := ledger.NewMemory(0)
		m.Add(ledger.Row{Call: "a", Attempt: 1, At: time.Now().Add(10 * time.Minute), Provider: "openai", Operation: "chat", Model: "gpt-5", Outcome: policy.Billed, Cost: ledger.Known(price.USD)})
		stack := stackOver(t, answerer(says(200, jsonType, served)), capOf("1"), middleware.WithStore(&slowStore{Memory: m}))
		time.Sleep(20 * time.Minute)
		if s := stack.Budgets()[0]; s.Spent == 0 {
			t.Errorf("the ledger has $1 within the window, the budget %v", s)
		}
	})
}

// A model without flex: from CheapestPercent on, no call succeeds.
func TestFoeCheapestRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := answerer(func(r *http.Request) (*http.Response, error) {
			b, _ := io.ReadAll(r.Body)
			if strings.Contains(string(b), "flex") {
				return says(400, jsonType, `{"error":{"message":"Invalid service_tier argument: flex is not available for this model","type":"invalid_request_error","param":"service_tier","code":"invalid_service_tier"}}`)(r)
			}
			return says(200, jsonType, strings.Replace(served, `"completion_tokens":20`, `"completion_tokens":100`, 1))(r)
		})
		p := flexFirst
		p.Budgets = []policy.Budget{{Name: "b", Window: time.Hour, Cap: price.MustUSD("0.05"), CheapestPercent: 10}}
		stack := stackOver(t, base, p)
		ok := 0
		var last string
		for range 12 {
			text, err := do(t, t.Context(), stack, "POST", openaiURL, boundedBody)
			if err == nil && strings.Contains(text, "choices") {
				ok++
			} else {
				last = text
				if err != nil {
					last = err.Error()
				}
			}
		}
		s := stack.Budgets()[0]
		if ok < 12 {
			t.Errorf("%d of 12 calls were served, with %v: %s", ok, s, last)
		}
		for _, r := range stack.Rows()[20:] {
			t.Logf("%v %v %v %q", r.AskedTier, r.Outcome, r.Reason, r.Skipped)
		}
	})
}

// A thousand calls with SetPolicy in between that changes the cap: the sum of costs never passes the highest cap.
func TestFoeSetPolicyUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		base := answerer(func(r *http.Request) (*http.Response, error) {
			io.ReadAll(r.Body)
			i := n.Add(1)
			time.Sleep(time.Duration(i%17) * 100 * time.Millisecond)
			switch i % 10 {
			case 0:
				return nil, errors.New("reset")
			case 1:
				panic("base")
			case 2:
				return says(429, jsonType, `{"error":{"message":"slow down","code":"rate_limit_exceeded"}}`)(r)
			case 3:
				return &http.Response{StatusCode: 101, Header: http.Header{"Upgrade": {"x"}}, Body: http.NoBody}, nil
			case 4:
				return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {jsonType}}, Body: io.NopCloser(io.MultiReader(strings.NewReader(served[:20]), failing{}))}, nil
			case 5:
				return &http.Response{StatusCode: 302, Header: http.Header{"Location": {"https://evil.example/"}}, Body: http.NoBody}, nil
			}
			return says(200, jsonType, strings.Replace(served, `"completion_tokens":20`, `"completion_tokens":100`, 1))(r)
		})
		p := capOf("0.3")
		p.MaxWait = time.Minute
		p.Limits = []policy.Limit{{Name: "c", Concurrency: 10}}
		stack := stackOver(t, base, p)
		var all sync.WaitGroup
		for i := range 600 {
			all.Go(func() {
				defer func() { recover() }()
				ctx, stop := context.WithTimeout(policy.With(t.Context(), policy.AllowDoubleBilling()), time.Duration(1+i%90)*time.Second)
				defer stop()
				do(t, ctx, stack, "POST", openaiURL, boundedBody)
			})
		}
		all.Go(func() {
			for i := range 10 {
				time.Sleep(500 * time.Millisecond)
				q := p
				q.Budgets = capOf([]string{"0.3", "0.1", "0.2"}[i%3]).Budgets
				if err := stack.SetPolicy(q); err != nil {
					t.Error(err)
				}
			}
		})
		all.Wait()
		s := stack.Budgets()[0]
		sum := stack.Totals().Cost
		sum.AddSum(stack.Totals().Exposure)
		total, _ := sum.Pico()
		t.Logf("%v, exposure %v, ledger %v", s, s.Exposure, total)
		if s.Held != 0 || total > price.MustUSD("0.3") || s.Spent != total {
			t.Errorf("%v, ledger %v", s, total)
		}
		for _, l := range stack.Limits() {
			if l.Busy != 0 || l.Waiting != 0 {
				t.Errorf("%+v", l)
			}
		}
	})
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }
