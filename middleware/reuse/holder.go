package reuse

import (
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// HolderConfig bounds a [Holder]. The zero value is ready: each zero is the default that its comment names.
type HolderConfig struct {
	Blocks     int   // how many prefixes are remembered, at less than 100 bytes each; 100,000
	Caches     int   // how many caches may live at once; 1,000
	TokenHours int64 // how many token-hours the living caches may be going to cost from now to their ends; no limit
	PerMille   int   // of what the calls would cost without caches: how much caches may lose before all of them are stopped; 8
}

// Holder decides which prefixes of one scope (one provider, key and model) are held in a cache. It is safe for concurrent
// use.
type Holder struct {
	mu sync.Mutex
}

// NewHolder returns a Holder that has learned nothing yet.
func NewHolder(config HolderConfig) *Holder { return &Holder{} }

// Cached names a living cache.
type Cached struct {
	Hash   uint64
	Tokens int64
}

// Create is advice to create a cache.
type Create struct {
	Node int           // its index in Prompt.Nodes
	For  time.Duration // its first time to live
}

// Change is advice about a living cache: to let it live until a time, or to delete it.
type Change struct {
	Hash  uint64
	Until time.Time // zero: delete it now
}

// Visit is one request's advice and what becomes of it. The methods may be called from any goroutine, each at most once, in
// any order, or never. Calls that come twice do nothing.
type Visit struct {
	Read    *Cached  // the cache that this request is best served from; nil: none
	Create  *Create  // the cache to create; nil: none. In mode Before the request is then served from it
	Changes []Change // caches to extend or delete now
}

// Arrive learns that a request is about to be sent.
func (h *Holder) Arrive(p Prompt, r Rates, mode Mode) *Visit { return &Visit{} }

// Made says that the cache of v.Create exists: with how many tokens, as the provider counted them (0: as the node says), since
// when and until when. Without this call, or NotMade, the cache counts as not made.
func (v *Visit) Made(tokens int64, at, until time.Time) {}

// NotMade says that the cache of v.Create was refused or failed at a time. It is not advised again for a while: for longer
// each time.
func (v *Visit) NotMade(at time.Time) {}

// Answered says that the answer came: how many tokens it has, and how many of the prompt the provider read from caches of any
// kind. It returns what to do with the caches now that this is known. A request that failed is not answered.
func (v *Visit) Answered(at time.Time, output, cached int64) []Change { return nil }

// Gone says that a cache ended at a time: it died, was deleted, or is not known to the provider.
func (h *Holder) Gone(hash uint64, at time.Time) {}

// Extended says that a cache now lives until a time. Advice to extend counts as not followed without it.
func (h *Holder) Extended(hash uint64, until time.Time) {}

// Prefix is what a [Report] says of one prefix.
type Prefix struct {
	Hash     uint64
	Tokens   int64
	Uses     int64     // requests that had this prefix and could have been served from it
	Explicit int64     // of these, those that were served from its cache
	Implicit int64     // of these, those that the provider cached by itself
	Created  int64     // caches that were created for it
	Spent    price.Sum // on creation and storage, until the time of the report
	Saved    price.Sum // by its hits, less what implicit hits would have saved
	Net      price.Sum // Saved less Spent
}

// Report is a summary of a [Holder].
type Report struct {
	Requests          int64
	Repeated          int64     // of these, those with a prefix that was seen before
	Explicit          int64     // requests served from an explicit cache
	Implicit          int64     // requests without one that the provider served from its own
	Asked             int64     // requests without one that could have been: Implicit of these is the measured rate
	Living            int       // caches that live
	Stopped           bool      // whether the loss budget has stopped creation
	Spend             price.Sum // what the requests would have cost without explicit caches
	Spent, Saved, Net price.Sum
	Prefixes          []Prefix // of the prefixes that had a cache, the ones with the most money first
}

// Report returns what the caches did up to a time.
func (h *Holder) Report(at time.Time) Report { return Report{} }
