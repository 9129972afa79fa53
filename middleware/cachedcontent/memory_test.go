package cachedcontent_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent/registrytest"
)

func TestMemory(t *testing.T) {
	registrytest.Run(t, registrytest.Config{
		Open: func(*testing.T) cachedcontent.Registry { return new(cachedcontent.Memory) },
	})
}

// A full Memory refuses new keys, keeps what is alive, and has room again when something ends.
func TestMemoryFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &cachedcontent.Memory{Keys: 2}
		key := func(n byte) cachedcontent.Key { return cachedcontent.Key{Content: cachedcontent.Hash{n}} }
		e := cachedcontent.Entry{Name: "cachedContents/a", Owner: "a", Expires: time.Now().Add(time.Minute)}
		if got, err := m.Publish(t.Context(), key(1), e); err != nil || got != e {
			t.Fatal(got, err)
		}
		if c, err := m.Claim(t.Context(), key(2), "a", time.Hour); err != nil || !c.Mine {
			t.Fatal(c, err)
		}
		if _, err := m.Claim(t.Context(), key(3), "a", time.Second); !errors.Is(err, cachedcontent.ErrFull) {
			t.Errorf("Claim when it is full: %v", err)
		}
		if _, err := m.Publish(t.Context(), key(3), e); !errors.Is(err, cachedcontent.ErrFull) {
			t.Errorf("Publish when it is full: %v", err)
		}
		if c, err := m.Claim(t.Context(), key(1), "b", time.Second); err != nil || c.Entry != e {
			t.Errorf("the live entry is %+v, %v", c, err)
		}
		time.Sleep(time.Minute)
		if c, err := m.Claim(t.Context(), key(3), "b", time.Second); err != nil || !c.Mine {
			t.Errorf("Claim after the entry expired: %+v, %v", c, err)
		}
	})
}
