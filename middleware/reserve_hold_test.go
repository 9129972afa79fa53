package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// A call whose context is done, and whose body is neither read nor closed, holds nothing any more.
func TestBudgetOfACancelledCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			io.ReadAll(r.Body)
			pr, _ := io.Pipe()
			context.AfterFunc(r.Context(), func() { pr.CloseWithError(r.Context().Err()) })
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {jsonType}}, Body: pr}, nil
		})
		stack := stackOver(t, base, capOf("0.1"))
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "POST", openaiURL, strings.NewReader(boundedBody))
		if _, err := stack.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(time.Minute)
		synctest.Wait()
		t.Log(stack.Budgets()[0])
		if stack.Budgets()[0].Held != 0 {
			t.Error("held for ever")
		}
	})
}

// The bill of an attempt that has left the window counts in no budget.
func TestBudgetAndBillOfAnOldAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail := true
		base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			io.ReadAll(r.Body)
			if fail {
				return nil, errors.New("reset")
			}
			return says(200, jsonType, served)(r)
		})
		stack := stackOver(t, base, policy.Policy{MaxAttempts: 1, Budgets: []policy.Budget{
			{Name: "hour", Window: time.Hour, Cap: price.MustUSD("1")},
			{Name: "tenants", Per: []string{"tag:tenant"}, Window: time.Hour, Cap: price.MustUSD("1")}}})
		ctx := policy.With(t.Context(), policy.Tag("tenant", "acme"))
		do(t, ctx, stack, "POST", openaiURL, boundedBody)
		row := stack.Rows()[0]
		time.Sleep(3 * time.Hour)
		do(t, ctx, stack, "POST", openaiURL, boundedBody) // forgets the old one
		if err := stack.Resolve(row.Call, row.Attempt, price.MustUSD("0.9")); err != nil {
			t.Fatal(err)
		}
		for _, s := range stack.Budgets() {
			t.Log(s)
			if s.Spent > price.MustUSD("0.5") {
				t.Errorf("what was spent 3h ago counts in the last hour: %v", s)
			}
		}
	})
}

// Under faults of all kinds and changing caps, nothing stays held, and the budget agrees with the ledger.
func TestBudgetUnderChangingCaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
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
