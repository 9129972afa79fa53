package redis_test

import (
	"errors"
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

// States says what is left of the limits, as all processes have used them; and nothing of it without Redis.
func TestStates(t *testing.T) {
	server := redistest.Start(t)
	client := newClient(t, server.Addr())
	c := redis.Config{Group: newGroup(), Replicas: 2}
	limits := []policy.Limit{{Name: "all", RequestsPerMinute: 6, Burst: 10, RequestsPerDay: 100, Concurrency: 4}, {Name: "models", Per: []string{"model"}, Concurrency: 3}}
	l := limiterOf(t, newStore(t, client, c), limits, nil)
	m := limiterOf(t, newStore(t, client, c), limits, nil)
	for _, l := range []limit.Limiter{l, l, m} {
		p := mustWait(t, l, newRequest(0))
		defer p.Release(limit.Count{})
	}
	p := mustWait(t, m, &limit.Request{Subject: policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5-mini"}, Call: "mini", Attempt: 1})
	defer p.Release(limit.Count{})
	states := l.(*redis.Limiter).States()
	if len(states) != 2 || len(states[0].Levels) != 2 {
		t.Fatalf("%+v", states)
	}
	all, model := states[0], states[1]
	if all.Busy != 4 || len(all.Holders) != 2 || all.Levels[0].Left != 6 || all.Levels[0].Most != 10 || all.Levels[1].Left != 96 {
		t.Errorf("%+v", all)
	}
	if full := all.Levels[0].Full; full < 30*time.Second || full > 41*time.Second {
		t.Errorf("full after %v, want 40s", full)
	}
	if model.Key != "model gpt-5" || model.Busy != 3 {
		t.Errorf("%+v", model)
	}
	stop(t, server, false)
	for _, s := range l.(*redis.Limiter).States() {
		if s.Levels != nil || s.Busy != 2 {
			t.Errorf("without Redis: %+v", s)
		}
	}
}

// Explain says how a budget with Per stands for the call, that it would refuse the call, and that nothing is known without Redis.
func TestExplain(t *testing.T) {
	server := redistest.Start(t)
	store := newStore(t, newClient(t, server.Addr()), redis.Config{})
	stack := newStack(t, store, ledger.NewMemory(0), served, policy.Budget{Name: "tenants", Per: []string{"tag:tenant"}, Window: 24 * time.Hour, Cap: 4 * dollar})
	ctx := policy.With(t.Context(), policy.Tag("tenant", "acme"))
	for range 2 {
		if err := chat(ctx, stack); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, store)
	got, refused := explain(t, stack, "acme")
	if got != "tenants (tenant acme): $2.000025 spent and $0 held of $4 in 24h" || !strings.Contains(refused, "budget for gpt-5: tenants (tenant acme): $2.000025 spent") {
		t.Errorf("%s\n%s", got, refused)
	}
	if got, refused = explain(t, stack, "other"); got != "tenants (tenant other): $0 spent and $0 held of $4 in 24h" || refused != "" {
		t.Errorf("%s\n%s", got, refused)
	}
	stop(t, server, false)
	got, refused = explain(t, stack, "acme")
	if !strings.HasPrefix(got, "tenants (tenant acme): it is not known what is left of $4 in 24h: ") || !strings.Contains(refused, "it is not known what is left") {
		t.Errorf("%s\n%s", got, refused)
	}
}

// While Redis is away, a call that a budget matches fails within about a second with ErrBudget, and the error says why and what to
// do. Its MaxWait, which is for money that others hold, does not count.
func TestRefusalWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	store := newStore(t, newClient(t, server.Addr()), redis.Config{})
	stack := newStack(t, store, ledger.NewMemory(0), served, daily...)
	stop(t, server, false)
	for range 2 {
		start := time.Now()
		err := chat(t.Context(), stack)
		var e *budget.Error
		var unknown *redis.UnavailableError
		if !errors.Is(err, middleware.ErrBudget) || errors.Is(err, middleware.ErrLimit) || !errors.As(err, &e) || !e.Unavailable || !errors.As(err, &unknown) {
			t.Fatalf("%v, want ErrBudget", err)
		}
		for _, want := range []string{"daily: it is not known what is left of $10 in 24h", "no answer from Redis", "see whether Redis can be reached"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want it to say %q", err, want)
			}
		}
		if strings.Contains(err.Error(), "limit") || strings.Contains(err.Error(), "spent") {
			t.Errorf("%v, which is not about a limit, nor known", err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
	}
}

// A state of the group that this package does not write is no other version.
func TestBrokenState(t *testing.T) {
	server := redistest.Start(t)
	client := newClient(t, server.Addr())
	store := newStore(t, client, redis.Config{Group: "broken"})
	l := limiterOf(t, store, nil, daily)
	for _, state := range []string{"1", "1 what"} {
		if err := server.Client().Set(t.Context(), "{skinflint:broken}:state", state, 0).Err(); err != nil {
			t.Fatal(err)
		}
		_, err := l.Wait(t.Context(), newRequest(dollar))
		var version *redis.VersionError
		if err == nil || errors.As(err, &version) {
			t.Errorf("state %q: %v", state, err)
		}
		if err := store.Rebuild(t.Context(), nil); err != nil {
			t.Errorf("state %q: %v", state, err)
		}
		mustWait(t, l, newRequest(dollar)).Release(limit.Count{})
	}
	if err := server.Client().Set(t.Context(), "{skinflint:broken}:state", "2 ok x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	var version *redis.VersionError
	if _, err := l.Wait(t.Context(), newRequest(dollar)); !errors.As(err, &version) || version.Found != "2" || version.Want != "1" {
		t.Errorf("%v, want a VersionError", err)
	}
}
