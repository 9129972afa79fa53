package redistest_test

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
)

func TestSentinel(t *testing.T) {
	s := redistest.StartSentinel(t, redistest.NodeTimeout(300*time.Millisecond))
	if err := s.Client().Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	old, err := s.Primary()
	if err != nil {
		t.Fatal(err)
	}
	if old != s.Servers[0] {
		t.Fatal("the first server is not the primary")
	}
	if n, err := old.Client().Wait(t.Context(), 1, time.Second).Result(); n != 1 || err != nil {
		t.Fatalf("%d replicas have it, %v", n, err)
	}
	if err := old.Kill(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		now, err := s.Primary()
		if err != nil {
			t.Fatal(err)
		}
		if now == s.Servers[1] {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the replica has not become the primary")
		}
	}
	if got, err := s.Client().Get(t.Context(), "k").Result(); got != "v" || err != nil {
		t.Errorf("after the failover: %q, %v", got, err)
	}
	if err := old.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := s.Await(); err != nil { // the old primary is a replica now
		t.Fatal(err)
	}
	if got, err := old.Client().Get(t.Context(), "k").Result(); got != "v" || err != nil {
		t.Errorf("the new replica: %q, %v", got, err)
	}
}
