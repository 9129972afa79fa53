package llmtest

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cache is one of the cachedContents that a server has, or had.
type Cache struct {
	// Name is its resource name: "cachedContents/..." at Gemini's, and
	// "projects/NUMBER/locations/.../cachedContents/..." at Vertex'.
	Name string
	// Model is the model that it is for, without a path.
	Model string
	// Tokens is what it keeps, and what each use of it reads.
	Tokens int64
	// Created is when it was made. Expires is when its time is up, as it was set
	// last, and may have passed. Deleted is when it was deleted or killed, zero if
	// it was not.
	Created, Expires, Deleted time.Time
}

// Alive says whether c could be used at a time.
func (c Cache) Alive(at time.Time) bool {
	return !at.Before(c.Created) && at.Before(c.end())
}

// Stored returns how long c had been kept by the time now, which ends when it is
// deleted or expires. A provider charges Tokens for that long.
func (c Cache) Stored(now time.Time) time.Duration {
	if end := c.end(); end.Before(now) {
		now = end
	}
	return max(0, now.Sub(c.Created))
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
	resource, display string // the model's full name, and a label
	updated           time.Time
}

// Caches returns every cache that was ever made, dead or alive, in order.
func (s *Server) Caches() []Cache {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Cache, len(s.caches))
	for i, c := range s.caches {
		all[i] = c.Cache
	}
	return all
}

// NewCache makes a cache, as if somebody had created it elsewhere, and returns its
// name. It has exactly ttl to live, and none if ttl <= 0: then it is expired.
// The model may be a bare name or "models/..." for Gemini's, and for Vertex'
// "projects/.../locations/.../publishers/google/models/...". It does not appear in
// [Server.Meter].
func (s *Server) NewCache(model string, tokens int64, ttl time.Duration) string {
	g := googleAt("v1/" + model)
	now := time.Now()
	return s.addCache(g, cacheRecord{
		Cache: Cache{Model: shortModel(model), Tokens: tokens, Created: now, Expires: now.Add(max(ttl, 0))},
	}).Name
}

// KillCache deletes a cache behind everybody's back, as a provider or a colleague
// does, and says whether there was one of this name alive.
func (s *Server) KillCache(name string) bool {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.findCache(name)
	if c == nil || !c.Alive(now) {
		return false
	}
	c.Deleted = now
	return true
}

// addCache names a cache and files it.
func (s *Server) addCache(g google, c cacheRecord) cacheRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Name = g.cacheName(s.cacheID(g, len(s.caches)))
	c.resource = g.modelName(c.Model)
	c.updated = c.Created
	s.caches = append(s.caches, &c)
	return c
}

// cacheID returns the n-th cache's id: a number at Vertex', forty letters and
// digits at Gemini's.
func (s *Server) cacheID(g google, n int) string {
	seed := mix(s.cfg.Seed + 40)
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

// cacheName is the full name of a cache.
func (g google) cacheName(id string) string { return g.parent() + "cachedContents/" + id }

// findCache returns the cache of this name, or nil. s.mu is held.
func (s *Server) findCache(name string) *cacheRecord {
	i := slices.IndexFunc(s.caches, func(c *cacheRecord) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return s.caches[i]
}

// lookUp returns what is known of a cache, and false if nothing is.
func (s *Server) lookUp(name string) (cacheRecord, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.findCache(name); c != nil {
		return *c, true
	}
	return cacheRecord{}, false
}
