package redis_test

import (
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// TestForget has the keys of limits looked at. One whose bucket is full is forgotten, and one with a permit that is out is not.
func TestForget(t *testing.T) {
	server := redistest.Start(t)
	group := newGroup()
	store := newStore(t, newClient(t, server.Addr()), redis.Config{Group: group, Lease: time.Second})
	full := limiterOf(t, store, []policy.Limit{{Name: "full", RequestsPerMinute: 1_000_000_000, Per: []string{"tag:tenant"}}}, nil)
	held := limiterOf(t, store, []policy.Limit{{Name: "held", Concurrency: 1}}, nil)
	r := newRequest(0)
	r.Tags = map[string]string{"tenant": "acme"}
	for _, l := range []limit.Limiter{full, held} {
		if _, err := l.Wait(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		r = newRequest(0)
	}
	prefix := "{skinflint:" + group + "}:"
	keys := func() (limits []string) { return server.Client().Keys(t.Context(), prefix+"l:*").Val() }
	if got := keys(); len(got) != 2 {
		t.Fatalf("%d keys of limits, want 2: %v", len(got), got)
	}
	for _, key := range keys() {
		if !strings.HasPrefix(key, prefix) || server.Client().ZScore(t.Context(), prefix+"due", key).Val() == 0 {
			t.Errorf("%s is never looked at", key)
		}
		server.Client().ZAdd(t.Context(), prefix+"due", goredis.Z{Score: 1, Member: key})
	}
	eventually(t, "one of the keys is forgotten", func() bool { return len(keys()) == 1 })
	left := keys()[0]
	eventually(t, "the other is looked at later", func() bool {
		return server.Client().ZScore(t.Context(), prefix+"due", left).Val() > float64(time.Now().Add(time.Hour).UnixMicro())
	})
	r.Deadline = time.Now().Add(50 * time.Millisecond)
	if _, err := held.Wait(t.Context(), r); err == nil {
		t.Error("the permit that is out was forgotten")
	}
}
