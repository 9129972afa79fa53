package middleware_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A waiter is a limiter that has only Wait.
type waiter struct{ limit.Limiter }

// An accountant also says how its budgets stand.
type accountant struct {
	waiter
	limit.Accountant
}

// The budgets of a limiter that cannot count what was spent before begin with nothing spent. The log says so, and nothing claims
// to know what was spent.
func TestLimiterThatIsNoLoader(t *testing.T) {
	for name, test := range map[string]struct {
		make    func(*limit.Local) limit.Limiter
		explain string
		states  int
	}{
		"with Wait alone": {func(l *limit.Local) limit.Limiter { return waiter{l} }, "b: how it stands is not known", 0},
		"with Budgets": {func(l *limit.Local) limit.Limiter { return accountant{waiter{l}, l} },
			"b: $0 spent and $0 held of $1 in 24h, and what was spent before is not known", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			logged := func() {
				t.Helper()
				for _, want := range []string{"level=WARN", "budgets begin with nothing spent", "limit.Loader", "limit.Spender"} {
					if !strings.Contains(log.String(), want) {
						t.Errorf("the log lacks %q: %s", want, &log)
					}
				}
				log.Reset()
			}
			p := policy.Policy{Budgets: []policy.Budget{{Name: "b", Window: 24 * time.Hour, Cap: price.USD}}}
			stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
				middleware.WithLimiter(func(limits []policy.Limit, budgets []policy.Budget) (limit.Limiter, error) {
					return test.make(limit.NewLocal(limits, budgets)), nil
				}, "salt"))
			if err != nil {
				t.Fatal(err)
			}
			logged()
			e, err := stack.Explain(chatRequest(t, "POST", openaiURL, chatBody))
			if err != nil || len(e.Budgets) != 1 || e.Budgets[0] != test.explain {
				t.Errorf("%v: %q, want %q", err, e.Budgets, test.explain)
			}
			if states := stack.Budgets(); len(states) != test.states || len(states) > 0 && !states[0].Unread {
				t.Errorf("%v", states)
			}
			p.Budgets[0].Cap = 2 * price.USD
			if err := stack.SetPolicy(p); err != nil {
				t.Fatal(err)
			}
			logged()
		})
	}
}

// Of a limiter that says how some keys stand, others have nothing spent. That is known of the first 100 keys only.
func TestExplainKeysWithoutAState(t *testing.T) {
	var states reported
	stack, err := middleware.New(middleware.WithPolicy(policy.Policy{Budgets: []policy.Budget{{Name: "b", Per: []string{"tag:tenant"}, Window: 24 * time.Hour, Cap: price.USD}}}),
		middleware.WithLogger(slog.New(slog.DiscardHandler)),
		middleware.WithLimiter(func(limits []policy.Limit, budgets []policy.Budget) (limit.Limiter, error) {
			l := limit.NewLocal(limits, budgets)
			return loading{accountant{waiter{l}, &states}, l}, nil
		}, "salt"))
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{
		0: "b (tenant acme): how it stands is not known", 100: "b (tenant acme): how it stands is not known",
		1: "b (tenant acme): $0 spent and $0 held of $1 in 24h", 99: "b (tenant acme): $0 spent and $0 held of $1 in 24h",
	} {
		states = make(reported, n)
		for i := range states {
			states[i].Budget.Name, states[i].Key = "b", "tenant other"
		}
		req := chatRequest(t, "POST", openaiURL, chatBody)
		e, err := stack.Explain(req.WithContext(policy.With(req.Context(), policy.Tag("tenant", "acme"))))
		if err != nil || len(e.Budgets) != 1 || e.Budgets[0] != want {
			t.Errorf("%d states: %v, %q, want %q", n, err, e.Budgets, want)
		}
	}
}

// A reported is an Accountant with these states.
type reported []budget.State

func (r *reported) Budgets() []budget.State { return append([]budget.State(nil), *r...) }

// A loading is an accountant that is a Loader, too.
type loading struct {
	accountant
	limit.Loader
}
