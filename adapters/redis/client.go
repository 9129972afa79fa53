package redis

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// The timeouts of a client. A server on the same network answers within a millisecond; one that needs 100 is treated as
// down, so that no call waits for it.
const (
	dialTimeout = 200 * time.Millisecond
	callTimeout = 100 * time.Millisecond
	poolTimeout = 150 * time.Millisecond

	maxTimeout = 2 * time.Second // of a client that the program has made itself
)

// Options returns the options of a client that [New] accepts, for the addresses of one server, of the nodes of a cluster, or,
// after MasterName is set, of the Sentinels. Set the password, TLS and the size of the pool in it:
//
//	options := redis.Options("redis-0:6379", "redis-1:6379", "redis-2:6379")
//	options.Password = os.Getenv("REDIS_PASSWORD")
//	store, err := redis.New(goredis.NewUniversalClient(options), redis.Config{Group: "prod", Replicas: 4})
//
// They differ from the defaults of go-redis: no command is repeated, contexts are honored, and a server that does not answer
// within 100 ms is given up. By default, go-redis repeats a command whose answer did not come, and a command to a server
// that hangs takes 10 seconds.
func Options(addrs ...string) *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs: addrs, Protocol: 2,
		ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: dialTimeout, ReadTimeout: callTimeout, WriteTimeout: callTimeout, PoolTimeout: poolTimeout,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		DisableIdentity:          true,
	}
}

// reload has the client of a cluster ask which node has which slots. By itself it does so once a minute, and not when a node
// does not answer, so that it would not find the new primary after a failover. It reports whether it is such a client.
func reload(client redis.UniversalClient) bool {
	c, ok := client.(interface{ ReloadState(context.Context) })
	if ok {
		c.ReloadState(context.Background()) // in the background, and not more often than 5 times a second
	}
	return ok
}

// checkClient returns an error that names the first option with which a client would repeat a command or wait for too long.
// A client of another type, such as a wrapper, is not examined.
func checkClient(client redis.UniversalClient) error {
	switch c := client.(type) {
	case nil:
		return errors.New("redis: the client is nil")
	case *redis.Client:
		o := c.Options()
		return checkOptions(clientOptions{o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout})
	case *redis.ClusterClient:
		o := c.Options()
		if o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return errors.New("redis: the client's ReadOnly, RouteByLatency and RouteRandomly must be false: scripts run on masters")
		}
		return checkOptions(clientOptions{o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout})
	case *redis.Ring:
		return errors.New("redis: the client is a Ring: it moves keys between servers when one is down, and limits and budgets would start anew; use one server, Sentinel or Cluster")
	}
	return nil
}

// connections returns how many scripts can be under way at once, of a client that has one connection more.
func connections(client redis.UniversalClient) int {
	n := 10 * runtime.GOMAXPROCS(0)
	switch c := client.(type) {
	case *redis.Client:
		n = c.Options().PoolSize
	case *redis.ClusterClient:
		n = c.Options().PoolSize
	}
	return max(1, n-1)
}

type clientOptions struct {
	maxRetries, dialerRetries int
	contexts                  bool
	dial, read, write, pool   time.Duration
}

func checkOptions(o clientOptions) error {
	const hint = "; see redis.Options"
	switch {
	case o.maxRetries > 0:
		return fmt.Errorf("redis: the client's MaxRetries is %d, and must be -1: a command whose answer was lost must not be repeated"+hint, o.maxRetries)
	case !o.contexts:
		return errors.New("redis: the client's ContextTimeoutEnabled is false, and must be true: else a call waits for a server that hangs beyond its deadline" + hint)
	case o.dialerRetries > 2:
		return fmt.Errorf("redis: the client's DialerRetries is %d, and must be 1 or 2: else each call waits for a server that is down"+hint, o.dialerRetries)
	}
	for _, t := range []struct {
		name string
		d    time.Duration
	}{{"DialTimeout", o.dial}, {"ReadTimeout", o.read}, {"WriteTimeout", o.write}, {"PoolTimeout", o.pool}} {
		if t.d <= 0 || t.d > maxTimeout {
			return fmt.Errorf("redis: the client's %s is %v, and must be more than 0 and at most %v: else each call waits for a server that hangs"+hint, t.name, t.d, maxTimeout)
		}
	}
	return nil
}
