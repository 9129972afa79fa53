package cachedcontent

import (
	"context"
	"errors"
	"time"
)

// A Key says what a cache is for: equal content for the same model, of the same account.
type Key struct {
	Provider string // "gemini" or "vertex"
	Account  string // the project, or a fingerprint of the key: never the key itself
	Location string // Vertex AI's location; "" on the Gemini API
	Model    string // without a path, such as "gemini-2.5-flash"
	Content  Hash
}

// An Entry is a live cache.
type Entry struct {
	Name    string    // the resource name
	Tokens  int64     // what it stores
	Created time.Time // by the provider's clock
	Expires time.Time // by the provider's clock
	Owner   string    // who created it, and deletes it
}

// A Claim is the answer to [Registry.Claim].
type Claim struct {
	// Entry is the live cache of the key; its Name is "" if there is none.
	Entry Entry
	// Mine says that there is no live cache, and that the caller is to create it.
	Mine bool
	// Wait is how long another owner's claim lasts at most; 0 if there is none. The caller waits for less and asks again, or
	// does without a cache.
	Wait time.Duration
}

// A Held is a cache with its key.
type Held struct {
	Key   Key
	Entry Entry
}

// ErrFull is the error of a [Registry] that has no room for one more cache. The caller does without it.
var ErrFull = errors.New("cachedcontent: the registry is full")

// A Registry holds what several replicas of a program share about live caches: which there are, and who creates one now. It
// holds no content and no keys of an API. Package registrytest tests an implementation against this contract.
//
// # The order of calls
//
// A replica names itself by an owner: a random string that no other replica has, at any time. Before it creates a cache it
// asks for a claim. It creates the cache only if the claim is its own, publishes it, and then uses the entry that Publish
// returns. If that has another name than its own cache, another replica was faster: it deletes its own cache, and uses the
// other. If the creation fails it releases the claim.
//
// # What an implementation must do
//
// Every method is one round trip and atomic: it takes effect wholly or not at all, and methods of any replicas happen one
// after another. Every method is idempotent: if its answer is lost and it is called again with the same arguments, it
// answers the same, as long as no other replica has changed the key. Methods may be called concurrently and honour their
// context.
//
// An entry whose Expires has passed is as if it were not there, in every method. Implementations may remove it at any later
// time. A claim ends when its lease has passed, counted from the call by the implementation's own clock: owners do not
// compare clocks. Where the wall clock jumps, entries may be lost or be kept too long. Both are safe: a lost entry is
// created again, and a cache that is dead is found out by its first use, after which the caller forgets it. A jump must not
// extend a claim for good.
//
// A full Registry refuses new keys with an error that matches [ErrFull]. It never drops a live entry, because no replica would
// delete that cache.
type Registry interface {
	// Claim returns the live cache of a key or, if there is none, claims its creation for the owner. The claim lasts for the
	// lease, which must be positive; a claim that the owner has already is prolonged. If another owner has one, nothing
	// changes and Wait says for how long.
	Claim(ctx context.Context, key Key, owner string, lease time.Duration) (Claim, error)

	// Publish makes a cache that e.Owner has created the key's, if the key has no live cache, and returns the key's cache
	// then: e, or the one that was there first, whoever has the claim. It ends the claim of e.Owner, if there is one. A cache
	// that has expired is not published: the Entry that is returned has no name then, unless there is another.
	Publish(ctx context.Context, key Key, e Entry) (Entry, error)

	// Release ends the owner's claim. Without one, nothing happens.
	Release(ctx context.Context, key Key, owner string) error

	// Renew sets when the key's cache expires, if it is still the one of that name, and reports whether it is.
	Renew(ctx context.Context, key Key, name string, expires time.Time) (bool, error)

	// Forget removes the key's cache, if it is still the one of that name, and reports whether it was. It does not touch
	// claims.
	Forget(ctx context.Context, key Key, name string) (bool, error)

	// Own returns the live caches of an owner, in no order.
	Own(ctx context.Context, owner string) ([]Held, error)
}
