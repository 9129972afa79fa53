package price

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestBook(t *testing.T) {
	var zero, empty Book
	empty.SetBase(nil)
	if zero.Catalog() != Embedded() || empty.Catalog() != Embedded() {
		t.Error("an empty book is not the embedded catalog")
	}
	catalog := func(name, price string) *Catalog {
		return namedCatalog(t, name, `"openai":{"models":{`+flat("o3", price, "")+`}}`)
	}
	user, feed, base := catalog("user", "1"), catalog("feed", "2"), catalog("base", "3")
	wantFrom := func(b *Book, want string) {
		t.Helper()
		if got := mustCost(t, b.Catalog(), query("openai", "o3", "standard"), Usage{}); !strings.HasPrefix(got.PriceID, want+"/") {
			t.Errorf("the price is %q, want one of %s", got.PriceID, want)
		}
	}
	b := new(Book)
	b.SetBase(base)
	wantFrom(b, "base")
	b.SetFeed(feed)
	wantFrom(b, "feed")
	before := b.Catalog()
	b.SetUser(user)
	wantFrom(b, "user")
	if got := mustCost(t, before, query("openai", "o3", "standard"), Usage{}); got.PriceID != "feed/openai/o3/-/standard" {
		t.Errorf("a catalog changed after it was returned: %s", got.PriceID)
	}
	b.SetFeed(nil)
	b.SetUser(nil)
	wantFrom(b, "base")
	b.SetBase(nil)
	wantFrom(b, "embedded")
	zero.SetUser(user)
	wantFrom(&zero, "user")
	if n := testing.AllocsPerRun(100, func() { b.Catalog() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A reader sees a whole catalog while others replace the layers, and the last one of each layer in the end.
func TestBookRace(t *testing.T) {
	var b Book
	made := make([]*Catalog, 8)
	for i := range made {
		made[i] = namedCatalog(t, fmt.Sprint(i), `"openai":{"models":{`+flat("own", "1", "")+`}}`)
	}
	var group sync.WaitGroup
	for i, c := range made {
		group.Go(func() {
			for range 200 {
				b.SetUser(c)
				b.SetFeed(made[(i+1)%len(made)])
				b.SetBase(nil)
			}
		})
		group.Go(func() {
			for range 200 {
				if _, err := b.Catalog().Cost(query("openai", "o3", "standard"), Usage{Input: 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	b.SetUser(made[3])
	if got := mustCost(t, b.Catalog(), query("openai", "own", "standard"), Usage{}); got.PriceID != "3/openai/own/-/standard" {
		t.Errorf("at the end the price is %s", got.PriceID)
	}
}
