package main

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"

	"golang.org/x/time/rate"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// A keysRow is the memory of many keys.
type keysRow struct {
	key, name string
	bytes     int64
}

// measureKeys measures the memory of many keys, each of which has taken something a moment ago, so that none of them can be
// left out.
func measureKeys(ctx context.Context, size effort) ([]keysRow, error) {
	both := policy.Limit{RequestsPerMinute: 1, TokensPerMinute: 100, Per: []string{"tag:tenant"}}
	oursTakes := func(l policy.Limit) func() (any, error) {
		return func() (any, error) {
			limiter := limit.NewLocal([]policy.Limit{l}, nil)
			for i := range size.keys {
				r := limit.Request{Subject: subject, Tags: map[string]string{"tenant": tenant(i)}, Tokens: limit.Tokens{Input: 10}}
				p, err := limiter.Wait(ctx, &r)
				if err != nil {
					return nil, err
				}
				p.Release(limit.Count{Requests: 1, Tokens: r.Tokens})
			}
			return limiter, nil
		}
	}
	rows := []keysRow{
		{key: oursRate, name: "skinflint, requests and tokens per minute"},
		{key: "requests", name: "skinflint, requests per minute"},
		{key: "xtime", name: "a map of golang.org/x/time/rate, requests per minute"},
	}
	for i, fill := range []func() (any, error){
		oursTakes(both),
		oursTakes(policy.Limit{RequestsPerMinute: 1, Per: both.Per}),
		func() (any, error) {
			var mu sync.Mutex
			limiters := map[string]*rate.Limiter{}
			for i := range size.keys {
				mu.Lock()
				l := rate.NewLimiter(1.0/60, 1)
				limiters[tenant(i)] = l
				mu.Unlock()
				if err := l.Wait(ctx); err != nil {
					return nil, err
				}
			}
			return limiters, nil
		},
	} {
		before := live()
		kept, err := fill()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", rows[i].name, err)
		}
		rows[i].bytes = live() - before
		runtime.KeepAlive(kept)
	}
	return rows, nil
}

// tenant returns a key.
func tenant(i int) string { return "tenant-" + strconv.Itoa(i) }

// live returns the bytes of the heap that are in use.
func live() int64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools have kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
