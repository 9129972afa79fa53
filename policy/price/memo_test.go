package price

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// memoNames are names that catalogs have, in several spellings, and names that they do not have.
func memoNames(c *Catalog) (keys []modelKey) {
	for _, provider := range []string{"openai", "gemini", "anthropic", "azure", "deepseek", "nobody"} {
		for _, name := range append(c.Models(provider), "gpt-5-2025-08-07", "o3-2025-04-16", "prod-chat", "", "no-such-model") {
			keys = append(keys, modelKey{provider, name}, modelKey{provider, modelPrefix + name})
		}
	}
	return keys
}

// A catalog with a memo answers every question as a catalog without one, in any order and from many goroutines.
func TestMemoChangesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 6))
	for _, c := range []*Catalog{
		Layers(thinned(t, "one", random), aliases(t), thinned(t, "two", random), Embedded()),
		thinned(t, "alone", random),
		aliases(t),
		{},
	} {
		keys := memoNames(c)
		fresh := func() *Catalog {
			return &Catalog{name: c.name, models: c.models, providers: c.providers, layers: c.layers}
		}
		var group sync.WaitGroup
		for seed := range uint64(4) {
			group.Go(func() {
				random := rand.New(rand.NewPCG(seed, 7))
				for range 5_000 {
					key := keys[random.IntN(len(keys))]
					got, want := c.search(nil, key.provider, key.name), c.lookUp(nil, key.provider, baseName(key.name))
					if !slices.Equal(got, want) {
						t.Errorf("%v: %v, want %v", key, got, want)
						return
					}
					q := query(key.provider, key.name, tierNames[random.IntN(int(tiers))])
					u := randomUsage(random)
					gotCost, gotErr := c.Cost(q, u)
					wantCost, wantErr := fresh().Cost(q, u)
					if gotCost != wantCost || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
						t.Errorf("%+v: %+v, %v, want %+v, %v", q, gotCost, gotErr, wantCost, wantErr)
						return
					}
				}
			})
		}
		group.Wait()
	}
}

// A memo has room for few names, and takes none that the catalog does not have.
func TestMemoIsBounded(t *testing.T) {
	c := aliases(t)
	for i := range 1_000 {
		name := fmt.Sprint("made-up-", i)
		if all := c.search(nil, "openai", name); len(all) > 0 {
			t.Fatalf("%s is there: %v", name, all)
		}
	}
	for i := range c.memo {
		if r := c.memo[i].Load(); r != nil {
			t.Errorf("slot %d remembers %s/%s", i, r.provider, r.name)
		}
	}
	both := [2]string{}
	for i := range 100_000 { // two snapshots of one model that share a slot
		name := fmt.Sprintf("m-%08d", i)
		if c.memo.slot(name) != c.memo.slot("m-00000000") {
			continue
		}
		if both[1] = name; both[0] == "" {
			both[0] = name
		} else {
			break
		}
	}
	m := mustParse(t, onePrice(`"input":"1"`))
	for _, name := range both {
		m.memo.put("acme", name, []candidate{{}})
	}
	if _, ok := m.memo.get("acme", both[0]); !ok {
		t.Errorf("%s gave way to %s", both[0], both[1])
	}
	if _, ok := m.memo.get("acme", both[1]); ok {
		t.Errorf("%s took the place of %s", both[1], both[0])
	}
}

// BenchmarkSearch finds a snapshot that only the last of three layers has: by the memo, and by the layers' maps as it would
// be without one.
func BenchmarkSearch(b *testing.B) {
	c := Layers(aliases(b), namedCatalog(b, "feed", `"x":{"models":{`+flat("y", "1", "")+`}}`), Embedded())
	const provider, name = "openai", "gpt-5-2025-08-07"
	b.Run("memo", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var room [roomFor]candidate
			if all := c.search(room[:0], provider, name); len(all) == 0 {
				b.Fatal("not found")
			}
		}
	})
	b.Run("maps", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var room [roomFor]candidate
			if all := c.lookUp(room[:0], provider, name); len(all) == 0 {
				b.Fatal("not found")
			}
		}
	})
}
