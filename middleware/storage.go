package middleware

import (
	"cmp"
	"strings"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// caches are the context caches that were made through a chain, by name. Holding one costs by the time, whether it is read
// or not. When it is made, a row charges for all of its time to live; when its time to live is changed, or it is deleted, a
// further row corrects that, so that the rows always add up to what will be charged as things stand. The zero caches are
// ready.
type caches struct {
	mu     sync.Mutex
	byName bounded[*stored]
}

// stored is a context cache, and what the rows so far say of its storage.
type stored struct {
	create  ledger.Row
	at      time.Time // of its rows: a later one corrects the first
	query   price.Query
	tokens  int64
	from    time.Time
	until   time.Time
	asked   bool          // the provider was asked to delete it, and its answer was not seen
	ended   bool          // it was deleted, or lost
	skew    time.Duration // of the provider's clock, which is ahead of ours by that; 0 if both agree
	cost    price.Pico
	seconds int64
	exposed bool // the exposure of the row of its creation has its storage: see found
}

// account returns the row for what a response says about a context cache; nil if it needs none. row is the attempt's. If it is
// exposed, budgets have its cost already, as a part of the exposure of the creation.
func (s *caches) account(row *ledger.Row, a account, is wire.Stored) (storage *ledger.Row, exposed bool) {
	call := a.call
	served := row.Status >= 200 && row.Status <= 299
	switch {
	case call.Operation == wire.DeleteCache && !s.deleted(row, call.Cache):
		return nil, false
	case row.Reason == policy.CacheDead: // it died at some time before now, and was charged until then
		is, served = wire.Stored{Name: cmp.Or(row.Cache, call.Cache), Deleted: true}, true
	case call.Operation == wire.DeleteCache:
		is = wire.Stored{Name: call.Cache, Deleted: true} // its status says so: few callers read the answer
	case call.Operation == wire.UpdateCache && (served && is.Name == "" || row.Outcome == policy.Ambiguous):
		return s.unknown(row, a, "it is not known how long the context cache is held: the answer to a change of that was not seen"), false
	}
	if is.Name == "" || !served {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.byName.values[storedName(is.Name)]; c != nil {
		exposed = c.exposed && is.Deleted
		c.exposed = false
	}
	return s.change(row, a, is), exposed
}

// tokens returns how many tokens a context cache holds; 0 if that is not known.
func (s *caches) tokens(name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.byName.values[storedName(name)]; c != nil {
		return c.tokens
	}
	return 0
}

// deleted reports whether a cache is gone after the attempt to delete it.
func (s *caches) deleted(row *ledger.Row, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.byName.values[storedName(name)]
	if c == nil {
		return true // the rows have nothing of it
	}
	c.asked = c.asked || row.Outcome == policy.Ambiguous
	return row.Reason != policy.CacheDead || !mayLive(row) || c.asked
}

// change returns the row for a context cache that was made, or that is held for longer or shorter than before.
func (s *caches) change(row *ledger.Row, a account, is wire.Stored) *ledger.Row {
	name := storedName(is.Name)
	c := s.byName.values[name]
	switch {
	case a.call.Operation == wire.CreateCache:
		c = newStored(row, a, is)
		s.byName.put(name, c)
	case c == nil && is.Deleted, c != nil && c.ended:
		return nil // made elsewhere, where the rows have it; or the answer to a change came after it was deleted
	case c == nil:
		return unknownStorage(row, nil, a, "the context cache was made elsewhere: what it costs to hold it for longer is not known")
	case is.Deleted:
		c.ended = true
		is.Expires = time.Now().UTC()
		if !c.until.IsZero() && c.until.Before(is.Expires) {
			is.Expires = c.until
		}
	}
	if !is.Deleted && !is.Expires.IsZero() {
		is.Expires = is.Expires.Add(-c.skew)
	}
	if c.until = is.Expires; c.until.Before(c.from) && !c.until.IsZero() {
		c.until = c.from
	}
	return c.row(a.prices)
}

// found notes a context cache whose creation, by an attempt with the row, was not answered. That row's exposure has its first
// time to live. What it costs is known from the next change on, which is charged with all that came before.
func (s *caches) found(create ledger.Row, q price.Query, e cachedcontent.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	create.ResponseID = e.Name
	s.byName.put(storedName(e.Name), &stored{create: create, query: q, tokens: e.Tokens, from: e.Created, until: e.Expires, at: time.Now().UTC(), exposed: true})
}

// storedName returns a context cache's name without its project, which Vertex AI's answers give by number and requests by id.
func storedName(name string) string {
	if _, after, ok := strings.Cut(name, "/locations/"); ok {
		return after
	}
	return name
}

// unknown returns the row for a change of a context cache whose cost is not known.
func (s *caches) unknown(row *ledger.Row, a account, why string) *ledger.Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.byName.values[storedName(a.call.Cache)]
	if c != nil && c.ended {
		return nil
	}
	return unknownStorage(row, c, a, why)
}

// unknownStorage is [caches.unknown] for the context cache, which is nil if it was made elsewhere. The row is of the same model,
// tags and time as those that it changes. Its exposure is what the change can have added, if that is known.
func unknownStorage(row *ledger.Row, c *stored, a account, why string) *ledger.Row {
	u := &ledger.Row{
		Call: row.Call, Attempt: 1, At: time.Now().UTC(), Provider: row.Provider, Operation: wire.CacheStorage, Model: row.Model,
		Cache: a.call.Cache, Outcome: policy.Storage, UsageSource: ledger.Unknown, Unpriced: why,
		Stream: row.Stream, Skipped: row.Skipped, SDKRetry: row.SDKRetry, Tags: row.Tags,
	}
	if c != nil {
		u.Parent, u.At, u.Model, u.ServedModel, u.Tags = c.create.Call, c.at, c.create.Model, c.query.Model, c.create.Tags
	}
	if most, err := c.adds(a); err == nil {
		u.Exposure = ledger.Known(most)
	}
	return u
}

// maxSkew is how much the provider's clock and ours may differ without being corrected.
const maxSkew = time.Minute

// newStored returns a context cache that was just made.
func newStored(row *ledger.Row, a account, is wire.Stored) *stored {
	q := a.query("")
	q.Model = is.Model
	c := &stored{create: *row, query: q, tokens: is.Tokens, from: is.Created, at: time.Now().UTC()}
	c.create.Model = cmp.Or(row.Model, is.Model)
	if c.from.Before(a.at.Add(-maxSkew)) || c.from.After(c.at.Add(maxSkew)) { // when it is deleted, only our clock says when
		c.from = a.at
		if !is.Created.IsZero() {
			c.skew = is.Created.Sub(a.at)
		}
	}
	return c
}

// row returns the row by which the rows so far add up to what it costs to hold the cache until its end.
func (c *stored) row(prices *price.Catalog) *ledger.Row {
	row := &ledger.Row{
		Call: newID(time.Now()), Attempt: 1, Parent: c.create.Call, At: c.at,
		Provider: c.create.Provider, Operation: wire.CacheStorage, Model: c.create.Model, ServedModel: c.query.Model,
		Cache: c.create.ResponseID, Outcome: policy.Storage, UsageSource: ledger.Estimated, Tags: c.create.Tags,
	}
	switch {
	case c.until.IsZero():
		row.Unpriced, row.UsageSource = "the answer does not say how long the context cache is held", ledger.Unknown
		return row
	case c.tokens <= 0:
		row.Unpriced, row.UsageSource = "the answer does not say how many tokens the context cache holds", ledger.Unknown
		return row
	}
	cost, err := prices.Storage(c.query, c.tokens, c.from, c.until)
	if err != nil {
		row.Unpriced = reasonOf(err)
		return row
	}
	row.Usage.StorageTokenSeconds = cost.TokenSeconds - c.seconds
	row.Cost, row.PriceID = ledger.Known(cost.Cost-c.cost), cost.PriceID
	c.cost, c.seconds = cost.Cost, cost.TokenSeconds
	return row
}
