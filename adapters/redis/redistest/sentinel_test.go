package redistest_test

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
)

func TestSentinel(t *testing.T) {
	t.Parallel()
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
	if err := s.Await(); err != nil { // the replica has it, too
		t.Fatal(err)
	}
	if err := old.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Await(); err != nil {
		t.Fatal(err)
	}
	if now, err := s.Primary(); now != s.Servers[1] || err != nil {
		t.Fatalf("the replica is not the primary, %v", err)
	}
	if got, err := s.Client().Get(t.Context(), "k").Result(); got != "v" || err != nil {
		t.Errorf("after the failover: %q, %v", got, err)
	}
}
