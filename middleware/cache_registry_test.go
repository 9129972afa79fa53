package middleware_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Replicas that share a registry make one cache of equal content. Only the one that made it deletes it.
func TestSharedRegistry(t *testing.T) {
	inWorld(t, llmtest.Config{Latency: 3 * time.Second}, policy.Policy{}, func(w *world) {
		registry := new(cachedcontent.Memory)
		var replicas []*middleware.Stack
		for range 5 {
			s, err := middleware.New(middleware.WithBase(w.provider.Transport()), middleware.WithCacheRegistry(registry, "salt"))
			if err != nil {
				w.Fatal(err)
			}
			replicas = append(replicas, s)
		}
		names := make(chan string, len(replicas))
		var all sync.WaitGroup
		for _, s := range replicas {
			all.Go(func() {
				h, err := s.Ensure(w.Context(), w.caches(), library())
				if err != nil {
					w.Error(err)
					return
				}
				names <- h.Name()
			})
		}
		all.Wait()
		first := <-names
		for range len(replicas) - 1 {
			if name := <-names; name != first {
				w.Errorf("%s and %s", name, first)
			}
		}
		if n := len(w.provider.Caches()); n != 1 {
			w.Errorf("%d caches", n)
		}
		closed := 0
		for _, s := range replicas {
			alive := w.provider.Caches()[0].Alive(time.Now())
			if err := s.Close(w.Context()); err != nil {
				w.Error(err)
			}
			if alive && !w.provider.Caches()[0].Alive(time.Now()) {
				closed++
			}
		}
		if closed != 1 {
			w.Errorf("%d replicas have deleted the cache", closed)
		}
		if held, err := registry.Own(w.Context(), "any"); err != nil || len(held) != 0 {
			w.Errorf("%v, %v", held, err)
		}
	})
}

// Without its registry, a stack makes no cache, and its calls go on.
func TestRegistryFails(t *testing.T) {
	registry := failingRegistry{new(cachedcontent.Memory)}
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		_, err := w.stack.Ensure(w.Context(), w.caches(), library())
		if err == nil || !strings.Contains(err.Error(), "registry is away") {
			w.Errorf("%v", err)
		}
		if status := w.gemini(w.Context(), asking("Why?")); status != 200 {
			w.Error(status)
		}
		if n := len(w.provider.Caches()); n != 0 {
			w.Errorf("%d caches", n)
		}
	}, middleware.WithCacheRegistry(registry, "salt"))
}

type failingRegistry struct{ cachedcontent.Registry }

func (failingRegistry) Claim(ctx context.Context, _ cachedcontent.Key, _ string, _ time.Duration) (cachedcontent.Claim, error) {
	return cachedcontent.Claim{}, errors.New("the registry is away")
}
