package redistest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
)

func TestCluster(t *testing.T) {
	c := redistest.StartCluster(t, 0)
	if len(c.Nodes) != redistest.Primaries {
		t.Fatalf("%d nodes", len(c.Nodes))
	}
	owners := map[string]int{}
	for i := range 30 {
		key := fmt.Sprint("key", i)
		if err := c.Client().Set(t.Context(), key, i, 0).Err(); err != nil {
			t.Fatal(err)
		}
		p, err := c.Primary(key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.Client().Get(t.Context(), key).Int(); got != i || err != nil { // no redirection
			t.Errorf("%s has %d for %s, %v", p.Addr(), got, key, err)
		}
		owners[p.Addr()]++
	}
	if len(owners) != redistest.Primaries {
		t.Errorf("30 keys are on %d nodes", len(owners))
	}
	p, err := c.Primary("key0")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := c.Await(); err != nil {
		t.Fatal(err)
	}
	if again, err := c.Primary("key0"); again != p || err != nil {
		t.Errorf("another node has the slot after a restart: %v", err)
	}
	if n, err := p.Client().Exists(t.Context(), "key0").Result(); n != 0 || err != nil {
		t.Errorf("%d keys are left, %v", n, err)
	}
}

func TestClusterFailover(t *testing.T) {
	c := redistest.StartCluster(t, 1, redistest.NodeTimeout(500*time.Millisecond))
	if err := c.Client().Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	old, err := c.Primary("k")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := old.Client().Wait(t.Context(), 1, time.Second).Result(); n != 1 || err != nil {
		t.Fatalf("%d replicas have it, %v", n, err)
	}
	if err := old.Kill(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		now, err := c.Primary("k")
		if err != nil {
			t.Fatal(err)
		}
		if now != old {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no replica has become the primary")
		}
	}
	if err := c.Await(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Client().Get(t.Context(), "k").Result(); got != "v" || err != nil {
		t.Errorf("after the failover: %q, %v", got, err)
	}
}
