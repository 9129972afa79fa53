package llmtest

import (
	"cmp"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Cache is a cachedContents that a server has, or had.
type Cache struct {
	// Name is the resource name: "cachedContents/..." for Gemini, and
	// "projects/NUMBER/locations/.../cachedContents/..." for Vertex.
	Name string
	// Model is the model that the cache is for, without a path.
	Model string
	// Tokens is the number of tokens that are stored, and that each use of the cache
	// reads.
	Tokens int64
	// Created is when the cache was created. Expires is when it expires, or expired, by
	// its latest setting. Deleted is when it was deleted or killed, and zero if it was not.
	Created, Expires, Deleted time.Time
}

// Alive reports whether c existed at the given time: it was created, not yet deleted and
// not expired.
func (c Cache) Alive(at time.Time) bool {
	return !at.Before(c.Created) && at.Before(c.end())
}

// Stored returns for how long c had been stored at the time now. Storage ends when the
// cache is deleted or expires. A provider charges for Tokens times this duration.
func (c Cache) Stored(now time.Time) time.Duration {
	if end := c.end(); end.Before(now) {
		now = end
	}
	return max(0, now.Sub(c.Created))
}

// TokenTime returns Tokens times the nanoseconds of [Cache.Stored], exactly.
func (c Cache) TokenTime(now time.Time) *big.Int {
	return new(big.Int).Mul(big.NewInt(c.Tokens), big.NewInt(int64(c.Stored(now))))
}

func (c Cache) end() time.Time {
	if !c.Deleted.IsZero() && c.Deleted.Before(c.Expires) {
		return c.Deleted
	}
	return c.Expires
}

// cacheRecord is a cache with what only its REST resource shows.
type cacheRecord struct {
	Cache
	modelName   string // in full
	displayName string
	updated     time.Time
	owner       string // the key that may use it; "" for those of Server.NewCache, and all if keys are ignored
}

// usableBy reports whether requests with the key may use the cache.
func (c cacheRecord) usableBy(owner string) bool { return c.owner == "" || c.owner == owner }

// cacheStore holds all caches that were ever created, in order.
type cacheStore struct {
	mu     sync.Mutex
	caches []*cacheRecord
}

// all returns every cache, dead or alive.
func (s *cacheStore) all() []Cache {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Cache, len(s.caches))
	for i, c := range s.caches {
		all[i] = c.Cache
	}
	return all
}

// add names a cache and stores it.
func (s *cacheStore) add(c cacheRecord, g googlePath, seed uint64) cacheRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Name = g.cacheName(cacheID(g, seed, len(s.caches)))
	c.modelName = g.modelName(c.Model)
	c.updated = c.Created
	s.caches = append(s.caches, &c)
	return c
}

// cacheID returns the id of the n-th cache: a number for Vertex, forty letters and digits
// for Gemini.
func cacheID(g googlePath, seed uint64, n int) string {
	seed = mix(seed + 40)
	if g.vertex {
		return strconv.FormatUint(draw(seed, uint64(n))>>1|1<<61, 10)
	}
	var id strings.Builder
	for i := range uint64(4) {
		part := strconv.FormatUint(draw(seed+i, uint64(n))|1<<63, 36)
		id.WriteString(part[len(part)-10:])
	}
	return id.String()
}

// find returns the cache with the name, or nil. s.mu is held.
func (s *cacheStore) find(name string) *cacheRecord {
	i := slices.IndexFunc(s.caches, func(c *cacheRecord) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return s.caches[i]
}

// lookUp returns a copy of the cache with the name that belongs to the key, and whether there
// is one.
func (s *cacheStore) lookUp(name, owner string) (cacheRecord, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.find(name); c != nil && c.usableBy(owner) {
		return *c, true
	}
	return cacheRecord{}, false
}

// count returns how many caches are alive, and how many were at most at the same time until then.
func (s *cacheStore) count(now time.Time) (live, peak int) {
	type change struct {
		at time.Time
		by int
	}
	var changes []change
	for _, c := range s.all() {
		if end := c.end(); end.After(c.Created) {
			changes = append(changes, change{c.Created, 1}, change{end, -1})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { // at the same time, the end of one comes first
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.by, b.by))
	})
	for _, c := range changes {
		if c.at.After(now) {
			break
		}
		live += c.by
		peak = max(peak, live)
	}
	return live, peak
}

// alive returns the caches of a key under a path that are alive, the newest first.
func (s *cacheStore) alive(g googlePath, owner string, now time.Time) (all []cacheRecord) {
	prefix := g.cacheName("")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range slices.Backward(s.caches) {
		if strings.HasPrefix(c.Name, prefix) && c.Alive(now) && c.usableBy(owner) {
			all = append(all, *c)
		}
	}
	return all
}

// update changes the cache with the name, which must exist, and returns a copy of it.
func (s *cacheStore) update(name string, change func(*cacheRecord)) cacheRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(name)
	change(c)
	return *c
}

// kill deletes the cache with the name, and reports whether it was alive.
func (s *cacheStore) kill(name string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(name)
	if c == nil || !c.Alive(now) {
		return false
	}
	c.Deleted = now
	return true
}
