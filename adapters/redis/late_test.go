package redis_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/limit"
)

// A late client sends scripts long after their caller has given up.
type late struct {
	mu   sync.Mutex
	on   bool
	sent []func()
}

func (l *late) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (l *late) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

func (l *late) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if !l.keeps(cmd) {
			return next(ctx, cmd)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		args := cmd.Args()
		l.sent = append(l.sent, func() { _ = next(context.Background(), goredis.NewCmd(context.Background(), args...)) })
		err := &net.OpError{Op: "read", Err: errors.New("no answer yet")}
		cmd.SetErr(err)
		return err
	}
}

// keeps reports whether a command is kept back.
func (l *late) keeps(cmd goredis.Cmder) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.on && strings.HasPrefix(cmd.Name(), "eval")
}

// A script that reaches Redis after its attempt was given up takes nothing.
func TestLateReserve(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	hook := new(late)
	client.AddHook(hook)
	store := newStore(t, client, redis.Config{})
	l := limiterOf(t, store, two, daily)
	hook.mu.Lock()
	hook.on = true
	hook.mu.Unlock()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Millisecond)
	defer stop()
	if _, err := l.Wait(ctx, newRequest(4*dollar)); err == nil {
		t.Fatal("admitted without an answer")
	}
	hook.mu.Lock()
	hook.on = false
	reserves := hook.sent
	hook.mu.Unlock()
	if len(reserves) == 0 {
		t.Fatal("nothing was sent")
	}
	eventually(t, "Redis is not down", func() bool { return !store.Stats().Down })
	if err := store.Flush(t.Context()); err != nil { // the cancellation
		t.Fatal(err)
	}
	for _, send := range reserves {
		send()
	}
	p := mustWait(t, l, newRequest(10*dollar)) // nothing is held
	p.Release(limit.Count{})
}
