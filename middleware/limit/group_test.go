package limit_test

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// tenant returns a request of a tenant.
func tenant(name string) *limit.Request {
	return &limit.Request{Subject: policy.Subject{Model: "gpt-5"}, Tags: map[string]string{"tenant": name}, Tokens: limit.Tokens{Input: 1}}
}

// Each key has its own bucket. The state of the limit lists those in use, those with the most attempts first.
func TestKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{Per: []string{"model", "tag:tenant"}, Concurrency: 2, TokensPerMinute: 6, TokenBurst: 2}}, nil)
		if s := l.States(); len(s) != 1 || s[0].Key != "" || s[0].Levels[0].Left != 2 {
			t.Errorf("%+v", s)
		}
		one, _ := l.Wait(t.Context(), tenant("one"))
		for range 2 {
			if _, err := l.Wait(t.Context(), tenant("two")); err != nil {
				t.Fatal(err)
			}
		}
		s := l.States()
		if len(s) != 2 || s[0].Key != "model gpt-5, tenant two" || s[0].Busy != 2 || s[0].Levels[0].Left != 0 || s[0].Levels[0].Full != 20*time.Second || s[1].Key != "model gpt-5, tenant one" || s[1].Busy != 1 {
			t.Errorf("%+v", s)
		}
		one.Release(limit.Count{})
		if s := l.States(); len(s) != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// Of a limit with many keys only those stay that are in use, whatever the limit counts.
func TestLimit39KeysAreBounded(t *testing.T) {
	for name, l := range map[string]policy.Limit{
		"concurrency": {Concurrency: 1},
		"a rate":      {RequestsPerMinute: 60, Burst: 1},
		"tokens":      {TokensPerMinute: 60, TokenBurst: 1},
		"a day":       {RequestsPerDay: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l.Per = []string{"tag:tenant"}
				q := limit.NewLocal([]policy.Limit{l, {Concurrency: 1 << 20}}, nil)
				held, _ := q.Wait(t.Context(), tenant("held"))
				for i := range 20_000 {
					p, err := q.Wait(t.Context(), tenant(strconv.Itoa(i)))
					if err != nil {
						t.Fatal(err)
					}
					p.Release(limit.Count{Requests: 1, Tokens: limit.Tokens{Input: 1}})
				}
				n := q.Keys()
				if name == "concurrency" && n > 4000 || name != "concurrency" && n < 20_001 {
					t.Errorf("%d keys", n)
				}
				time.Sleep(24 * time.Hour)
				for i := range 20_000 {
					p, err := q.Wait(t.Context(), tenant("again"))
					if err != nil {
						t.Fatal(err)
					}
					p.Release(limit.Count{})
					if i%1000 == 0 {
						time.Sleep(time.Second)
					}
				}
				if n := q.Keys(); n > 1030 {
					t.Errorf("%d keys in the end", n)
				}
				if s := q.States(); s[0].Key != "tenant held" || s[0].Busy != 1 {
					t.Errorf("%+v", s[0])
				}
				held.Release(limit.Count{})
			})
		})
	}
}

const defaultKeys = 200_000

var keys = flag.Int("keys", defaultKeys, "how many keys of a limit are in use at once")

// Keys that may not be forgotten take less than 400 bytes each: a million, which is -keys 1000000, less than 400 MB.
func TestLimit39ManyKeys(t *testing.T) {
	n := *keys
	if n == defaultKeys && (raceEnabled || testing.Short()) {
		n = 50_000
	}
	q := limit.NewLocal([]policy.Limit{{RequestsPerMinute: 1, Burst: 1, Per: []string{"tag:tenant"}}}, nil)
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	before := heap()
	r := tenant("")
	for i := range n {
		r.Tags["tenant"] = fmt.Sprintf("tenant-%07d", i)
		p, err := q.Wait(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		p.Release(limit.Count{Requests: 1, Tokens: limit.Tokens{Input: 1}})
	}
	used := heap() - before
	t.Logf("%d keys: %d bytes each", q.Keys(), used/uint64(n))
	if most := uint64(400 * n); q.Keys() < n || used > most {
		t.Errorf("%d keys take %d bytes", q.Keys(), used)
	}
	runtime.KeepAlive(q)
}

// heap returns how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
