package redis_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// A turnstile counts scripts by how they are sent, and holds those back that are sent alone.
type turnstile struct {
	open             chan struct{}
	alone            atomic.Int64
	batches, batched atomic.Int64
}

func (h *turnstile) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (h *turnstile) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if cmd.Name() == "evalsha" {
			h.alone.Add(1)
			<-h.open
		}
		return next(ctx, cmd)
	}
}

func (h *turnstile) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		h.batches.Add(1)
		h.batched.Add(int64(len(cmds)))
		return next(ctx, cmds)
	}
}

// TestRounds has eight round trips under way when many more attempts come. They are sent together, each gets the reply to its own
// script, and one that gives up does not wait for them.
func TestRounds(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	l := limiterOf(t, newStore(t, client, redis.Config{}), []policy.Limit{{RequestsPerMinute: 100, Burst: 100, TokensPerMinute: 1_000_000, TokenBurst: 1_000_000}}, nil)
	half := newRequest(0)
	half.Tokens.Input = 500_000
	if _, err := l.Wait(t.Context(), half); err != nil { // the server has the script, too
		t.Fatal(err)
	}
	h := &turnstile{open: make(chan struct{})}
	client.AddHook(h)
	var all sync.WaitGroup
	var admitted, refused atomic.Int64
	ask := func(tokens int64) {
		all.Go(func() {
			r := newRequest(0)
			r.Tokens.Input = tokens
			r.Deadline = time.Now().Add(5 * time.Second)
			_, err := l.Wait(context.Background(), r)
			var e *limit.Error
			switch {
			case err == nil && tokens == 1:
				admitted.Add(1)
			case errors.As(err, &e) && tokens > 1:
				refused.Add(1)
			default:
				t.Errorf("%d tokens: %v", tokens, err)
			}
		})
	}
	for range 8 {
		ask(1)
	}
	eventually(t, "eight round trips", func() bool { return h.alone.Load() == 8 })
	const more = 40
	for i := range more {
		ask(1 + int64(i%2)*999_999) // every other one needs the whole bucket, of which some is taken
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if _, err := l.Wait(ctx, newRequest(0)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the end of its context", err)
	}
	close(h.open)
	all.Wait()
	if admitted.Load() != 8+more/2 || refused.Load() != more/2 {
		t.Errorf("%d admitted and %d refused, want %d and %d", admitted.Load(), refused.Load(), 8+more/2, more/2)
	}
	if n := h.batches.Load(); n == 0 || h.batched.Load() < 2*n {
		t.Errorf("%d scripts in %d batches", h.batched.Load(), n)
	}
}

// TestRoundsGivenUp has attempts give up at any time. No permit is lost, and nobody waits for ever.
func TestRoundsGivenUp(t *testing.T) {
	const permits = 64
	client := newClient(t, redistest.Start(t).Addr())
	store := newStore(t, client, redis.Config{})
	l := limiterOf(t, store, []policy.Limit{{Concurrency: permits}}, nil)
	var all sync.WaitGroup
	for range permits {
		all.Go(func() {
			for range 25 {
				ctx, stop := context.WithTimeout(context.Background(), rand.N(2*time.Millisecond))
				if p, err := l.Wait(ctx, newRequest(0)); err == nil {
					p.Release(limit.Count{})
				}
				stop()
			}
		})
	}
	all.Wait()
	if err := store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range permits {
		r := newRequest(0)
		r.Deadline = time.Now().Add(2 * time.Second)
		ctx, stop := context.WithDeadline(t.Context(), r.Deadline)
		defer stop()
		if _, err := l.Wait(ctx, r); err != nil {
			t.Fatalf("permit %d: %v", i+1, err)
		}
	}
}
