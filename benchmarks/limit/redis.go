package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	goredis "github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A remote is a way to ask Redis.
type remote struct {
	name  string
	does  string
	ask   func(context.Context) (end func(), err error) // end is nil if a call has no end
	flush func(context.Context) error                   // lets the ends of calls be sent; nil if they have none
	check func(context.Context) error                   // fails unless all calls were counted; nil if that cannot be known
}

// call asks, and ends the call at once.
func (w remote) call(ctx context.Context) error {
	end, err := w.ask(ctx)
	if end != nil {
		end()
	}
	return err
}

// finish lets the ends of calls be sent.
func (w remote) finish(ctx context.Context) error {
	if w.flush == nil {
		return nil
	}
	return w.flush(ctx)
}

// The places of the ways.
const (
	redisPing = iota
	redisTwo
	redisSettled
	redisFull
	redisRate
	redisRates
)

// A redisRow is what one way costs.
type redisRow struct {
	way      remote
	alone    bench.Timing // the median of one call after the other; the reference is PING
	together bench.Timing // of one call, while as many as there are connections are made; the reference is redis_rate
}

// A redisReport is what was measured on Redis.
type redisReport struct {
	server string
	rows   []redisRow
}

// measureRedis starts a server and measures on it. Without redis-server it returns nil and writes a note.
func measureRedis(ctx context.Context, size effort, notes io.Writer) (_ *redisReport, err error) {
	server, err := redistest.New()
	if errors.Is(err, redistest.ErrNotInstalled) {
		fmt.Fprintln(notes, "limit: no figures of Redis:", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	options := redis.Options(server.Addr())
	options.PoolSize, options.MinIdleConns = size.sockets, size.sockets
	// A busy machine must not end the measurement.
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = 2*time.Second, 2*time.Second, 2*time.Second, 2*time.Second
	client := goredis.NewUniversalClient(options)
	defer client.Close()
	store, err := redis.New(client, redis.Config{Replicas: 1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close(ctx)) }()
	ways, err := remotes(client, store)
	if err == nil {
		err = store.Rebuild(ctx, nil) // nothing is spent
	}
	if err != nil {
		return nil, err
	}
	alone, err := bench.Interleave(size.rounds, len(ways), redisPing, func(i int) (time.Duration, error) {
		return one(ctx, ways[i], size.exchanges)
	})
	if err != nil {
		return nil, err
	}
	together, err := bench.Interleave(size.rounds, len(ways), redisRate, func(i int) (time.Duration, error) {
		took, err := share(ctx, size.sockets, size.exchanges*4, ways[i].call)
		return took, errors.Join(err, ways[i].finish(ctx))
	})
	if err != nil {
		return nil, err
	}
	for _, w := range ways {
		if w.check != nil {
			if err := w.check(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	if n := store.Stats(); n.Local+n.Refused+n.Dropped > 0 {
		return nil, fmt.Errorf("some calls were not decided by Redis: %+v", n)
	}
	r := &redisReport{server: version(ctx, client)}
	for i, w := range ways {
		r.rows = append(r.rows, redisRow{w, alone[i], together[i]})
	}
	return r, nil
}

// remotes returns the ways, by their places. All of them use the same client.
func remotes(client goredis.UniversalClient, store *redis.Store) ([]remote, error) {
	limiter := redis_rate.NewLimiter(client)
	allow := func(keys ...string) func(context.Context) (func(), error) {
		return func(ctx context.Context) (func(), error) {
			for _, key := range keys {
				res, err := limiter.AllowN(ctx, key, redis_rate.PerMinute(perSecond*60), tokens)
				switch {
				case err != nil:
					return nil, err
				case res.Allowed != tokens:
					return nil, errors.New("redis_rate does not admit a call")
				}
			}
			return nil, nil
		}
	}
	two := policy.Limit{Name: "two", RequestsPerMinute: perSecond, Burst: perSecond, TokensPerMinute: perSecond * 60, TokenBurst: perSecond * 60}
	model, tenant := two, two
	model.Name, model.Per, model.Concurrency = "model", []string{"model"}, 100_000
	tenant.Name, tenant.Per = "tenant", []string{"tag:tenant"}
	month := policy.Budget{Name: "month", Every: policy.EveryMonth, Cap: redisCap}
	simple, err := store.Limiter([]policy.Limit{two}, nil)
	if err != nil {
		return nil, err
	}
	full, err := store.Limiter([]policy.Limit{model, tenant}, []policy.Budget{month})
	if err != nil {
		return nil, err
	}
	all := &reserver{limiter: full, name: "full", used: tokens - 1}
	return []remote{
		redisPing:    {"PING", "nothing", func(ctx context.Context) (func(), error) { return nil, client.Ping(ctx).Err() }, nil, nil},
		redisTwo:     {"skinflint, 2 limits", "requests and tokens, all or none; used as estimated", (&reserver{limiter: simple, name: "exact", used: tokens}).ask, store.Flush, nil},
		redisSettled: {"skinflint, 2 limits, settled", "the same; used less, which is given back", (&reserver{limiter: simple, name: "settled", used: tokens - 1}).ask, store.Flush, nil},
		redisFull:    {"skinflint, everything", "4 limits, a budget, a permit and its lease; all settled", all.ask, store.Flush, all.check},
		redisRate:    {"redis_rate", "1 limit", allow("tokens"), nil, nil},
		redisRates:   {"redis_rate, twice", "2 limits, one after the other", allow("requests", "tokens"), nil, nil},
	}, nil
}

// redisCap is more than all calls cost.
var redisCap = price.MustUSD("1000000")

// tokens is what each call is estimated to use.
const tokens = 10

// callCost is what each call costs.
var callCost = price.MustUSD("0.000001")

// A reserver asks a limiter of ours. Its name is in those of its calls, because what is asked twice for an attempt is taken once.
type reserver struct {
	limiter limit.Limiter
	name    string
	used    int64 // tokens
	calls   atomic.Int64
}

func (v *reserver) ask(ctx context.Context) (end func(), err error) {
	call := v.name + strconv.FormatInt(v.calls.Add(1), 10)
	cost := ledger.Known(callCost)
	r := limit.Request{Subject: subject, Tags: map[string]string{"tenant": "acme"}, Call: call, Attempt: 1,
		Tokens: limit.Tokens{Input: tokens}, Cost: cost}
	p, err := v.limiter.Wait(ctx, &r)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return nil, errors.New("no limit matches")
	}
	return func() {
		p.Release(limit.Count{Requests: 1, Tokens: limit.Tokens{Input: v.used}, Row: &ledger.Row{Call: call, Attempt: 1, Cost: cost, At: time.Now()}})
	}, nil
}

// check fails unless the budget has the cost of every call, and holds nothing.
func (v *reserver) check(ctx context.Context) error {
	_, err := v.limiter.Wait(ctx, &limit.Request{Subject: subject, Call: v.name, Attempt: 1, Cost: ledger.Known(redisCap)})
	var refused *budget.Error
	if want := callCost * price.Pico(v.calls.Load()); !errors.As(err, &refused) || refused.Spent != want || refused.Held != 0 {
		return fmt.Errorf("the budget should have spent %v and hold nothing: %w", want, err)
	}
	return nil
}

// one returns the median of n calls, one after the other. The end of each is sent before the next begins, and is not timed.
func one(ctx context.Context, w remote, n int) (time.Duration, error) {
	took := make([]float64, 0, n)
	for i := range n + n/10 {
		start := time.Now()
		end, err := w.ask(ctx)
		if d := time.Since(start); i >= n/10 { // the first ones are not timed
			took = append(took, float64(d))
		}
		if end != nil {
			end()
			err = errors.Join(err, w.finish(ctx))
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return time.Duration(bench.Median(took)), nil
}

// version returns the version of the server.
func version(ctx context.Context, client goredis.UniversalClient) string {
	info := client.Info(ctx, "server").Val()
	_, rest, _ := strings.Cut(info, "redis_version:")
	number, _, _ := strings.Cut(rest, "\r\n")
	return "Redis " + number
}

// write adds the table.
func (r *redisReport) write(b *strings.Builder, size effort) {
	fmt.Fprintf(b, "\n%s on this machine: the reserve of one call after the other, and whole calls over %d connections at once\n\n", r.server, size.sockets)
	lines := [][]string{{"asked", "µs", "over PING", "calls/s", "of redis_rate's", "what it does"}, {":-", "-:", "-:", "-:", "-:", ":-"}}
	for _, row := range r.rows {
		lines = append(lines, []string{row.way.name, micros(row.alone.Time), fmt.Sprintf("%.2fx", row.alone.Ratio),
			fmt.Sprintf("%.0f", 1e9/nanos(row.together.Time)), fmt.Sprintf("%.2fx", 1/row.together.Ratio), row.way.does})
	}
	bench.Align(b, lines)
}
