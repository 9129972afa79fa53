package middleware

import (
	"strings"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// maxStored is how many context caches are remembered, to know what it means that one is prolonged or deleted.
const maxStored = 16384

// stores are the context caches that were made through this chain, by name. Holding one costs by the time, whether it is
// read or not: a row says so at once for all of its time to live, and others correct that when it is prolonged, cut short
// or deleted, so that the rows always add up to what will be charged as things stand. The zero stores are ready.
type stores struct {
	mu     sync.Mutex
	caches map[string]*stored
	order  []string // the oldest first
}

// stored is a context cache, and what the rows so far say of its storage.
type stored struct {
	create  ledger.Row
	query   price.Query
	tokens  int64
	from    time.Time
	until   time.Time
	cost    price.Pico
	seconds int64
}

// storage accounts for what an answer says about a context cache.
func (a *attempt) storage() {
	call, is := &a.r.call, a.reader.Answer.Stored
	served := a.status >= 200 && a.status <= 299
	switch {
	case call.Operation == wire.DeleteCache:
		is = wire.Stored{Name: call.Cache, Deleted: true} // which its status says: few read the answer
	case call.Operation == wire.UpdateCache && (served && is.Name == "" || a.row.Outcome == policy.Ambiguous):
		a.prolonged(call.Cache, "nobody knows how long the context cache is held: the answer to a change of that was not seen")
		return
	}
	if is.Name == "" || !served {
		return
	}
	name := storedName(is.Name)
	s := &a.r.engine.stored
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.caches[name]
	switch {
	case call.Operation == wire.CreateCache:
		c = a.stored(is)
		s.put(name, c)
	case c == nil && is.Deleted:
		return // made by somebody else, whose rows have it
	case c == nil:
		a.prolonged(is.Name, "the context cache was made elsewhere: what it costs to hold it for longer is not known")
		return
	case is.Deleted:
		s.drop(name)
		is.Expires = time.Now().UTC()
		if !c.until.IsZero() && c.until.Before(is.Expires) {
			is.Expires = c.until
		}
	}
	if c.until = is.Expires; c.until.Before(c.from) && !c.until.IsZero() {
		c.until = c.from
	}
	a.r.emit(c.row(a.r.engine.book.Catalog()))
}

// storedName is a context cache's name without its project: Vertex AI's answers have its number there, and requests its id.
func storedName(name string) string {
	if _, after, ok := strings.Cut(name, "/locations/"); ok {
		return after
	}
	return name
}

// prolonged leaves a row for a change of a context cache whose cost is not known.
func (a *attempt) prolonged(name, why string) {
	var row ledger.Row
	a.r.fill(&row)
	row.Attempt, row.At, row.Operation, row.Cache = 1, time.Now().UTC(), wire.CacheStorage, name
	row.Outcome, row.UsageSource, row.Unpriced = policy.Storage, ledger.Unknown, why
	a.r.emit(&row)
}

// stored is what a new context cache costs to hold.
func (a *attempt) stored(is wire.Stored) *stored {
	q := a.query("")
	q.Model = is.Model
	from := is.Created
	if now := time.Now(); from.Before(now.Add(-time.Hour)) || from.After(now.Add(time.Hour)) {
		from = a.start // the provider's clock cannot be trusted
	}
	return &stored{create: a.row, query: q, tokens: is.Tokens, from: from}
}

// row is the row that makes the rows so far tell what it costs to hold the cache until its end.
func (c *stored) row(prices *price.Catalog) *ledger.Row {
	row := &ledger.Row{
		Call: newID(time.Now()), Attempt: 1, Parent: c.create.Call, At: time.Now().UTC(),
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

func (s *stores) put(name string, c *stored) {
	if s.caches == nil {
		s.caches = make(map[string]*stored)
	}
	if _, ok := s.caches[name]; !ok {
		s.order = append(s.order, name)
	}
	s.caches[name] = c
	if len(s.order) > maxStored {
		delete(s.caches, s.order[0])
		s.order = s.order[1:]
	}
}

// drop forgets a cache. Its place in the order is given up when that comes to it.
func (s *stores) drop(name string) { delete(s.caches, name) }
