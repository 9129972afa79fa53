package price

import (
	"sync"
	"sync/atomic"
)

// Book is a catalog of three layers that can be replaced while other goroutines read: a user's, a feed's and the base, in
// this order of precedence. The zero Book has the embedded catalog only. A Book is safe for concurrent use and must not be
// copied.
type Book struct {
	mu               sync.Mutex // guards the three
	user, feed, base *Catalog

	current atomic.Pointer[Catalog]
}

// Catalog returns the layers as they are now, as by [Layers]. Later changes of the Book do not change what it returned. It
// takes no lock.
func (b *Book) Catalog() *Catalog {
	if c := b.current.Load(); c != nil {
		return c
	}
	return Embedded()
}

// SetUser replaces the user's catalog; nil removes it.
func (b *Book) SetUser(c *Catalog) { b.set(&b.user, c) }

// SetFeed replaces the feed's catalog; nil removes it.
func (b *Book) SetFeed(c *Catalog) { b.set(&b.feed, c) }

// SetBase replaces the base; nil stands for [Embedded].
func (b *Book) SetBase(c *Catalog) { b.set(&b.base, c) }

// set replaces one of the three layers.
func (b *Book) set(layer **Catalog, c *Catalog) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*layer = c
	base := b.base
	if base == nil {
		base = Embedded()
	}
	b.current.Store(Layers(b.user, b.feed, base))
}
