package redis_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// A base is a transport that reads the request and answers.
type base func(*http.Request) (*http.Response, error)

func (f base) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.ReadAll(r.Body); err != nil {
		return nil, err
	}
	return f(r)
}

// chat makes a call that can cost two dollars, and costs $1.0000125 if it is served.
func chat(ctx context.Context, s *middleware.Stack) error {
	const body = `{"model":"gpt-5","max_tokens":100000,"messages":[{"role":"user","content":"Who saves?"}]}`
	req, err := http.NewRequestWithContext(ctx, "POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := s.RoundTrip(req)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	return err
}

func served(*http.Request) (*http.Response, error) {
	const answer = `{"id":"c","model":"gpt-5","service_tier":"default","choices":[{}],"usage":{"prompt_tokens":10,"completion_tokens":100000,"total_tokens":100010}}`
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

func newStack(t *testing.T, store *redis.Store, rows ledger.Store, b base, budgets ...policy.Budget) *middleware.Stack {
	t.Helper()
	stack, err := middleware.New(middleware.WithPolicy(policy.Policy{MaxAttempts: 1, Budgets: budgets}), middleware.WithBase(b),
		middleware.WithStore(rows), middleware.WithLogger(discard), middleware.WithLimiter(store.Limiter, "salt"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stack.Close(context.Background()) })
	return stack
}

func flush(t *testing.T, store *redis.Store) {
	t.Helper()
	if err := store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// explain returns what the Stack says about the budgets of a call, and why it would be refused.
func explain(t *testing.T, stack *middleware.Stack, tenant string) (budgets, refused string) {
	t.Helper()
	ctx := policy.With(t.Context(), policy.Tag("tenant", tenant))
	req, err := http.NewRequestWithContext(ctx, "POST", "https://api.openai.com/v1/chat/completions",
		strings.NewReader(`{"model":"gpt-5","max_tokens":100000,"messages":[{"role":"user","content":"Who saves?"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	e, err := stack.Explain(req)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(e.Budgets, "\n"), e.Refused
}

// The row with which Stack.Resolve counts a bill names neither provider nor tags. It counts in the accounts of its attempt, and in
// no others; and nowhere if the attempt is not known.
func TestResolve(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	store := newStore(t, client, redis.Config{})
	reset := func(*http.Request) (*http.Response, error) { return nil, errors.New("reset") }
	stack := newStack(t, store, ledger.NewMemory(0), reset,
		policy.Budget{Name: "tenants", Per: []string{"tag:tenant"}, Window: 24 * time.Hour, Cap: 10 * dollar},
		policy.Budget{Name: "openai", Match: policy.Match{Provider: "openai"}, Every: policy.EveryMonth, Cap: 100 * dollar})
	ctx := policy.With(t.Context(), policy.Tag("tenant", "acme"))
	for range 3 {
		if err := chat(ctx, stack); err == nil {
			t.Fatal("a call that was reset did not fail")
		}
	}
	flush(t, store)
	if got, _ := explain(t, stack, "acme"); strings.Contains(got, "$0 spent") {
		t.Errorf("before: %s", got)
	}
	for _, r := range stack.Rows() {
		if err := stack.Resolve(r.Call, r.Attempt, dollar/4); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, store)
	want := "tenants (tenant acme): $0.75 spent and $0 held of $10 in 24h\nopenai: $0.75 spent and $0 held of $100 each month"
	if got, _ := explain(t, stack, "acme"); got != want {
		t.Errorf("after the bills:\n%s\nwant\n%s", got, want)
	}
	l, err := store.Limiter(nil, []policy.Budget{{Name: "all", Window: time.Hour, Cap: 10 * dollar}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	l.(limit.Spender).Spend(&ledger.Row{Call: "unknown", Attempt: 1, Cost: ledger.Known(dollar), PriceID: ledger.BillPriceID})
	flush(t, store)
	for _, s := range l.(*redis.Limiter).Budgets() {
		if s.Spent != 0 {
			t.Errorf("the bill of an attempt that is not known counts: %v", s)
		}
	}
}

// Another window for the name of a budget that is in use is refused, as the limiter of one process does.
func TestWindowChanged(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	store := newStore(t, client, redis.Config{})
	b := policy.Budget{Name: "daily", Window: 24 * time.Hour, Cap: 10 * dollar}
	stack := newStack(t, store, ledger.NewMemory(0), served, b)
	p := policy.Policy{Budgets: []policy.Budget{b}}
	p.Budgets[0].Window = 25 * time.Hour
	if err := stack.SetPolicy(p); err == nil || !strings.Contains(err.Error(), "budget daily: its window or its per was changed") {
		t.Errorf("%v, want an error that names the budget", err)
	}
	p.Budgets[0].Name = "longer"
	if err := stack.SetPolicy(p); err != nil {
		t.Error(err)
	}
	p.Budgets[0] = b
	p.Budgets[0].Window = 26 * time.Hour // daily is no longer in use
	if err := stack.SetPolicy(p); err != nil {
		t.Error(err)
	}
}

// A budget that is added to a group whose budgets are open counts the rows of its window before it admits anything.
func TestNewBudgetReadsLedger(t *testing.T) {
	for name, own := range map[string]bool{"with Config.Ledger": true, "by the Stack": false} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, redistest.Start(t).Addr())
			rows := ledger.NewMemory(0)
			c := redis.Config{}
			if own {
				c.Ledger = rows
			}
			store := newStore(t, client, c)
			daily := policy.Budget{Name: "daily", Window: 24 * time.Hour, Cap: 10 * dollar}
			stack := newStack(t, store, rows, served, daily)
			for range 3 {
				if err := chat(t.Context(), stack); err != nil {
					t.Fatal(err)
				}
			}
			flush(t, store)
			if err := stack.SetPolicy(policy.Policy{Budgets: []policy.Budget{daily, {Name: "weekly", Window: 168 * time.Hour, Cap: 3*dollar + dollar/2}}}); err != nil {
				t.Fatal(err)
			}
			var e *budget.Error
			if err := chat(t.Context(), stack); !errors.As(err, &e) || e.Budget != "weekly" || e.Spent.String() != "3.0000375" {
				t.Errorf("%v, want a refusal by weekly, of which $3.0000375 are spent", err)
			}
			if got, _ := explain(t, stack, ""); !strings.Contains(got, "daily: $3.0000375 spent and $0 held") {
				t.Errorf("the other budget: %s", got)
			}
		})
	}
}

// The first calls of several processes wait until one of these has read the ledger. Slow is a ledger that takes its time.
func TestFirstStartWaits(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	rows := ledger.NewMemory(0)
	rows.Add(*rowOf(newRequest(0), 3*dollar))
	c := redis.Config{Group: newGroup(), Replicas: 3, Ledger: slow{rows}}
	failed := make(chan error, 3)
	for range cap(failed) {
		store := newStore(t, client, c)
		l, err := store.Limiter(nil, daily)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := l.Wait(context.Background(), newRequest(dollar))
			failed <- err
		}()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

type slow struct{ ledger.Scanner }

func (s slow) Scan(ctx context.Context, f ledger.Filter) iter.Seq2[ledger.Row, error] {
	time.Sleep(300 * time.Millisecond)
	return s.Scanner.Scan(ctx, f)
}

// Two programs share a group, with budgets of their own. After data was lost, the one that rebuilds opens its own budgets, and not
// those of the other, of which it does not count the rows.
func TestProgramsOpenTheirOwn(t *testing.T) {
	server := redistest.Start(t)
	client := newClient(t, server.Addr())
	c := redis.Config{Group: newGroup(), Replicas: 2}
	a, b := newStore(t, client, c), newStore(t, client, c)
	l := limiterOf(t, a, nil, daily)
	m := limiterOf(t, b, nil, []policy.Budget{{Name: "other", Window: 24 * time.Hour, Cap: 10 * dollar}})
	r := newRequest(10 * dollar)
	row := rowOf(r, 10*dollar)
	mustWait(t, m, r).Release(limit.Count{Requests: 1, Row: row})
	flush(t, b)
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	refused := func(l limit.Limiter) bool {
		var unknown *redis.UnavailableError
		_, err := l.Wait(t.Context(), newRequest(10*dollar))
		return errors.As(err, &unknown)
	}
	if !refused(m) {
		t.Fatal("it is not found out that data was lost")
	}
	all := func(yield func(ledger.Row, error) bool) { yield(*row, nil) }
	if err := a.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	mustWait(t, l, newRequest(dollar)).Release(limit.Count{})
	if !refused(m) || !b.Stats().Closed {
		t.Error("the rebuild of one program has opened the budget of the other")
	}
	if err := b.Rebuild(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if s, _ := spent(t, m, 10*dollar); s != 10*dollar {
		t.Errorf("%v spent after its own rebuild", s)
	}
	if a.Stats().Closed || b.Stats().Closed {
		t.Error("closed after both rebuilds")
	}
}

// SetPolicy replaces the limiter: what is no longer in the policy needs no rows.
func TestRetire(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	store := newStore(t, client, redis.Config{})
	b := policy.Budget{Name: "long", Window: 700 * time.Hour, Cap: 10 * dollar}
	stack := newStack(t, store, ledger.NewMemory(0), served, b)
	for i := range 3 {
		b.Name, b.Window = b.Name+"x", time.Duration(i+1)*time.Hour
		if err := stack.SetPolicy(policy.Policy{Budgets: []policy.Budget{b}}); err != nil {
			t.Fatal(err)
		}
	}
	if since := time.Since(store.Since()).Round(time.Minute); since != 3*time.Hour {
		t.Errorf("rows are needed of the last %v, want 3h", since)
	}
	if states, err := store.Budgets(t.Context()); err != nil || len(states) != 1 {
		t.Errorf("%v, %v, want the budget of the last policy", states, err)
	}
}
