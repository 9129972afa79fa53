package redis_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent/registrytest"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// patientClient returns a client that is valid for a store and waits as long as it may: other tests keep the machine busy.
func patientClient(t testing.TB, addrs ...string) goredis.UniversalClient {
	t.Helper()
	o := redis.Options(addrs...)
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = 2*time.Second, 2*time.Second, 2*time.Second, 2*time.Second
	client := goredis.NewUniversalClient(o)
	t.Cleanup(func() { client.Close() })
	return client
}

func newRegistry(t testing.TB, client goredis.UniversalClient, c redis.RegistryConfig) *redis.Registry {
	t.Helper()
	r, err := redis.NewRegistry(client, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRegistry(t *testing.T) {
	server := redistest.Start(t)
	groups := 0
	registrytest.Run(t, registrytest.Config{
		Open: func(t *testing.T) cachedcontent.Registry {
			groups++
			return newRegistry(t, patientClient(t, server.Addr()), redis.RegistryConfig{Group: fmt.Sprint("group", groups)})
		},
		Wait: func(d time.Duration) { time.Sleep(d + 5*time.Millisecond) },
		Unit: 250 * time.Millisecond,
	})
	keys, err := server.Client().Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		ttl, err := server.Client().PTTL(t.Context(), key).Result()
		if err != nil || ttl == -1 {
			t.Errorf("%s is never removed, %v", key, err)
		}
	}
}

// registryKey returns the n-th key.
func registryKey(n int) cachedcontent.Key {
	k := cachedcontent.Key{Provider: "gemini", Account: "account", Model: "gemini-2.5-flash"}
	k.Content[0], k.Content[1] = byte(n), byte(n>>8)
	return k
}

// registryEntry returns a cache that lives for an hour.
func registryEntry(name, owner string) cachedcontent.Entry {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return cachedcontent.Entry{Name: "cachedContents/" + name, Tokens: 1<<62 + 1, Created: now, Expires: now.Add(time.Hour), Owner: owner}
}

// Every bit of a key and of an entry comes back, whatever it consists of.
func TestRegistryIsExact(t *testing.T) {
	r := newRegistry(t, patientClient(t, redistest.Start(t).Addr()), redis.RegistryConfig{})
	key := cachedcontent.Key{Provider: "vertex", Account: "\xff\x00{}", Location: "europe\n", Model: "\u2028"}
	for i := range key.Content {
		key.Content[i] = byte(255 - i)
	}
	e := registryEntry("ä\x00\xfe", "owner \xf0")
	if got, err := r.Publish(t.Context(), key, e); err != nil || got != e {
		t.Fatalf("Publish = %+v, %v", got, err)
	}
	held, err := r.Own(t.Context(), e.Owner)
	if err != nil || len(held) != 1 || held[0] != (cachedcontent.Held{Key: key, Entry: e}) {
		t.Errorf("Own = %+v, %v; want %+v", held, err, e)
	}
}

func TestRegistryIsFull(t *testing.T) {
	server := redistest.Start(t)
	r := newRegistry(t, patientClient(t, server.Addr()), redis.RegistryConfig{Keys: 3})
	claim := func(n int, lease time.Duration) error {
		t.Helper()
		_, err := r.Claim(t.Context(), registryKey(n), "a", lease)
		return err
	}
	if err := errors.Join(claim(1, 100*time.Millisecond), claim(2, time.Hour)); err != nil {
		t.Fatal(err)
	}
	e := registryEntry("e", "b")
	if _, err := r.Publish(t.Context(), registryKey(3), e); err != nil {
		t.Fatal(err)
	}
	if err := claim(4, time.Hour); !errors.Is(err, cachedcontent.ErrFull) {
		t.Errorf("a fourth key: %v", err)
	}
	if got, err := r.Publish(t.Context(), registryKey(4), e); !errors.Is(err, cachedcontent.ErrFull) {
		t.Errorf("a fourth key: %+v, %v", got, err)
	}
	if c, err := r.Claim(t.Context(), registryKey(3), "a", time.Hour); err != nil || c.Entry != e {
		t.Errorf("a live entry of a full registry: %+v, %v", c, err)
	}
	if err := claim(2, time.Hour); err != nil {
		t.Errorf("a claim is not prolonged: %v", err)
	}
	time.Sleep(110 * time.Millisecond) // the first claim ends
	if err := claim(4, time.Hour); err != nil {
		t.Errorf("no room after the end of a claim: %v", err)
	}
}

// A server without memory is a full registry. What it has is still there.
func TestRegistryWithoutMemory(t *testing.T) {
	server := redistest.Start(t)
	r := newRegistry(t, patientClient(t, server.Addr()), redis.RegistryConfig{})
	e := registryEntry("e", "a")
	if _, err := r.Publish(t.Context(), registryKey(1), e); err != nil {
		t.Fatal(err)
	}
	if err := server.Client().ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Claim(t.Context(), registryKey(2), "a", time.Hour); !errors.Is(err, cachedcontent.ErrFull) {
		t.Errorf("Claim: %v", err)
	}
	if c, err := r.Claim(t.Context(), registryKey(1), "b", time.Hour); err != nil || c.Entry != e {
		t.Errorf("Claim = %+v, %v", c, err)
	}
	if ok, err := r.Forget(t.Context(), registryKey(1), e.Name); err != nil || !ok {
		t.Errorf("Forget = %v, %v", ok, err)
	}
}

// A group is apart from another, and its keys go when nothing in them is live.
func TestRegistryGroups(t *testing.T) {
	server := redistest.Start(t)
	client := patientClient(t, server.Addr())
	a, b := newRegistry(t, client, redis.RegistryConfig{}), newRegistry(t, client, redis.RegistryConfig{Group: "b"})
	for _, r := range []*redis.Registry{a, b} {
		if c, err := r.Claim(t.Context(), registryKey(1), "x", time.Second); err != nil || !c.Mine {
			t.Errorf("%+v, %v", c, err)
		}
	}
	e := registryEntry("e", "x")
	e.Expires = time.Now().Add(time.Second)
	if _, err := a.Publish(t.Context(), registryKey(2), e); err != nil {
		t.Fatal(err)
	}
	if n := server.Client().DBSize(t.Context()).Val(); n != 6 {
		t.Errorf("%d keys, want 6", n)
	}
	for deadline := time.Now().Add(10 * time.Second); server.Client().DBSize(t.Context()).Val() != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the keys stay for ever")
		}
	}
}

// After the server's clock was set back, a claim does not last longer than its lease.
func TestRegistryClockSetBack(t *testing.T) {
	server := redistest.Start(t)
	r := newRegistry(t, patientClient(t, server.Addr()), redis.RegistryConfig{})
	const lease = 100 * time.Millisecond
	if c, err := r.Claim(t.Context(), registryKey(1), "a", lease); err != nil || !c.Mine {
		t.Fatalf("Claim = %+v, %v", c, err)
	}
	const leases = "{skinflint:default}:caches:1:leases"
	ids, err := server.Client().ZRange(t.Context(), leases, 0, -1).Result()
	if err != nil || len(ids) != 1 {
		t.Fatal(ids, err)
	}
	tomorrow := float64(time.Now().Add(24 * time.Hour).UnixMilli()) // when the clock stood at it, the claim was made
	if err := server.Client().ZAdd(t.Context(), leases, goredis.Z{Score: tomorrow, Member: ids[0]}).Err(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := r.Claim(t.Context(), registryKey(1), "b", lease)
		if err != nil || c.Wait > lease {
			t.Fatalf("Claim = %+v, %v", c, err)
		}
		if c.Mine {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the claim lasts for ever")
		}
	}
}

// No method hangs with the server. After it, the registry works as before, and a method may be repeated.
func TestRegistryOfAHungServer(t *testing.T) {
	server := redistest.Start(t)
	client := goredis.NewUniversalClient(redis.Options(server.Addr()))
	t.Cleanup(func() { client.Close() })
	r := newRegistry(t, client, redis.RegistryConfig{})
	e := registryEntry("e", "a")
	methods := map[string]func(context.Context) error{
		"Claim": func(ctx context.Context) error {
			_, err := r.Claim(ctx, registryKey(1), "a", time.Hour)
			return err
		},
		"Publish": func(ctx context.Context) error { _, err := r.Publish(ctx, registryKey(1), e); return err },
		"Release": func(ctx context.Context) error { return r.Release(ctx, registryKey(2), "a") },
		"Renew":   func(ctx context.Context) error { _, err := r.Renew(ctx, registryKey(1), e.Name, e.Expires); return err },
		"Forget":  func(ctx context.Context) error { _, err := r.Forget(ctx, registryKey(1), "another"); return err },
		"Own":     func(ctx context.Context) error { _, err := r.Own(ctx, "a"); return err },
	}
	if err := server.Stop(); err != nil {
		t.Skip(err)
	}
	var all sync.WaitGroup
	for name, method := range methods {
		all.Go(func() {
			began := time.Now()
			err := method(context.Background())
			if took := time.Since(began); err == nil || took > 2*time.Second { // 100 ms, and what a busy machine adds
				t.Errorf("%s of a server that hangs: %v after %v", name, err, took)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			if err := method(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s does not honor its context: %v", name, err)
			}
		})
	}
	all.Wait()
	if err := server.Continue(); err != nil {
		t.Fatal(err)
	}
	if err := server.Client().Ping(t.Context()).Err(); err != nil { // after all that was sent before
		t.Fatal(err)
	}
	r = newRegistry(t, patientClient(t, server.Addr()), redis.RegistryConfig{})
	if got, err := r.Publish(t.Context(), registryKey(1), e); err != nil || got != e {
		t.Errorf("Publish = %+v, %v", got, err)
	}
	if c, err := r.Claim(t.Context(), registryKey(1), "b", time.Hour); err != nil || c.Entry != e {
		t.Errorf("Claim = %+v, %v", c, err)
	}
}

// A failover may lose entries and claims, and no more: the registry then begins anew.
func TestRegistryInACluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 0)
	client := patientClient(t, c.Addrs()...)
	owners := map[*redistest.Server]bool{}
	for i := range 8 {
		group := fmt.Sprint("group", i)
		r := newRegistry(t, client, redis.RegistryConfig{Group: group})
		if got, err := r.Claim(t.Context(), registryKey(1), "a", time.Hour); err != nil || !got.Mine {
			t.Fatalf("Claim = %+v, %v", got, err)
		}
		e := registryEntry("e", "a")
		if got, err := r.Publish(t.Context(), registryKey(1), e); err != nil || got != e {
			t.Fatalf("Publish = %+v, %v", got, err)
		}
		node, err := c.Primary("{skinflint:" + group + "}")
		if err != nil {
			t.Fatal(err)
		}
		owners[node] = true
	}
	if len(owners) < 2 {
		t.Error("all groups are on one node")
	}
	r := newRegistry(t, client, redis.RegistryConfig{Group: "group0"})
	node, err := c.Primary("{skinflint:group0}")
	if err == nil {
		err = errors.Join(node.Restart(), c.Await()) // empty
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Claim(t.Context(), registryKey(1), "b", time.Hour); err != nil || !got.Mine {
		t.Errorf("Claim after a loss of data = %+v, %v", got, err)
	}
}

func TestNewRegistryRefuses(t *testing.T) {
	client := goredis.NewUniversalClient(redis.Options("127.0.0.1:1"))
	defer client.Close()
	for _, c := range []redis.RegistryConfig{{Group: "a{b"}, {Group: "}"}, {Keys: -1}} {
		if _, err := redis.NewRegistry(client, c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	if _, err := redis.NewRegistry(nil, redis.RegistryConfig{}); err == nil {
		t.Error("a nil client is accepted")
	}
	hidden := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:1"}) // go-redis's defaults
	defer hidden.Close()
	if _, err := redis.NewRegistry(hidden, redis.RegistryConfig{}); err == nil {
		t.Error("a client that repeats commands is accepted")
	}
}

// cachesOf makes two stacks that share a server, each with a client and a registry of its own, as two programs do, and has
// both ensure the same content at the same time. It returns the names that they use.
func cachesOf(t *testing.T, provider *llmtest.Server, addr string) (names [2]string, errs [2]error, stacks [2]*middleware.Stack) {
	t.Helper()
	client, err := cachedcontent.NewGemini(nil, "key")
	if err != nil {
		t.Fatal(err)
	}
	for i := range stacks {
		registry := newRegistry(t, patientClient(t, addr), redis.RegistryConfig{})
		stacks[i], err = middleware.New(middleware.WithBase(provider.Transport()), middleware.WithCacheRegistry(registry, "salt"))
		if err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for i, stack := range stacks {
		all.Go(func() {
			h, err := stack.Ensure(t.Context(), client, sharedContent())
			if errs[i] = err; err == nil {
				names[i] = h.Name()
			}
		})
	}
	all.Wait()
	return names, errs, stacks
}

// sharedContent returns content that is long enough for a cache.
func sharedContent() cachedcontent.Content {
	return cachedcontent.Content{
		Model:  "gemini-2.5-flash",
		System: []cachedcontent.Part{cachedcontent.Text(strings.Repeat("All work and no play makes Jack a dull boy. ", 2000))},
		TTL:    time.Hour,
	}
}

func TestStacksShareARegistry(t *testing.T) {
	server := redistest.Start(t)
	provider := llmtest.NewPipe(llmtest.Config{Latency: 50 * time.Millisecond})
	defer provider.Close()
	names, errs, stacks := cachesOf(t, provider, server.Addr())
	if err := errors.Join(errs[:]...); err != nil || names[0] != names[1] {
		t.Errorf("the stacks use %q, %v", names, err)
	}
	if n := len(provider.Caches()); n != 1 {
		t.Errorf("%d caches", n)
	}
	for _, stack := range stacks {
		if err := stack.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if provider.Caches()[0].Alive(time.Now()) {
		t.Error("the cache is left")
	}
}

// Without Redis, stacks make no cache, and say why.
func TestStacksWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	provider := llmtest.NewPipe(llmtest.Config{})
	defer provider.Close()
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	_, errs, stacks := cachesOf(t, provider, server.Addr())
	for i, err := range errs {
		if err == nil || !strings.Contains(err.Error(), "registry of context caches") {
			t.Errorf("%v", err)
		}
		if err := stacks[i].Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n := len(provider.Caches()); n != 0 {
		t.Errorf("%d caches", n)
	}
}

func ExampleNewRegistry() {
	server, err := redistest.New() // a program has the address of its own server
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	client := goredis.NewUniversalClient(redis.Options(server.Addr()))
	defer client.Close()
	registry, err := redis.NewRegistry(client, redis.RegistryConfig{Group: "prod"})
	if err != nil {
		panic(err)
	}
	stack, err := middleware.New(middleware.WithCacheRegistry(registry, "a secret of the program"))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())
}
