package redistest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
)

func TestCluster(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	c := redistest.StartCluster(t, 1, redistest.NodeTimeout(500*time.Millisecond))
	if err := c.Client().Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	old, err := c.Primary("k")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Await(); err != nil { // the replica has it, too
		t.Fatal(err)
	}
	if err := old.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.Await(); err != nil {
		t.Fatal(err)
	}
	if now, err := c.Primary("k"); err != nil || now == old {
		t.Errorf("the dead node has the slot, %v", err)
	}
	if got, err := c.Client().Get(t.Context(), "k").Result(); got != "v" || err != nil {
		t.Errorf("after the failover: %q, %v", got, err)
	}
}
