package price

import (
	"sync"
	"sync/atomic"
)

// Book is a catalog of three layers, of which each can be replaced while others read: a user's, a feed's and the base, in
// this order of precedence. The zero Book has the embedded catalog alone. A Book is safe for concurrent use, and is not to
// be copied.
type Book struct {
	mu               sync.Mutex // guards the three
	user, feed, base *Catalog

	current atomic.Pointer[Catalog]
}

// NewBook returns a Book with that base; nil is [Embedded].
func NewBook(base *Catalog) *Book {
	var b Book
	b.SetBase(base)
	return &b
}

// Catalog returns the layers as they are now, which later changes of the Book leave alone. It takes no lock.
func (b *Book) Catalog() *Catalog {
	if c := b.current.Load(); c != nil {
		return c
	}
	return Embedded()
}

// SetUser replaces the user's catalog; nil is none.
func (b *Book) SetUser(c *Catalog) { b.set(&b.user, c) }

// SetFeed replaces the feed's catalog; nil is none.
func (b *Book) SetFeed(c *Catalog) { b.set(&b.feed, c) }

// SetBase replaces the base; nil is [Embedded].
func (b *Book) SetBase(c *Catalog) { b.set(&b.base, c) }

// set replaces one of the three.
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
